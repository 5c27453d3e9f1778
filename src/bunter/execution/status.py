"""How far a run is, while it runs or afterwards: counts, failures by message, what takes long, when it will end."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter import effects
from bunter.execution.merge import descendants
from bunter.execution.pulse import read_beats
from bunter.execution.run_directory import RunDirectory, runs_root
from bunter.execution.summary import required_data_id
from bunter.execution.told_run import find_run, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.butler import Butler
    from bunter.execution.pulse import Beat
    from bunter.execution.summary import FailedQuantum
    from bunter.execution.told_run import TaskHistory, ToldRun
    from bunter.graph import QuantumGraph

__all__ = [
    "FailureGroup",
    "PartStatus",
    "RunStatus",
    "Straggler",
    "TaskStatus",
    "group_failures",
    "report_values",
    "run_status",
]

_SLOW = 3.0  # a quantum that takes so many times the median of its task
_SLOW_S = 5.0
_WITHOUT_RETRY = {"succeeded", "waiting"}
_VARIABLE = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?|'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How far a task is.

    Parameters
    ----------
    label : str
        The task.
    total, succeeded, no_work, partial, deprived, failed, blocked, running, left : int
        Numbers of quanta. Those without work, with flawed outputs, and those that did without inputs are among the
        succeeded; ``left`` are those that can still run.
    median_s : float or None
        Median of the elapsed times, in seconds.
    peak_memory : int
        Greatest resident size of a process that ran it, in bytes.
    caveats : mapping of str to int
        Why successes are not whole, by word.
    """

    label: str
    total: int
    succeeded: int
    no_work: int
    partial: int
    deprived: int
    failed: int
    blocked: int
    running: int
    left: int
    median_s: float | None
    peak_memory: int
    caveats: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one task whose messages differ in numbers and quoted words only.

    Parameters
    ----------
    label, kind : str
        The task, and the name of the exception or ``killed``, ``timeout``, ``oom``.
    message : str
        The whole message of the first.
    count, blocks : int
        How many there are, and how many quanta could not run because of them.
    data_id : mapping
        Of the first.
    log : str
        File with the log of the first; empty if there is none.
    quanta : tuple of int
        Their numbers in the graph.
    """

    label: str
    kind: str
    message: str
    count: int
    blocks: int
    data_id: Mapping[str, Any]
    log: str
    quanta: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Straggler:
    """A quantum that runs for much longer than others of its task.

    Parameters
    ----------
    quantum : int
        Its number in the graph.
    label : str
        The task.
    data_id : mapping
        Its data ID.
    running_s, median_s : float
        How long it has run, and what others took, in seconds.
    """

    quantum: int
    label: str
    data_id: Mapping[str, Any]
    running_s: float
    median_s: float


@dataclass(frozen=True, slots=True)
class PartStatus:
    """What an earlier part of a run has done, before the run was extended.

    Parameters
    ----------
    part : int
        Which part, from 1.
    total, succeeded : int
        Quanta of its graph, and how many of them have succeeded; the last part does the others.
    """

    part: int
    total: int
    succeeded: int

    def __str__(self) -> str:
        return f"part {self.part}: {self.succeeded} of {self.total} quanta succeeded"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far a run is; of one that was extended, how far its last part is.

    Parameters
    ----------
    run, output : str
        The run, and the chain above it.
    state : str
        ``running``, or how the last attempt ended: ``succeeded``, ``failed``, ``interrupted``, ``held``, ``cut short``;
        ``waiting`` if all that was planned has succeeded and more waits for inputs.
    tasks : tuple of TaskStatus
        In the order of the pipeline.
    failures : tuple of FailureGroup
        The most frequent first.
    stragglers : tuple of Straggler
        The longest first.
    jobs : tuple of Beat
        What is at work.
    eta_s : float or None
        Time until what can run has run, in seconds; None if nothing runs, or nothing is known.
    attempts : int
        How often the command was given.
    waiting : int
        Quanta that wait for inputs which were not there when the run was planned; they are in no other count.
    earlier : tuple of PartStatus
        Earlier parts of a run that was extended, the first first; their quanta are in no other count.
    """

    run: str
    output: str
    state: str
    tasks: tuple[TaskStatus, ...]
    failures: tuple[FailureGroup, ...]
    stragglers: tuple[Straggler, ...]
    jobs: tuple[Beat, ...]
    eta_s: float | None
    attempts: int
    waiting: int = 0
    earlier: tuple[PartStatus, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether anything works on it."""
        return self.state == "running"

    def total(self, name: str) -> int:
        """Sum of one of the counts over all tasks."""
        return sum(getattr(task, name) for task in self.tasks)

    def __str__(self) -> str:
        if self.is_running:
            at = ", ".join(f"process {job.process} on {job.host}" for job in self.jobs)
            ends = "" if self.eta_s is None else f"; about {_duration(self.eta_s)} to go"
            state = f"running, attempt {self.attempts}, {at}{ends}"
        else:
            goes_on = "" if self.state in _WITHOUT_RETRY else "; the same command, or `bunter retry`, goes on"
            state = f"{self.state} after {self.attempts} attempt{'s' * (self.attempts != 1)}{goes_on}"
        more = "; the same command goes on" if self.state == "waiting" else ""
        waits = f"; {self.waiting:,} more wait for inputs that are not there yet{more}" if self.waiting else ""
        part = f"part {len(self.earlier) + 1} of " if self.earlier else ""
        before = "".join(f"; {one}" for one in self.earlier)
        done = f"{self.total('succeeded')} of {self.total('total')} quanta of {part}{self.run!r} succeeded"
        return f"{done}: {state}{waits}{before}"


def run_status(butler: Butler, collection: str) -> RunStatus:
    """Say how far a run is, or the newest run of a chain.

    Parameters
    ----------
    butler : Butler
        The repository; nothing is written.
    collection : str
        The run or the chain.

    Raises
    ------
    MissingCollectionError
        If there is no such collection.
    RunError
        If it holds no run that was made by running a pipeline, or the run is not planned yet.
    """
    directory = find_run(butler, collection)
    told, beats = tell(directory), tuple(beat for beat in read_beats(directory.path) if beat.is_alive)
    running = {one.quantum: one.begin_ns for beat in beats for one in beat.running}
    failures = [failure for failure in told.failures if failure.quantum not in running]
    blocked = descendants(told.graph, [failure.quantum for failure in failures]) - _succeeded(directory.told())
    tasks = _tasks(told, failures, blocked, running)
    return RunStatus(
        run=told.run,
        output=told.output,
        state="running" if beats else told.status,
        tasks=tasks,
        failures=tuple(group_failures(failures)),
        stragglers=tuple(_stragglers(told.graph, tasks, running)),
        jobs=beats,
        eta_s=_eta(told.tasks, tasks, sum(beat.jobs for beat in beats)),
        attempts=told.attempts,
        waiting=told.graph.explanation.waiting,
        earlier=tuple(map(_part, RunDirectory.parts(runs_root(butler), directory.run)[:-1])),
    )


def _part(directory: RunDirectory) -> PartStatus:
    if not directory.has_graph():
        return PartStatus(directory.part, 0, 0)
    succeeded = sum(receipt.quantum >= 0 for receipt in directory.told().receipts)
    return PartStatus(directory.part, len(directory.graph()), succeeded)


def report_values(butler: Butler, collection: str) -> dict[str, Any]:
    """Return what a report tells, as plain values: the status, times, what was written, by type, and some quanta one by one."""
    from bunter.execution.specimens import specimens

    directory = find_run(butler, collection)
    told = tell(directory)
    return {
        **asdict(run_status(butler, collection)),
        "span_s": told.span_s,
        "cpu_s": told.cpu_s,
        "inputs": told.graph.header.inputs,
        "decisions": list(told.graph.header.decisions),
        "times": {
            task.label: {"wall_s": float(task.wall_s.sum()), "cpu_s": float(task.cpu_s.sum())} for task in told.tasks
        },
        "written": {name: {"datasets": number, "bytes": size} for name, (number, size) in told.written.items()},
        "summary": told.summary,
        "quanta": [asdict(one) for one in specimens(butler, directory)],
    }


def _succeeded(told: Any) -> set[int]:
    return {receipt.quantum for receipt in told.receipts}


def _tasks(
    told: ToldRun, failures: Iterable[FailedQuantum], blocked: Iterable[int], running: Iterable[int]
) -> tuple[TaskStatus, ...]:
    place = told.graph.place
    stuck, busy = Counter(place(one)[0] for one in blocked), Counter(place(one)[0] for one in running)
    failed = Counter(failure.label for failure in failures)
    return tuple(_task(task, failed[task.label], stuck[task.label], busy[task.label]) for task in told.tasks)


def _task(task: TaskHistory, failed: int, blocked: int, running: int) -> TaskStatus:
    return TaskStatus(
        label=task.label,
        total=task.total,
        succeeded=task.succeeded,
        no_work=task.no_work,
        partial=task.partial,
        deprived=task.deprived,
        failed=failed,
        blocked=blocked,
        running=running,
        left=max(0, task.total - task.succeeded - failed - blocked - running),
        median_s=float(np.median(task.wall_s)) if len(task.wall_s) else None,
        peak_memory=task.peak_memory,
        caveats=dict(task.caveats),
    )


def group_failures(failures: Iterable[FailedQuantum]) -> list[FailureGroup]:
    """Put failures of a task together whose messages differ in numbers and quoted words only; the most frequent first."""
    groups: dict[tuple[str, str], list[FailedQuantum]] = {}
    for failure in failures:
        groups.setdefault((failure.label, _VARIABLE.sub("*", failure.error)), []).append(failure)
    found = [_group(members) for members in groups.values()]
    return sorted(found, key=lambda group: (-group.count, -group.blocks))


def _group(members: Sequence[FailedQuantum]) -> FailureGroup:
    first = members[0]
    return FailureGroup(
        label=first.label,
        kind=first.kind,
        message=first.error,
        count=len(members),
        blocks=sum(one.blocks for one in members),
        data_id=first.data_id,
        log=first.log,
        quanta=tuple(one.quantum for one in members),
    )


def _stragglers(graph: QuantumGraph, tasks: Iterable[TaskStatus], running: Mapping[int, int]) -> list[Straggler]:
    median, now = {task.label: task.median_s for task in tasks}, effects.now_ns()
    found = []
    for quantum, begin_ns in running.items():
        label, own = graph.place(quantum)
        usual, took = median[label], (now - begin_ns) / 1e9
        if usual is not None and took > max(_SLOW * usual, _SLOW_S):
            found.append(Straggler(quantum, label, required_data_id(graph, label, own), round(took, 1), usual))
    return sorted(found, key=lambda one: -one.running_s)


def _eta(history: Iterable[TaskHistory], tasks: Iterable[TaskStatus], jobs: int) -> float | None:
    """Work that is left by what the same tasks took so far, shared among the jobs."""
    if not jobs:
        return None
    work = 0.0
    for past, task in zip(history, tasks, strict=True):
        if task.left + task.running:
            if not len(past.wall_s):
                return None
            work += (task.left + task.running / 2) * float(past.wall_s.mean())
    return round(work / jobs, 1)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
