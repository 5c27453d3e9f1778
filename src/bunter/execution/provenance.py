"""What a run is called in the history of the repository: one activity, however often it is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bunter.butler import Butler
    from bunter.graph import QuantumGraph

__all__ = ["registering", "running"]


def running(butler: Butler, graph: QuantumGraph) -> AbstractContextManager[Any]:
    """Let what this thread writes belong to the run, and note how the run ended."""
    return butler.activity(graph.header.output_run, kind="run", key=graph.header.graph_id, **_facts(graph))


def registering(butler: Butler, graph: QuantumGraph) -> AbstractContextManager[Any]:
    """Let what this thread writes belong to the run; it may be another thread than that of the run."""
    return butler.within_activity(graph.header.output_run, kind="run", key=graph.header.graph_id, **_facts(graph))


def _facts(graph: QuantumGraph) -> dict[str, Any]:
    tasks = {edge.dataset_type: edge.label for edge in graph.edges.values() if edge.kind in {"output", "init_output"}}
    return {
        "graph": graph.header.graph_id,
        "inputs": list(graph.header.inputs),
        "where": graph.header.where,
        "quanta": len(graph),
        "tasks": tasks,
    }
