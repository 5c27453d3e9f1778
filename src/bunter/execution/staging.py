"""Parts of a graph in folders: the inputs of some quanta go in, what they make comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.execution.quantum_butler import stored_artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.dataset import StoredArtifact
    from bunter.execution.message import Made
    from bunter.graph import QuantumGraph

__all__ = ["needed_artifacts"]

_READ = {"input", "prerequisite"}


def needed_artifacts(graph: QuantumGraph, quanta: Iterable[int], made: Mapping[int, Made]) -> list[StoredArtifact]:
    """Return the artifacts that quanta read and that are there before they begin, each once.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    quanta : iterable of int
        Numbers of quanta.
    made : mapping of int to Made
        What other quanta have made, by number of the dataset.
    """
    found: dict[tuple[str, str], StoredArtifact] = {}
    for row in input_rows(graph, quanta):
        if (one := made.get(row)) is not None:
            stored = [stored_artifact(graph.ref(row).id, one.artifact, one.selector)]
        else:
            stored = list(graph.ref(row).artifacts)
        found.update(((item.datastore, item.key), item) for item in stored)
    return list(found.values())


def input_rows(graph: QuantumGraph, quanta: Iterable[int]) -> list[int]:
    """Return the numbers of the datasets that quanta read, ascending."""
    rows: set[int] = set()
    for quantum in quanta:
        label, own = graph.place(quantum)
        for edge in graph.connections(label):
            if edge.kind in _READ:
                first = graph.datasets[edge.dataset_type].first
                rows.update(first + row for row in edge.of_quantum(own))
    return sorted(rows)
