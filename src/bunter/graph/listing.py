"""The quanta of a graph for people: as columns of a table, and one with all that it reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.graph.keys import Array
    from bunter.graph.quantum import Quantum, QuantumRef
    from bunter.graph.quantum_graph import QuantumGraph
    from bunter.graph.tables import Edges

__all__ = ["described", "quanta_columns"]


def quanta_columns(graph: QuantumGraph, label: str, data_id: Mapping[str, object]) -> dict[str, Array]:
    """Return the quanta of a task that have some values.

    Returns
    -------
    dict of str to array
        ``row``, the number of each in the graph; the values of each required dimension; and for each connection the number of
        datasets that each reads or writes.
    """
    table = graph.table(label)
    own = table.keys.find(data_id)
    columns = {"row": table.numbers(own)}
    for name in table.keys.required:
        columns[name] = table.keys.vocabulary.decode(name, table.keys.column(name)[own])
    working = [edge for edge in graph.connections(label) if not edge.kind.startswith("init")]
    # Inputs first, as quanta name them.
    for edge in sorted(working, key=lambda one: one.kind == "output"):
        columns[edge.connection] = _counts(edge, own)
    return columns


def _counts(edge: Edges, own: Array) -> Array:
    if edge.begin is None:
        return np.ones(len(own), np.int64)
    counts: Array = edge.begin[own + 1].astype(np.int64) - edge.begin[own]
    return counts


def described(quantum: Quantum) -> dict[str, Any]:
    """Return a quantum as plain values for JSON."""
    sides = {"inputs": quantum.inputs, "outputs": quantum.outputs}
    return {"row": quantum.row, "task": quantum.label, "data_id": dict(quantum.data_id)} | {
        side: {name: [_described(ref) for ref in refs] for name, refs in found.items()} for side, found in sides.items()
    }


def _described(ref: QuantumRef) -> dict[str, Any]:
    plain = {"id": str(ref.uuid), "dataset_type": ref.dataset_type, "data_id": dict(ref.data_id), "run": ref.run}
    return plain | {"exists": ref.exists, "artifacts": [artifact.key for artifact in ref.artifacts]}
