"""Choosing part of a pipeline: ``file.yaml#isr..warp,subset`` and ``--select-tasks '>= warp & ~S:plots'``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bunter.errors import PipelineError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.pipeline.wiring import Wiring

__all__ = ["select_labels", "select_tasks"]

_TOKEN = re.compile(r"\s*(?:(<=|>=|[<>|&~()])|((?:[TDS]:)?[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*))")
_LONGEST = 10_000
_DEEPEST = 100


def select_labels(spec: str, wiring: Wiring, subsets: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the labels that a list of labels, subsets and ranges names, in the pipeline's order.

    Parameters
    ----------
    spec : str
        Labels and subsets separated by commas; ``a..b`` is everything on a path from a to b, ``a..`` and ``..b`` are
        open.
    wiring : Wiring
        The whole pipeline.
    subsets : Mapping[str, tuple[str, ...]]
        Labels by name of the subset.

    Raises
    ------
    PipelineError
        If a name is unknown or a part is empty.
    """
    chosen: set[str] = set()
    for part in (word.strip() for word in spec.split(",")):
        if ".." in part and part != "..":
            first, _, last = part.partition("..")
            chosen |= set(wiring.between(first.strip() or None, last.strip() or None))
        elif part in subsets:
            chosen |= set(subsets[part])
        elif part in wiring.reads:
            chosen.add(part)
        else:
            offer = near(part, [*wiring.reads, *subsets]) or f"; the tasks are: {', '.join(wiring.reads)}"
            raise PipelineError(f"{part!r} in '#{spec}' is no task or subset{offer}")
    return [label for label in wiring.reads if label in chosen]


def select_tasks(expression: str, wiring: Wiring, subsets: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the labels that a set expression selects, in the pipeline's order.

    Parameters
    ----------
    expression : str
        Operands are labels, dataset types and subsets (a name means a task first, then a subset, then a dataset type,
        unless ``T:``, ``S:`` or ``D:`` says which); operators ``|``, ``&``, ``~``, and in front of an operand ``<``
        (what it comes from), ``>`` (what comes from it), ``<=``, ``>=``.
    wiring : Wiring
        The whole pipeline.
    subsets : Mapping[str, tuple[str, ...]]
        Labels by name of the subset.

    Raises
    ------
    PipelineError
        If the expression cannot be read, a name is unknown, or no task is selected.
    """
    nodes = _Reader(expression, wiring, subsets).read()
    labels = [label for label in wiring.reads if f"T:{label}" in nodes]
    if not labels:
        raise PipelineError(
            f"{expression!r} selects no task; a dataset type alone is none: write '> name' or '<= name'"
        )
    return labels


class _Reader:
    """Reads and evaluates one expression by recursive descent."""

    def __init__(self, text: str, wiring: Wiring, subsets: Mapping[str, tuple[str, ...]]) -> None:
        self.text, self.wiring, self.subsets = text, wiring, subsets
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0

    def _tokens(self) -> list[tuple[str, int]]:
        if len(self.text) > _LONGEST:
            raise PipelineError(f"the expression has more than {_LONGEST} characters")
        found, position, end = [], 0, len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self._error("this is no label or operator", position)
            found.append((match[1] or match[2], match.start(1) if match[1] else match.start(2)))
            position = match.end()
        return found

    def _error(self, message: str, position: int) -> PipelineError:
        return PipelineError(f"{message}\n  {self.text}\n  {' ' * position}^")

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _position(self) -> int:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else len(self.text)

    def _take(self, *words: str) -> str:
        word = self._peek()
        if word and word in words:
            self.at += 1
            return word
        return ""

    def read(self) -> set[str]:
        """Return the selected nodes."""
        nodes = self._or()
        if self.at < len(self.tokens):
            raise self._error("an operator is missing here", self._position())
        return nodes

    def _or(self) -> set[str]:
        nodes = self._and()
        while self._take("|"):
            nodes = nodes | self._and()
        return nodes

    def _and(self) -> set[str]:
        nodes = self._unary()
        while self._take("&"):
            nodes = nodes & self._unary()
        return nodes

    def _unary(self) -> set[str]:
        operator = self._take("~", "<", ">", "<=", ">=", "(")
        if not operator:
            return self._operand()
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error(f"nested more than {_DEEPEST} deep", self._position())
        nodes = self._bracketed() if operator == "(" else self._applied(operator, self._unary())
        self.depth -= 1
        return nodes

    def _bracketed(self) -> set[str]:
        nodes = self._or()
        if not self._take(")"):
            raise self._error("a ')' is missing here", self._position())
        return nodes

    def _applied(self, operator: str, nodes: set[str]) -> set[str]:
        if operator == "~":
            return self.wiring.nodes() - nodes
        reached = self.wiring.ancestors(nodes) if "<" in operator else self.wiring.descendants(nodes)
        return reached | nodes if "=" in operator else reached

    def _operand(self) -> set[str]:
        word, position = self._peek(), self._position()
        if not word or word in {")", "|", "&"}:
            raise self._error("a task, dataset type or subset is missing here", position)
        self.at += 1
        return self._named(word, position)

    def _named(self, word: str, position: int) -> set[str]:
        kind, _, name = word.rpartition(":")
        meanings = {
            "T": {f"T:{name}"} & self.wiring.nodes(),
            "S": {f"T:{label}" for label in self.subsets.get(name, ())},
            "D": {f"D:{name}"} & self.wiring.nodes(),
        }
        meant = {key: nodes for key, nodes in meanings.items() if nodes and (not kind or key == kind)}
        if not meant:
            known = [*self.wiring.reads, *self.wiring.dataset_types(), *self.subsets]
            raise self._error(f"{word!r} is no task, dataset type or subset{near(name, known)}", position)
        return next(iter(meant.values()))
