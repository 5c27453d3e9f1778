"""Quantum graphs: what a pipeline will run on the data that there are, and why.

`build_graph` makes one; `QuantumGraph.read` and `GraphFile` open one with NumPy alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.at_need import at_need
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
    from bunter.graph.decisions import Decision, read_decisions
    from bunter.graph.precedents import Precedent

__all__ = [
    "DatasetPart",
    "DatasetTable",
    "Decision",
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
    "read_decisions",
]


# The builder and what goes into it bring the query language along, which a worker does not need.
_HOMES = {
    "build": ["build_graph"],
    "decisions": ["Decision", "read_decisions"],
    "precedents": ["Precedent"],
}

__getattr__ = at_need(globals(), _HOMES)
