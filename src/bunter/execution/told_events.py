"""What runs tell to those who subscribe to events: beginnings, ends, quanta."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING

from bunter import effects
from bunter.dataset.event import Event
from bunter.execution.summary import FailedQuantum, required_data_id
from bunter.execution.watch import WatchesTries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.butler import Butler
    from bunter.execution.message import Outcome
    from bunter.execution.receipt import Receipt
    from bunter.execution.scheduling import State
    from bunter.execution.summary import RunSummary
    from bunter.execution.watch import Watcher
    from bunter.graph import QuantumGraph

__all__ = ["Telling", "ended", "failed", "failed_receipts", "started", "succeeded"]

_LISTED = 100
_PAUSE_S = 2.0


def started(graph: QuantumGraph, attempt: int) -> Event:
    """Say that an attempt at a run has begun."""
    document = {"graph": graph.header.graph_id, "attempt": attempt, "quanta": len(graph), "tasks": graph.counts}
    return Event("run.started", graph.header.output_run, document, f"started/{graph.header.graph_id}/{attempt}")


def ended(graph: QuantumGraph, summary: RunSummary) -> Event:
    """Say how an attempt at a run has ended."""
    document = {
        "graph": graph.header.graph_id,
        "attempt": summary.attempt,
        "status": summary.status,
        "reason": summary.reason,
        "datasets": summary.datasets,
        "failures": len(summary.failures),
        "wall_s": summary.wall_s,
        "cpu_s": summary.cpu_s,
        "tasks": {label: {n: v for n, v in asdict(counts).items() if v} for label, counts in summary.tasks.items()},
    }
    mark = f"ended/{graph.header.graph_id}/{summary.attempt}/{summary.status}"
    return Event("run.ended", graph.header.output_run, document, mark)


def succeeded(graph: QuantumGraph, receipts: Iterable[Receipt]) -> tuple[Event, ...]:
    """Say which quanta are registered: one event for each task, however many there are."""
    quanta: defaultdict[str, list[int]] = defaultdict(list)
    for receipt in receipts:
        if receipt.quantum >= 0:
            quanta[graph.place(receipt.quantum)[0]].append(receipt.quantum)
    return tuple(
        Event(
            "quanta.succeeded",
            graph.header.output_run,
            {"graph": graph.header.graph_id, "task": label, "count": len(found), "quanta": sorted(found)[:_LISTED]},
        )
        for label, found in quanta.items()
    )


def failed(graph: QuantumGraph, failure: FailedQuantum, attempt: int) -> Event:
    """Say that a quantum has failed for good, in an attempt."""
    document = {
        "graph": graph.header.graph_id,
        "attempt": attempt,
        "quantum": failure.quantum,
        "task": failure.label,
        "data_id": dict(failure.data_id),
        "error": failure.error,
        "type": failure.kind,
        "blocks": failure.blocks,
        "log": failure.log,
    }
    mark = f"failed/{graph.header.graph_id}/{failure.quantum}/{attempt}"
    return Event("quantum.failed", graph.header.output_run, document, mark)


def failed_receipts(graph: QuantumGraph, receipts: Iterable[Receipt]) -> tuple[Event, ...]:
    """Say of quanta that jobs ran, and that are over, that they have failed."""
    found = []
    for receipt in receipts:
        if receipt.quantum >= 0 and receipt.problem is not None:
            label, own = graph.place(receipt.quantum)
            data_id = required_data_id(graph, label, own)
            failure = FailedQuantum.of(receipt.quantum, label, data_id, receipt.problem, receipt.problem.log)
            found.append(failed(graph, failure, receipt.attempt))
    return tuple(found)


class Telling:
    """Looks on like another one, and tells of failures, many at once and not more often than every two seconds.

    Parameters
    ----------
    watcher : Watcher
        The other one.
    butler : Butler
        A writeable butler of the repository.
    graph : QuantumGraph
        What runs.
    """

    def __init__(self, watcher: Watcher, butler: Butler, graph: QuantumGraph) -> None:
        self._watcher, self._butler, self._graph = watcher, butler, graph
        self._failures: list[FailedQuantum] = []
        self._last = effects.monotonic()
        self.attempt = 0

    def begun(self, run: str, totals: Mapping[str, tuple[int, int]]) -> None:
        """See `Watcher`."""
        self._watcher.begun(run, totals)
        self._butler.events.tell(started(self._graph, self.attempt))

    def ended(self, label: str, state: State) -> None:
        """See `Watcher`."""
        self._watcher.ended(label, state)
        if self._failures and effects.monotonic() - self._last >= _PAUSE_S:
            self.flush()

    def failed(self, failure: FailedQuantum, *, again: bool) -> None:
        """See `Watcher`."""
        self._watcher.failed(failure, again=again)
        if not again:
            self._failures.append(failure)

    def tried(self, graph: QuantumGraph, outcome: Outcome) -> None:
        """See `WatchesTries`."""
        if isinstance(self._watcher, WatchesTries):
            self._watcher.tried(graph, outcome)

    def flush(self, *more: Event) -> None:
        """Tell what is waiting to be told, and more."""
        told = [failed(self._graph, failure, self.attempt) for failure in self._failures]
        self._failures, self._last = [], effects.monotonic()
        self._butler.events.tell(*told, *more)
