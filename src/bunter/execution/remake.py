"""What must be made once more because it was not kept, and somebody who has not succeeded reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from bunter.graph import QuantumGraph

__all__ = ["makers_of_gone"]

_READ = frozenset({"input", "prerequisite"})


def makers_of_gone(graph: QuantumGraph, gone: Iterable[int], todo: Iterable[int]) -> set[int]:
    """Return the quanta that have to be run again so that others find what they read.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    gone : iterable of int
        Datasets, by row in the graph, that were made and dropped, or never written.
    todo : iterable of int
        Quanta that are to be run.
    """
    rows: Sequence[int] = sorted(gone)
    if not rows:
        return set()
    is_gone = np.zeros(sum(map(len, graph.datasets.values())), bool)
    is_gone[rows] = True
    runs = np.zeros(len(graph), bool)
    runs[list(todo)] = True
    asked = runs.copy()
    while (more := _makers(graph, is_gone & _read(graph, runs, len(is_gone))) & ~runs).any():
        runs |= more
    return set(np.flatnonzero(runs & ~asked).tolist())


def _read(graph: QuantumGraph, runs: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Which datasets some quanta read."""
    found = np.zeros(size, bool)
    for edge in graph.edges.values():
        if edge.kind in _READ:
            quanta = edge.quanta + graph.tasks[edge.label].first
            found[edge.datasets[runs[quanta]] + graph.datasets[edge.dataset_type].first] = True
    return found


def _makers(graph: QuantumGraph, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which quanta write some datasets."""
    found = np.zeros(len(graph), bool)
    for edge in graph.edges.values():
        if edge.kind == "output":
            rows = edge.datasets + graph.datasets[edge.dataset_type].first
            found[edge.quanta[wanted[rows]] + graph.tasks[edge.label].first] = True
    return found
