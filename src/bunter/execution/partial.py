"""Who can do without what has failed: the pairs of quanta that a failure does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bunter.graph import QuantumGraph
    from bunter.graph.keys import Array
    from bunter.pipeline import PipelineGraph

__all__ = ["partial_edges"]


def partial_edges(graph: QuantumGraph, pipeline: PipelineGraph) -> tuple[Array, Array] | None:
    """Return the pairs of quanta of which the second reads what the first writes, and can do without it.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    pipeline : PipelineGraph
        Its pipeline, which says of connections whether they are ``partial``.

    Returns
    -------
    parents, children : array of int64
        Rows of quanta; None if there are none.
    """
    inputs = [(task.label, one) for task in pipeline.tasks for one in task.inputs if task.label in graph.tasks]
    if not any(one.partial for _, one in inputs):
        return None
    found: dict[bool, set[tuple[int, int]]] = {True: set(), False: set()}
    needy = {label for label, one in inputs if one.partial}
    for label, one in inputs:
        if label in needy:
            found[one.partial] |= _pairs(graph, label, one.name)
    pairs = np.array(sorted(found[True] - found[False]), np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _pairs(graph: QuantumGraph, label: str, connection: str) -> set[tuple[int, int]]:
    """Rows of quanta that are linked by a dataset which one writes and another reads through a connection."""
    read = graph.edges.get((label, connection))
    if read is None or read.dataset_type not in graph.producers:
        return set()
    parents = graph.producers[read.dataset_type][read.datasets]
    children = graph.tasks[label].numbers(read.quanta)
    there = parents >= 0
    return set(zip(parents[there].tolist(), children[there].tolist(), strict=True))
