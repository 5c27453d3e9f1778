"""A finished or unfinished run as its journals tell it: what each task did, how long it took, what failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.dataset import CollectionType
from bunter.errors import MissingCollectionError, RunError
from bunter.execution.merge import descendants
from bunter.execution.receipt import PARTIAL, Problem
from bunter.execution.run_directory import RunDirectory, runs_root
from bunter.execution.summary import FailedQuantum, required_data_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bunter.butler import Butler
    from bunter.execution.receipt import Receipt, Told
    from bunter.graph import QuantumGraph

__all__ = ["TaskHistory", "ToldRun", "find_run", "tell"]


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """What the quanta of one task did.

    Parameters
    ----------
    label : str
        Label of the task.
    total, succeeded, no_work, failed : int
        Numbers of quanta; those without work are among those that succeeded.
    begin_ns : (N,) int64
        When each finished quantum began, ns UTC since 1970.
    wall_s, cpu_s : (N,) float64
        How long each of them took, and its CPU time, in seconds.
    peak_memory : int
        Greatest resident size of a process while it ran one of them, in bytes.
    partial, deprived : int
        Those among the successes with flawed outputs, and without some of their inputs.
    caveats : mapping of str to int
        Words for why others among the successes made nothing, and how many did so.
    """

    label: str
    total: int
    succeeded: int
    no_work: int
    failed: int
    begin_ns: NDArray[np.int64]
    wall_s: NDArray[np.float64]
    cpu_s: NDArray[np.float64]
    peak_memory: int
    partial: int = 0
    deprived: int = 0
    caveats: Mapping[str, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """``done``, ``failed``, ``partial`` or ``waiting``."""
        if self.succeeded == self.total:
            return "done"
        if self.succeeded:
            return "partial"
        return "failed" if self.failed else "waiting"


@dataclass(frozen=True, slots=True)
class ToldRun:
    """Everything that is known of a run without looking at its datasets.

    Parameters
    ----------
    run, output : str
        The run, and the chain above it.
    graph : QuantumGraph
        What was planned.
    tasks : tuple of TaskHistory
        In the order of the pipeline.
    failures : tuple of FailedQuantum
        Quanta that failed and did not succeed later.
    attempts : int
        How often the command was given.
    written : mapping of str to (int, int)
        Number and bytes of the datasets of each type; shared artifacts count by members.
    summary : mapping
        How the last attempt ended; empty if it was cut short.
    """

    run: str
    output: str
    graph: QuantumGraph
    tasks: tuple[TaskHistory, ...]
    failures: tuple[FailedQuantum, ...]
    attempts: int
    written: dict[str, tuple[int, int]]
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """How the last attempt ended, in a word."""
        return str(self.summary.get("status", "cut short"))

    def count(self, name: str) -> int:
        """Sum of one of the counts over all tasks."""
        return sum(getattr(task, name) for task in self.tasks)

    @property
    def span_s(self) -> float:
        """Time from the first begin to the last end of a quantum, in seconds, pauses between attempts included."""
        ends = [(task.begin_ns + task.wall_s * 1e9).max() for task in self.tasks if len(task.begin_ns)]
        begins = [task.begin_ns.min() for task in self.tasks if len(task.begin_ns)]
        return float(max(ends) - min(begins)) / 1e9 if ends else 0.0

    @property
    def cpu_s(self) -> float:
        """CPU time of all quanta, in seconds."""
        return float(sum(task.cpu_s.sum() for task in self.tasks))


def find_run(butler: Butler, collection: str) -> RunDirectory:
    """Return the folder of a run, or of the newest run of a chain.

    Raises
    ------
    MissingCollectionError
        If there is no such collection.
    RunError
        If it holds no run that was made by running a pipeline.
    """
    root = runs_root(butler)
    if RunDirectory.of(root, collection).exists:
        return RunDirectory.of(root, collection)
    if not butler.collections.query(collection):
        raise MissingCollectionError(f"no collection {collection!r}; `bunter query-collections {root}` lists all")
    for name in butler.collections.query(collection, types=[CollectionType.RUN], flatten_chains=True):
        if RunDirectory.of(root, name).exists:
            return RunDirectory.of(root, name)
    raise RunError(f"no run of {collection!r} was made by running a pipeline here, so there is nothing to report")


def tell(directory: RunDirectory) -> ToldRun:
    """Read what the journals of a run say."""
    if not directory.has_graph():
        raise RunError(f"the run {directory.run!r} has not been planned yet; give its command again")
    graph, told = directory.graph(), directory.told()
    successes: dict[str, list[Receipt]] = {label: [] for label in graph.tasks}
    failures: dict[str, list[Receipt]] = {label: [] for label in graph.tasks}
    for receipts, kept in ((told.receipts, successes), (told.failures, failures)):
        for receipt in receipts:
            if graph.holds(receipt.quantum):
                kept[graph.place(receipt.quantum)[0]].append(receipt)
    return ToldRun(
        run=directory.run,
        output=directory.request.output,
        graph=graph,
        tasks=tuple(_history(label, graph.counts[label], successes[label], failures[label]) for label in graph.tasks),
        failures=tuple(
            _failure(graph, receipt)
            for label in graph.tasks
            for receipt in sorted(failures[label], key=lambda one: one.quantum)
        ),
        attempts=told.attempts,
        written=_written(graph, told),
        summary=directory.summary() or {},
    )


def _history(label: str, total: int, successes: list[Receipt], failures: list[Receipt]) -> TaskHistory:
    used = [receipt.resources for receipt in [*successes, *failures] if receipt.resources is not None]
    return TaskHistory(
        label=label,
        total=total,
        succeeded=len(successes),
        no_work=sum(receipt.end == "no_work" for receipt in successes),
        failed=len(failures),
        begin_ns=np.array([one.begin_ns for one in used], np.int64),
        wall_s=np.array([one.wall_s for one in used], np.float64),
        cpu_s=np.array([one.cpu_s for one in used], np.float64),
        peak_memory=max((one.peak_memory for one in used), default=0),
        partial=sum(receipt.end == PARTIAL for receipt in successes),
        deprived=sum(receipt.is_deprived for receipt in successes),
        caveats=Counter(receipt.problem.type for receipt in successes if receipt.problem is not None),
    )


def _failure(graph: QuantumGraph, receipt: Receipt) -> FailedQuantum:
    label, own = graph.place(receipt.quantum)
    problem = receipt.problem
    data_id = required_data_id(graph, label, own)
    blocks = len(descendants(graph, [receipt.quantum]))
    known = problem or Problem("unknown", "it failed without a word")
    return FailedQuantum.of(receipt.quantum, label, data_id, known, known.log, blocks)


def _written(graph: QuantumGraph, told: Told) -> dict[str, tuple[int, int]]:
    sizes: dict[str, tuple[int, int]] = {}
    tables = list(graph.datasets.values())
    firsts = np.array([table.first for table in tables])
    for receipt in told.receipts:
        for output in receipt.outputs:
            name = tables[int(np.searchsorted(firsts, output.row, "right")) - 1].name
            number, total = sizes.get(name, (0, 0))
            sizes[name] = number + 1, total + told.size_of(output)
    return dict(sorted(sizes.items()))
