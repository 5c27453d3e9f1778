"""Quantum graphs: what a pipeline will run on the data that there are, and why.

`build_graph` makes one; `QuantumGraph.read` and `GraphFile` open one with NumPy alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.graph.explanation import Explanation
from bunter.graph.file import GraphFile
from bunter.graph.header import Header
from bunter.graph.parts import DatasetPart, EdgePart
from bunter.graph.predicted import dataset_nonce, predicted_id
from bunter.graph.quantum import Quantum, QuantumRef
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.tables import DatasetTable, Edges, QuantumTable

if TYPE_CHECKING:
    from bunter.graph.build import build_graph
    from bunter.graph.precedents import Precedent

__all__ = [
    "DatasetPart",
    "DatasetTable",
    "EdgePart",
    "Edges",
    "Explanation",
    "GraphFile",
    "Header",
    "Precedent",
    "Quantum",
    "QuantumGraph",
    "QuantumRef",
    "QuantumTable",
    "build_graph",
    "dataset_nonce",
    "predicted_id",
]


def __getattr__(name: str) -> Any:
    # The builder brings the query language along, which a worker does not need.
    if name == "build_graph":
        from bunter.graph.build import build_graph

        return build_graph
    if name == "Precedent":
        from bunter.graph.precedents import Precedent

        return Precedent
    raise AttributeError(f"module 'bunter.graph' has no attribute {name!r}")
