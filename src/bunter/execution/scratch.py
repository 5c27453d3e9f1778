"""Intermediate datasets that are not kept: dropped when nothing of the run needs them any more, and remembered as done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.execution.receipt import Discarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bunter.butler import Butler
    from bunter.execution.receipt import Receipt
    from bunter.graph import QuantumGraph

__all__ = ["Scratch"]


class Scratch:
    """Knows which outputs of a run are not to be kept, and drops each when its time has come.

    Parameters
    ----------
    butler : Butler
        A writeable butler of the repository.
    graph : QuantumGraph
        The graph; its pipeline says what is kept how long.
    announce : callable
        Puts a journal line on stable storage: what is about to be dropped counts as made for good.
    """

    def __init__(self, butler: Butler, graph: QuantumGraph, announce: Callable[[Discarded], None]) -> None:
        self._butler, self._graph, self._announce = butler, graph, announce
        self._keep = {
            connection["dataset_type"]: connection["keep"]
            for task in graph.pipeline.get("tasks", ())
            for connection in task["connections"]
            if connection.get("keep", "forever") != "forever" and connection["dataset_type"] in graph.datasets
        }
        self._waiting = self._readers() if self._keep else np.zeros(0, np.int64)
        self._readers_ever = self._waiting.copy()
        self._written: set[int] = set()
        self._dropped: set[int] = set()

    def _readers(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Count for each dataset of the graph the quanta that read it."""
        tables = self._graph.datasets
        counts = np.zeros(sum(map(len, tables.values())), np.int64)
        for edge in self._graph.edges.values():
            if edge.is_read and edge.dataset_type in self._keep:
                np.add.at(counts, tables[edge.dataset_type].first + edge.datasets, 1)
        return counts

    def remember(self, receipts: Iterable[Receipt], dropped: Iterable[int]) -> None:
        """Take note of what was done, and dropped, before."""
        self._dropped |= set(dropped)
        if self._keep:
            self._note(receipts)

    def settle(self, receipts: Iterable[Receipt], *, is_complete: bool = False) -> int:
        """Drop what is no longer needed now that these quanta are committed and registered; return how many datasets.

        Parameters
        ----------
        receipts : iterable of Receipt
            New ones.
        is_complete : bool, optional
            Whether every quantum of the run has succeeded.
        """
        if not self._keep:
            return 0
        self._note(receipts)
        self._written -= self._dropped
        due = {row for row in self._written if self._is_due(row, is_complete=is_complete)}
        if due:
            self._announce(Discarded(tuple(sorted(due))))
            self._drop(due)
            self._dropped |= due
        return len(due)

    def _note(self, receipts: Iterable[Receipt]) -> None:
        for receipt in receipts:
            if receipt.quantum < 0 or not receipt.is_success:
                continue
            label, own = self._graph.place(receipt.quantum)
            for edge in self._graph.connections(label):
                if edge.dataset_type not in self._keep:
                    continue
                rows = [self._graph.datasets[edge.dataset_type].first + row for row in edge.of_quantum(own)]
                if edge.is_read:
                    self._waiting[rows] -= 1
                elif edge.kind == "output":
                    self._written |= {*rows} & {output.row for output in receipt.outputs}

    def _is_due(self, row: int, *, is_complete: bool) -> bool:
        keep = self._keep[self._graph.ref(row).dataset_type]
        if keep == "run":
            return is_complete
        return bool(self._waiting[row] <= 0 and (keep == "never" or self._readers_ever[row] > 0))

    def _drop(self, rows: set[int]) -> None:
        base = int.from_bytes(self._graph.header.base, "big")
        wanted = {(base + row).to_bytes(16, "big") for row in rows}
        names = {self._graph.ref(row).dataset_type for row in rows}
        found = [
            ref
            for name in sorted(names)
            for ref in self._butler.query_datasets(name, self._graph.header.output_run, find_first=False)
            if ref.id.bytes in wanted
        ]
        if found:
            self._butler.remove_datasets(found, purge=True, keep_days=0)
