"""Graphs from plain columns: what the builder hands over, and what tests write by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError
from bunter.graph.keys import KeyTable, Vocabulary, smallest_unsigned
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.tables import DatasetTable, Edges, QuantumTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.graph.artifacts import ArtifactTable
    from bunter.graph.header import Header
    from bunter.graph.keys import Array
    from bunter.graph.tables import EdgeKind

__all__ = ["DatasetPart", "EdgePart", "assemble"]


@dataclass(frozen=True, slots=True, eq=False)
class DatasetPart:
    """Datasets of one type, as plain columns.

    Parameters
    ----------
    columns : mapping of str to sequence
        Values by dimension; empty for a dataset type without dimensions, which has one dataset.
    storage_class : str
        Storage class of the dataset type.
    ids : sequence of bytes, optional
        16 bytes each; None for datasets that the graph will make.
    runs : sequence of str, optional
        The run of each; None for the output run.
    required : tuple of str, optional
        Required dimensions; all columns if not given.
    is_calibration : bool
        Whether the dataset type is one of calibrations.
    artifacts : ArtifactTable, optional
        Where they are stored.
    """

    columns: Mapping[str, Sequence[Any] | Array] = field(default_factory=dict)
    storage_class: str = ""
    ids: Sequence[bytes] | None = None
    runs: Sequence[str] | None = None
    required: tuple[str, ...] | None = None
    is_calibration: bool = False
    artifacts: ArtifactTable | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EdgePart:
    """Pairs of quanta of one task and datasets of one type, through one connection.

    Parameters
    ----------
    label, connection, kind, dataset_type : str
        What is joined; kind is "input", "prerequisite", "output", "init_input" or "init_output".
    quanta, datasets : sequence of int, optional
        The pairs: places among the quanta of the task, and among the datasets of the type. None where quantum i goes
        with dataset i.
    component, storage_class, multiple, deferred
        As declared by the connection.
    """

    label: str
    connection: str
    kind: EdgeKind
    dataset_type: str
    quanta: Sequence[int] | Array | None = None
    datasets: Sequence[int] | Array | None = None
    component: str | None = None
    storage_class: str = ""
    multiple: bool = False
    deferred: bool = False

    def to_edges(self, size: int) -> Edges:
        """Return the edges as columns, for a task with ``size`` quanta."""
        size = 1 if self.kind.startswith("init") else size
        begin, dataset = None, None
        if self.quanta is not None and self.datasets is not None:
            begin, dataset = Edges.compact(np.asarray(self.quanta, np.int64), np.asarray(self.datasets, np.int64), size)
        return Edges(
            label=self.label,
            connection=self.connection,
            kind=self.kind,
            dataset_type=self.dataset_type,
            component=self.component,
            storage_class=self.storage_class,
            size=size,
            multiple=self.multiple,
            deferred=self.deferred,
            begin=begin,
            dataset=dataset,
        )


def assemble(
    header: Header,
    *,
    tasks: Mapping[str, Mapping[str, Sequence[Any]]],
    datasets: Mapping[str, DatasetPart],
    edges: Sequence[EdgePart],
    pipeline: Mapping[str, Any] | None = None,
) -> QuantumGraph:
    """Make a graph from plain columns.

    Parameters
    ----------
    header : Header
        Where it comes from and where results go.
    tasks : mapping of str to mapping of str to sequence
        For each label in topological order, values by dimension.
    datasets : mapping of str to DatasetPart
        By dataset type.
    edges : sequence of EdgePart
        One for each connection.
    pipeline : mapping, optional
        Plain values of the pipeline graph.
    """
    vocabulary = Vocabulary.of([*tasks.values(), *(part.columns for part in datasets.values())])
    quanta: dict[str, QuantumTable] = {}
    shared: dict[int, KeyTable] = {}
    first = 0
    for label, columns in tasks.items():
        keys = shared[id(columns)] = _keys(columns, None, vocabulary)
        quanta[label] = QuantumTable(label, first, keys)
        first += len(keys)
    tables: dict[str, DatasetTable] = {}
    first = 0
    for name, part in datasets.items():
        keys = shared.get(id(part.columns)) or _keys(part.columns, part.required, vocabulary)
        tables[name] = _dataset_table(name, part, keys, first, header.output_run)
        first += len(keys)
    joined = {(edge.label, edge.connection): edge.to_edges(len(quanta[edge.label])) for edge in edges}
    documents = {"pipeline": dict(pipeline or {}), "explanation": {}}
    return QuantumGraph(header, tasks=quanta, datasets=tables, edges=joined, documents=documents)


def _keys(
    columns: Mapping[str, Sequence[Any] | Array], required: tuple[str, ...] | None, vocabulary: Vocabulary
) -> KeyTable:
    sizes = {len(column) for column in columns.values()} or {1}
    if len(sizes) > 1:
        raise GraphError(f"columns {', '.join(columns)} differ in length")
    codes = {
        name: vocabulary.encode(name, column).astype(smallest_unsigned(vocabulary.size(name)))
        for name, column in columns.items()
    }
    required = tuple(columns) if required is None else required
    implied = tuple(name for name in columns if name not in required)
    return KeyTable(required, implied, sizes.pop(), codes, vocabulary)


def _dataset_table(name: str, part: DatasetPart, keys: KeyTable, first: int, output_run: str) -> DatasetTable:
    runs: tuple[str, ...] = (output_run,)
    run = None
    if part.runs is not None:
        runs = tuple(dict.fromkeys(part.runs)) or runs
        run = (
            None if len(runs) == 1 else np.asarray([runs.index(one) for one in part.runs], smallest_unsigned(len(runs)))
        )
    ids = None if part.ids is None else np.frombuffer(b"".join(part.ids), np.uint8).reshape(-1, 16)
    return DatasetTable(
        name, first, keys, part.storage_class, part.is_calibration, runs, run=run, ids=ids, artifacts=part.artifacts
    )
