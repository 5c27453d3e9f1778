"""What quanta read, as far as it is there before they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.execution.message import made_from
from bunter.execution.stored import stored_artifacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bunter.dataset import StoredArtifact
    from bunter.execution.message import Made
    from bunter.execution.receipt import Told
    from bunter.graph import QuantumGraph


__all__ = ["input_rows", "made_by", "needed_artifacts"]


def made_by(told: Told) -> dict[int, Made]:
    """Return what the jobs of a run have made, by number of the dataset."""
    outputs = [output for receipt in told.receipts for output in receipt.outputs]
    return {one.row: one for one in made_from(outputs, told.artifacts)}


def needed_artifacts(
    graph: QuantumGraph,
    quanta: Iterable[int],
    made: Mapping[int, Made],
    *,
    counts: Callable[[str], bool] | None = None,
) -> list[StoredArtifact]:
    """Return the artifacts that quanta read and that are there before they begin, each once.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    quanta : iterable of int
        Numbers of quanta.
    made : mapping of int to Made
        What other quanta have made, by number of the dataset.
    counts : callable, optional
        Tells whether datasets of a type count, by its name; without it all do.
    """
    found: dict[tuple[str, str], StoredArtifact] = {}
    for row in input_rows(graph, quanta):
        if counts is not None and not counts(graph.ref(row).dataset_type):
            continue
        if (one := made.get(row)) is not None:
            stored = stored_artifacts(graph.ref(row).id, one)
        else:
            stored = list(graph.ref(row).artifacts)
        found.update(((item.datastore, item.key), item) for item in stored)
    return list(found.values())


def input_rows(graph: QuantumGraph, quanta: Iterable[int]) -> list[int]:
    """Return the numbers of the datasets that quanta read, in order."""
    rows: set[int] = set()
    for quantum in quanta:
        label, own = graph.place(quantum)
        for edge in graph.connections(label):
            if edge.is_read:
                table = graph.datasets[edge.dataset_type]
                rows.update(table.number(row) for row in edge.of_quantum(own))
    return sorted(rows)
