"""YAML as plain data in which each value knows its line.

The schema is YAML 1.2's: ``no`` is text, ``1e5`` a number, a date text. Duplicate keys are refused, and nothing is
executed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from bunter.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Located", "Source", "read_yaml", "read_yaml_file", "scalar_of"]

_COLLECTIONS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_DEEPEST = 40
_LARGEST = 4_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was written: a file and line, or the words of an argument."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def error(self, message: str) -> PipelineError:
        """Return an error that points here."""
        return PipelineError(message, file=self.file, line=self.line)


@dataclass(frozen=True, slots=True)
class Located:
    """A value and its place; inside a mapping or list the values are located too."""

    value: Any
    source: Source

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def mapping(self, what: str) -> Mapping[str, Located]:
        """Return the value, which must be a mapping; nothing at all is an empty one."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.source.error(f"{what} must be a mapping (name: value), not {_describe(self.value)}")
        return self.value

    def items(self, what: str) -> list[Located]:
        """Return the value as a list; a single value is a list of one."""
        if isinstance(self.value, dict):
            raise self.source.error(f"{what} must be a list, not a mapping")
        if self.value is None:
            return []
        return self.value if isinstance(self.value, list) else [self]

    def text(self, what: str) -> str:
        """Return the value, which must be text."""
        if not isinstance(self.value, str):
            raise self.source.error(f"{what} must be text, not {_describe(self.value)}")
        return self.value

    def texts(self, what: str) -> tuple[str, ...]:
        """Return the value as several texts."""
        return tuple(item.text(f"each of {what}") for item in self.items(what))

    def flag(self, what: str) -> bool:
        """Return the value, which must be true or false."""
        if not isinstance(self.value, bool):
            raise self.source.error(f"{what} must be true or false, not {_describe(self.value)}")
        return self.value


def _describe(value: object) -> str:
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), repr(value))


class _Composer(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A composer that resolves scalars as YAML 1.2's core schema does."""


_Composer.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Composer.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    try:
        return int(plain, 0) if plain.lower().lstrip("+-").startswith(("0x", "0o")) else int(plain)
    except ValueError:
        return float(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _scalar(node: yaml.ScalarNode, source: Source) -> object:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        return node.value
    if kind in {"int", "float"}:
        return _number(node.value)
    if kind == "bool":
        return node.value.lower() == "true"
    if kind == "null":
        return None
    raise _foreign_tag(node, source)


def _foreign_tag(node: yaml.Node, source: Source) -> PipelineError:
    return source.error(f"the tag {node.tag!r} is not allowed; write plain data")


class _Builder:
    """Turns composed nodes into located values."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.made: dict[int, Located] = {}

    def located(self, node: yaml.Node, depth: int = 0) -> Located:
        """Return the value of a node; one that is named by several aliases is built once."""
        source = Source(self.file, node.start_mark.line + 1)
        if depth > _DEEPEST:
            raise source.error(f"nested more than {_DEEPEST} deep, or an alias contains itself")
        if id(node) not in self.made:
            self.made[id(node)] = Located(self._value(node, source, depth), source)
        return self.made[id(node)]

    def _value(self, node: yaml.Node, source: Source, depth: int) -> object:
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            raise _foreign_tag(node, source)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.located(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, source)
        raise source.error("this is no plain data")

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Located]:
        found: dict[str, Located] = {}
        for key_node, value_node in node.value:
            place = Source(self.file, key_node.start_mark.line + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                raise place.error("a key must be text")
            key = key_node.value
            if key in found:
                raise place.error(f"the key {key!r} is written twice; its first place is line {found[key].source.line}")
            found[key] = Located(self.located(value_node, depth + 1).value, place)
        if "<<" in found:
            merged = found.pop("<<")
            for one in merged.items("'<<'") if isinstance(merged.value, list) else [merged]:
                found = {**one.mapping("'<<'"), **found}
        return found


def _refuse_deep(text: str, file: str) -> None:
    """Refuse deep nesting before it is composed: PyYAML's C composer recurses, and a deep one ends the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Composer):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                line = None if event.start_mark is None else event.start_mark.line + 1
                raise Source(file, line).error(f"nested more than {_DEEPEST} deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def read_yaml(text: str, file: str) -> Located:
    """Read YAML text.

    Parameters
    ----------
    text : str
        The text.
    file : str
        Its name in messages.

    Raises
    ------
    PipelineError
        With the line, if the text is no YAML, has a key twice, or carries a tag.
    """
    if len(text) > _LARGEST:
        raise PipelineError(f"larger than {_LARGEST // 1_000_000} MB; this cannot be a pipeline", file=file)
    try:
        _refuse_deep(text, file)
        node = yaml.compose(text, Loader=_Composer)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise PipelineError(f"this is no YAML: {error.problem}", file=file, line=line) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise PipelineError(f"this is no YAML: {error}", file=file) from error
    return Located(None, Source(file, 1)) if node is None else _Builder(file).located(node)


def read_yaml_file(path: Path) -> Located:
    """Read a YAML file; a missing one is a PipelineError that says so."""
    try:
        return read_yaml(path.read_text(encoding="utf-8"), str(path))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise PipelineError(f"no file {str(path)!r}") from None
    except UnicodeDecodeError as error:
        raise PipelineError("this is no text in UTF-8", file=str(path)) from error


def scalar_of(text: str) -> Any:
    """Return what a word on the command line means as YAML: a number, truth, list, mapping, or the text itself."""
    try:
        return read_yaml(text, "argument").plain()
    except PipelineError:
        return text
