"""What operators have decided about a task and about one of its quanta, as a graph remembers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.query.bound import KeyColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.dimensions import Universe
    from bunter.graph.quantum_graph import QuantumGraph

__all__ = ["decision_sentence", "decisions_about", "overrides_of"]


def decision_sentence(plain: Mapping[str, Any]) -> str:
    """Say a decision of a graph's header: what, where, who and why."""
    what = f"{plain['for']} is taken from {plain['use']}" if "use" in plain else f"no {plain['veto']} is used"
    return f"{what} where {plain['where']}: {plain['reason']} ({plain['author']})"


def decisions_about(graph: QuantumGraph, label: str) -> list[Mapping[str, Any]]:
    """Return the decisions about a task, or about what it reads."""
    subjects = {label} | {e.dataset_type for e in graph.edges.values() if e.label == label and "input" in e.kind}
    subjects |= {e.dataset_type for e in graph.edges.values() if e.label == label and e.kind == "prerequisite"}
    return [one for one in graph.header.decisions if (one.get("for") or one["veto"]) in subjects]


def overrides_of(graph: QuantumGraph, row: int, universe: Universe) -> list[Mapping[str, Any]]:
    """Return the overrides that have decided what a quantum reads.

    One whose condition needs more than the quantum's data ID, such as the kind of an exposure, is left out: the graph does
    not hold what would tell.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    row : int
        The quantum.
    universe : Universe
        Its dimensions.
    """
    label, own = graph.place(row)
    overrides = [one for one in decisions_about(graph, label) if "use" in one]
    if not overrides:
        return []
    data_id = graph.tasks[label].keys.data_id(own)
    return [one for one in overrides if _holds(one["where"], data_id, universe)]


def _holds(where: str, data_id: Mapping[str, Any], universe: Universe) -> bool:
    from bunter.graph.conditions import bind_conjuncts

    known = {name: value for name, value in data_id.items() if value is not None}
    for conjunct in bind_conjuncts(where, scope=universe.conform(known)):
        columns: dict[Any, Any] = {}
        for column in conjunct.columns:
            if not isinstance(column, KeyColumn) or column.dimension not in known:
                return False
            columns[column] = np.ma.masked_array([known[column.dimension]], [False])
        if not conjunct.test(columns, 1)[0]:
            return False
    return True
