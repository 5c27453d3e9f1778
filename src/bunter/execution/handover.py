"""Which outputs may go from the quantum that makes them to the only one that reads them without being read from a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bunter.execution import memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from bunter.execution.scheduler import Scheduler
    from bunter.graph import Edges, QuantumGraph
    from bunter.graph.tables import DatasetTable

__all__ = ["HandoverPlan", "default_room"]

_MOST_ROOM = 1 << 30


def default_room(jobs: int) -> int:
    """Memory for objects that wait in a worker, in bytes: at most a gibibyte, and a quarter of the machine for all workers."""
    there = memory.total()
    return _MOST_ROOM if there is None else min(_MOST_ROOM, there // (4 * jobs))


@dataclass(frozen=True, slots=True)
class _Kind:
    """The datasets of one type that may be handed over; arrays by row in the type."""

    table: DatasetTable
    reader: NDArray[np.int64]  # -1: not handed over
    is_bound: NDArray[np.bool_]


class HandoverPlan:
    """Says of each output of a graph whether, and to whom, it is handed over in memory.

    That is so where its connection declares ``handover`` and exactly one quantum reads it, whole and as it was written. It is
    *bound*, which means not written at all, where moreover it is not to be kept, its maker has no other reader, and its
    reader gets nothing bound from another maker: so both can run in one worker, and begin again together.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    runs : sequence of bool
        Of each quantum whether this run is to run it.
    """

    def __init__(self, graph: QuantumGraph, runs: Sequence[bool]) -> None:
        self._graph = graph
        declared = {
            one["dataset_type"]: one["keep"] == "never"
            for task in graph.pipeline["tasks"]
            for one in task["connections"]
            if one.get("handover") and one["dataset_type"] in graph.datasets
        }
        self._kinds = {name: self._kind(name, np.array(runs, bool)) for name in declared}
        for name, may_bind in declared.items():
            if may_bind:
                self._bind(name)

    @classmethod
    def of(cls, graph: QuantumGraph, scheduler: Scheduler) -> Self | None:
        """Make one for the quanta that have not reached their ends; None if nothing is handed over."""
        plan = cls(graph, [not state.is_final for state in scheduler.states()])
        return plan if any((kind.reader >= 0).any() for kind in plan._kinds.values()) else None

    def _kind(self, name: str, runs: NDArray[np.bool_]) -> _Kind:
        table, graph = self._graph.datasets[name], self._graph
        count, reader = np.zeros(len(table), np.int64), np.full(len(table), -1, np.int64)
        for edge in graph.edges.values():
            if edge.is_read and edge.dataset_type == name:
                np.add.at(count, edge.datasets, 1 if self._is_plain(edge) else 2)
                reader[edge.datasets] = graph.tasks[edge.label].numbers(edge.quanta)
        reader[count != 1] = -1
        reader[(reader >= 0) & ~runs[reader]] = -1
        return _Kind(table, reader, np.zeros(len(table), bool))

    def _is_plain(self, edge: Edges) -> bool:
        """Whether a connection wants whole objects as they were written."""
        task = next(one for one in self._graph.pipeline["tasks"] if one["label"] == edge.label)
        found: dict[str, Any] = next(one for one in task["connections"] if one["name"] == edge.connection)
        own = self._graph.datasets[edge.dataset_type].storage_class
        return not found["component"] and not found["deferred"] and found["storage_class"] == own

    def _bind(self, name: str) -> None:
        graph, kind = self._graph, self._kinds[name]
        parents, _ = graph.quantum_edges()
        readers_of = np.bincount(parents[parents >= 0], minlength=graph.totals[0])
        maker = np.full(len(kind.reader), -1, np.int64)
        for edge in graph.edges.values():
            if edge.kind == "output" and edge.dataset_type == name:
                maker[edge.datasets] = graph.tasks[edge.label].numbers(edge.quanta)
        able = (kind.reader >= 0) & (maker >= 0) & (readers_of[maker] == 1)
        alone = np.zeros(graph.totals[0], bool)
        # What a reader gets from the makers of several types is counted by its parents: one that has others is not bound,
        # unless these are read from a store.
        pairs = np.unique(np.stack([kind.reader[able], maker[able]]), axis=1)
        readers, counts = np.unique(pairs[0], return_counts=True)
        alone[readers[counts == 1]] = True
        for other in (one for one in self._kinds.values() if one is not kind):
            alone[other.reader[other.is_bound]] = False
        kind.is_bound[able] = alone[kind.reader[able]]

    def _rows(self, quantum: int, *, is_read: bool) -> Iterator[tuple[_Kind, int]]:
        """Datasets that a quantum reads, or writes, and that are handed over: their kind, and row in it."""
        label, own = self._graph.place(quantum)
        for edge in self._graph.connections(label):
            if (edge.is_read if is_read else edge.kind == "output") and (
                kind := self._kinds.get(edge.dataset_type)
            ) is not None:
                yield from ((kind, int(row)) for row in edge.of_quantum(own) if kind.reader[row] >= 0)

    def outputs(self, quantum: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Datasets that a quantum writes and its worker keeps at hand, and those that it does not write, by row in the graph."""
        sides: tuple[list[int], list[int]] = ([], [])
        for kind, row in self._rows(quantum, is_read=False):
            sides[bool(kind.is_bound[row])].append(kind.table.number(row))
        return tuple(sides[0]), tuple(sides[1])

    def inputs(self, quantum: int) -> list[int]:
        """Datasets that a quantum may get from the memory of its worker, by row in the graph."""
        return [kind.table.number(row) for kind, row in self._rows(quantum, is_read=True)]

    def reader(self, row: int) -> int:
        """Return the only quantum that reads a dataset which is handed over."""
        places = ((kind, kind.table.row_of(row)) for kind in self._kinds.values())
        kind, own = next(found for found in places if found[1] is not None)
        return int(kind.reader[own])
