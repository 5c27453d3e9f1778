"""Quantum graphs: what a pipeline will run on the data that there are, and why.

`build_graph` makes one; `QuantumGraph.read` and `GraphFile` open one with NumPy alone.
"""

from __future__ import annotations

from bunter.graph.file import GraphFile
from bunter.graph.header import Header
from bunter.graph.parts import DatasetPart, EdgePart
from bunter.graph.predicted import dataset_nonce, predicted_id
from bunter.graph.quantum import Quantum, QuantumRef
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.tables import DatasetTable, Edges, QuantumTable

__all__ = [
    "DatasetPart",
    "DatasetTable",
    "EdgePart",
    "Edges",
    "GraphFile",
    "Header",
    "Quantum",
    "QuantumGraph",
    "QuantumRef",
    "QuantumTable",
    "dataset_nonce",
    "predicted_id",
]
