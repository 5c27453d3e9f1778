"""The quantum graph: what will run, on what, in which order; all columns, objects only when asked."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError, near
from bunter.graph.predicted import dataset_nonce
from bunter.graph.quantum import Quantum, QuantumRef

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.graph.explanation import Absent, Explanation
    from bunter.graph.header import Header
    from bunter.graph.keys import Array
    from bunter.graph.parts import DatasetPart, EdgePart
    from bunter.graph.tables import DatasetTable, Edges, QuantumTable

__all__ = ["QuantumGraph"]

_INIT = ("init_input", "init_output")


class QuantumGraph:
    """Quanta, datasets and edges of one run.

    Quanta are numbered 0 to n - 1 over all tasks in topological order, so that none reads what a later one writes.
    Datasets are numbered likewise over all dataset types. Make one with `build_graph`, `from_parts` or `read`.

    Parameters
    ----------
    header : Header
        Where it comes from and where results go.
    tasks : mapping of str to QuantumTable
        By label, in topological order.
    datasets : mapping of str to DatasetTable
        By name of the dataset type.
    edges : mapping of (str, str) to Edges
        By label and connection.
    documents : mapping
        ``pipeline`` (plain values of the pipeline graph) and ``explanation`` (plain values of the explanation).
    absent : mapping of str to Absent, optional
        By label, the candidates that are not in the graph, each with its reason.
    totals : tuple of int, optional
        Numbers of quanta and of datasets of the whole, for a part of a graph.
    """

    def __init__(
        self,
        header: Header,
        *,
        tasks: Mapping[str, QuantumTable],
        datasets: Mapping[str, DatasetTable],
        edges: Mapping[tuple[str, str], Edges],
        documents: Mapping[str, Any],
        absent: Mapping[str, Absent] | None = None,
        totals: tuple[int, int] | None = None,
    ) -> None:
        self.header, self.tasks, self.datasets, self.edges, self.documents = header, tasks, datasets, edges, documents
        self.absent: Mapping[str, Absent] = absent or {}
        self.is_part = totals is not None
        self.totals = totals or (sum(map(len, tasks.values())), sum(map(len, datasets.values())))
        self._first_quanta = [table.first for table in tasks.values()]
        self._first_datasets = [table.first for table in datasets.values()]
        self._connections: dict[str, list[Edges]] = {label: [] for label in tasks}
        for (label, _), edge in edges.items():
            self._connections[label].append(edge)
        self._working = {
            label: [edge for edge in found if edge.kind not in _INIT] for label, found in self._connections.items()
        }

    @classmethod
    def from_parts(
        cls,
        header: Header,
        *,
        tasks: Mapping[str, Mapping[str, Sequence[Any]]],
        datasets: Mapping[str, DatasetPart],
        edges: Sequence[EdgePart],
        pipeline: Mapping[str, Any] | None = None,
    ) -> QuantumGraph:
        """Make a graph from plain columns, without a repository; see `bunter.graph.parts`."""
        from bunter.graph.parts import assemble

        return assemble(header, tasks=tasks, datasets=datasets, edges=edges, pipeline=pipeline)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> QuantumGraph:
        """Open a graph file, also by the address of one such as ``s3://bucket/plan.bqg``; columns are read when used."""
        from bunter.graph.file import read_graph

        return read_graph(path)

    def write(self, path: str | os.PathLike[str]) -> int:
        """Write the graph into a new file, or into a new object of a storage service.

        Returns
        -------
        int
            Size of the file in bytes.

        Raises
        ------
        FileExistsError
            If the path is taken; it is left as it is.
        """
        from bunter.graph.file import write_graph

        return write_graph(self, path)

    def __len__(self) -> int:
        return sum(map(len, self.tasks.values()))

    def part(self, quanta: Sequence[int] | Array) -> QuantumGraph:
        """Return the graph of some quanta: with the numbers that they and their datasets have in the whole.

        Parameters
        ----------
        quanta : sequence of int
            Their numbers, in any order.
        """
        from bunter.graph.part import part_of

        return part_of(self, np.asarray(quanta, np.int64))

    @property
    def numbers(self) -> Array:
        """Numbers of the quanta, ascending int64: 0 to n - 1, unless this is a part of a graph."""
        found = [table.numbers(np.arange(len(table))) for table in self.tasks.values()]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def __repr__(self) -> str:
        counts = ", ".join(f"{label}: {count}" for label, count in self.counts.items())
        return f"QuantumGraph({len(self)} quanta for {self.header.output_run!r}: {counts})"

    @property
    def counts(self) -> dict[str, int]:
        """Number of quanta of each task, in topological order."""
        return {label: len(table) for label, table in self.tasks.items()}

    @property
    def pipeline(self) -> dict[str, Any]:
        """The pipeline graph as plain values, readable without the tasks' code."""
        found: dict[str, Any] = self.documents["pipeline"]
        return found

    @cached_property
    def explanation(self) -> Explanation:
        """Counts and reasons of the build: what was kept, what went, and why."""
        from bunter.graph.explanation import Explanation

        return Explanation.from_dict(self.documents["explanation"])

    def why(self, label: str, data_id: Mapping[str, object]) -> str:
        """Say why a quantum is in the graph, or why it is not."""
        from bunter.graph.explanation import why

        return why(self, label, data_id)

    def place(self, row: int) -> tuple[str, int]:
        """Label of a quantum's task, and the quantum's place among those of the task."""
        if not 0 <= row < self.totals[0]:
            raise GraphError(f"the graph has quanta 0 to {self.totals[0] - 1}, not {row}")
        # Tasks without quanta share their first row with the next one, which bisect_right steps over.
        label = list(self.tasks)[max(bisect_right(self._first_quanta, row) - 1, 0)]
        own = self.tasks[label].row_of(row)
        if own is None:
            raise GraphError(f"this part of a graph has {len(self)} of {self.totals[0]} quanta, and not {row}")
        return label, own

    def holds(self, number: int) -> bool:
        """Whether this has the quantum of a number, and it is not that of the construction of a task."""
        if not 0 <= number < self.totals[0]:
            return False
        label = list(self.tasks)[max(bisect_right(self._first_quanta, number) - 1, 0)]
        return self.tasks[label].row_of(number) is not None

    def table(self, label: str) -> QuantumTable:
        """Return the quanta of a task; raises GraphError for a label that the graph does not have."""
        if label not in self.tasks:
            raise GraphError(
                f"the graph has no task {label!r}{near(label, self.tasks)}; it has {', '.join(self.tasks)}"
            )
        return self.tasks[label]

    def find(self, label: str, data_id: Mapping[str, object]) -> list[int]:
        """Rows of the task's quanta that have all the values given."""
        table = self.table(label)
        return [int(row) for row in table.numbers(table.keys.find(data_id))]

    def quantum(self, row: int) -> Quantum:
        """Make the object of one quantum."""
        label, own = self.place(row)
        return Quantum(row, label, self, self._working[label], own)

    def quanta(self, label: str | None = None) -> Iterator[Quantum]:
        """Iterate over the objects of all quanta, or those of one task."""
        tables = self.tasks.values() if label is None else [self.table(label)]
        for table in tables:
            edges = self._working[table.label]
            for own in range(len(table)):
                yield Quantum(table.number(own), table.label, self, edges, own)

    def construction(self, label: str) -> Quantum:
        """Return what is read and written once to construct a task: a quantum with row -1 and no data ID."""
        self.table(label)
        return Quantum(-1, label, self, [edge for edge in self._connections[label] if edge.kind in _INIT], 0)

    def connections(self, label: str) -> Sequence[Edges]:
        """Edges of all connections of a task."""
        self.table(label)
        return self._connections[label]

    def refs_of(self, edge: Edges, own: int) -> tuple[QuantumRef, ...]:
        """Make the objects of the datasets that a task's quantum number ``own`` reads or writes through a connection."""
        table = self.datasets[edge.dataset_type]
        return tuple([self._ref(table, found) for found in edge.of_quantum(own)])

    def ref(self, row: int) -> QuantumRef:
        """Make the object of one dataset, by its row within the graph."""
        table = self._table_of(row)
        own = table.row_of(row)
        if own is None:
            raise GraphError(f"the graph has no dataset {row}")
        return self._ref(table, own)

    def _table_of(self, row: int) -> DatasetTable:
        return list(self.datasets.values())[bisect_right(self._first_datasets, row) - 1]

    def _ref(self, table: DatasetTable, row: int) -> QuantumRef:
        exists, identity = table.has(row), table.id_of(row, self.header.base)
        artifacts = table.artifacts.of_dataset(row, identity) if table.artifacts is not None and exists else ()
        return QuantumRef(
            row=table.number(row),
            id=identity,
            dataset_type=table.name,
            data_id=table.keys.data_id(row),
            run=table.run_of(row),
            storage_class=table.storage_class,
            exists=exists,
            artifacts=artifacts,
        )

    def nonce(self, ref: QuantumRef, attempt: int = 0) -> str:
        """Nonce of the artifact that an attempt writes for a predicted dataset."""
        return dataset_nonce(self.header.graph_id, ref.row, attempt)

    @cached_property
    def producers(self) -> dict[str, Array]:
        """For each dataset type that the graph makes, the quantum that makes each dataset."""
        found = {name: table.makers for name, table in self.datasets.items() if table.makers is not None}
        for edge in self.edges.values():
            if edge.kind == "output" and self.datasets[edge.dataset_type].makers is None:
                makers = found.setdefault(
                    edge.dataset_type, np.full(len(self.datasets[edge.dataset_type]), -1, np.int64)
                )
                makers[edge.datasets] = self.tasks[edge.label].numbers(edge.quanta)
        return found

    def producer(self, row: int) -> int | None:
        """Quantum that makes a dataset, by its row within the graph; None for what is there, or none of this graph makes."""
        table = self._table_of(row)
        makers, own = self.producers.get(table.name), table.row_of(row)
        return None if makers is None or own is None or makers[own] < 0 else int(makers[own])

    @cached_property
    def _quantum_edges(self) -> tuple[Array, Array]:
        pairs = [np.zeros(0, np.int64)]
        for edge in self.edges.values():
            if edge.is_read and edge.dataset_type in self.producers:
                parents = self.producers[edge.dataset_type][edge.datasets]
                children = self.tasks[edge.label].numbers(edge.quanta)
                pairs.append(children[parents >= 0] * self.totals[0] + parents[parents >= 0])
        children, parents = np.divmod(np.unique(np.concatenate(pairs)), max(self.totals[0], 1))
        return parents, children

    def quantum_edges(self) -> tuple[Array, Array]:
        """All pairs of quanta of which the second reads what the first writes.

        Returns
        -------
        parents, children : array of int64
            Rows of quanta, without repeats, sorted by child, then parent; parents outside a part are among them.
        """
        return self._quantum_edges

    def parents(self, row: int) -> list[int]:
        """Rows of the quanta that write what this one reads, ascending."""
        parents, children = self._quantum_edges
        begin, end = np.searchsorted(children, [row, row + 1])
        return [int(parent) for parent in parents[begin:end]]

    def consumers(self, row: int) -> list[int]:
        """Rows of the quanta that read what this one writes, ascending."""
        parents, children = self._by_parent
        begin, end = np.searchsorted(parents, [row, row + 1])
        return [int(child) for child in children[begin:end]]

    @cached_property
    def _by_parent(self) -> tuple[Array, Array]:
        parents, children = self._quantum_edges
        order = np.argsort(parents, kind="stable")
        return parents[order], children[order]
