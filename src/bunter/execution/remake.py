"""What must be made once more because it was not kept, and somebody who has not succeeded reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from bunter.graph import QuantumGraph

__all__ = ["makers_of_gone"]


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
    is_gone = np.zeros(graph.totals[1], bool)
    is_gone[rows] = True
    runs = np.zeros(graph.totals[0], bool)
    runs[list(todo)] = True
    asked = runs.copy()
    while (more := _makers(graph, is_gone & _read(graph, runs, len(is_gone))) & ~runs).any():
        runs |= more
    return set(np.flatnonzero(runs & ~asked).tolist())


def _read(graph: QuantumGraph, runs: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Which datasets some quanta read."""
    found = np.zeros(size, bool)
    for edge in graph.edges.values():
        if edge.is_read:
            quanta = graph.tasks[edge.label].numbers(edge.quanta)
            found[graph.datasets[edge.dataset_type].numbers(edge.datasets[runs[quanta]])] = True
    return found


def _makers(graph: QuantumGraph, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which quanta write some datasets."""
    found = np.zeros(graph.totals[0], bool)
    for edge in graph.edges.values():
        if edge.kind == "output":
            rows = graph.datasets[edge.dataset_type].numbers(edge.datasets)
            found[graph.tasks[edge.label].numbers(edge.quanta[wanted[rows]])] = True
    return found
