"""Some of the quanta of a graph, as people name them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bunter.errors import GraphError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.graph import QuantumGraph

__all__ = ["find_quantum", "select_quanta"]

_RANGE = re.compile(r"\s*(\d+)(?:\s*\.\.\s*(\d+))?\s*")


def select_quanta(
    graph: QuantumGraph,
    *,
    ranges: str = "",
    labels: Sequence[str] = (),
    values: Mapping[str, object] | None = None,
) -> tuple[int, ...]:
    """Return the quanta that are in the ranges, belong to the tasks, and have the values.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    ranges : str, optional
        Numbers, such as ``0..99,200``; both ends are in.
    labels : sequence of str, optional
        Tasks; all if none is given.
    values : mapping, optional
        Values of dimensions; a task that lacks one of the dimensions has no such quanta.

    Raises
    ------
    GraphError
        If nothing is left, or the graph has no such numbers, tasks or dimensions.
    """
    wanted = _numbers(graph, ranges) if ranges else None
    found: list[int] = []
    values = values or {}
    _refuse_unknown(graph, values)
    for label in labels or graph.tasks:
        keys = graph.table(label).keys
        if all(name in keys.codes for name in values):
            rows = graph.find(label, values)
            found += rows if wanted is None else [row for row in rows if row in wanted]
    if not found:
        raise GraphError("the graph has no such quanta; `bunter qgraph show GRAPH --task LABEL` lists those it has")
    return tuple(sorted(found))


def _numbers(graph: QuantumGraph, ranges: str) -> set[int]:
    numbers: set[int] = set()
    for part in ranges.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise GraphError(f"{part!r} is no range of quanta; write 7, or 0..99")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last >= graph.totals[0]:
            raise GraphError(f"the graph has quanta 0 to {graph.totals[0] - 1}, not {part.strip()}")
        numbers.update(range(first, last + 1))
    return numbers


def _refuse_unknown(graph: QuantumGraph, values: Mapping[str, object]) -> None:
    known = {name for table in graph.tasks.values() for name in table.keys.codes}
    for name in values:
        if name not in known:
            hint = near(name, sorted(known)) or f"; they have {', '.join(sorted(known))}"
            raise GraphError(f"no task of the graph has the dimension {name!r}{hint}")


def find_quantum(graph: QuantumGraph, text: str, values: Mapping[str, object]) -> int:
    """Return the one quantum that is meant by its number, or by the label of its task and values of dimensions.

    Raises
    ------
    GraphError
        If there is none, or there are several.
    """
    if text.isdigit():
        return next(iter(_numbers(graph, text)))
    found = select_quanta(graph, labels=[text], values=values)
    if len(found) > 1:
        raise GraphError(
            f"{len(found)} quanta of {text!r} have these values; give more, or one of the numbers {found[:5]}"
        )
    return found[0]
