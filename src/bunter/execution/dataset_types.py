"""Dataset types as a graph has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import DatasetType

if TYPE_CHECKING:
    from bunter.dimensions import Universe
    from bunter.graph import QuantumGraph


__all__ = ["graph_dataset_type"]


def graph_dataset_type(graph: QuantumGraph, name: str, universe: Universe) -> DatasetType:
    """Return a dataset type of a graph as a repository knows it."""
    table = graph.datasets[name]
    return DatasetType(name, universe.conform(table.keys.required), table.storage_class, table.is_calibration)
