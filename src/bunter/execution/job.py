"""A job: some quanta of a graph, run without any database, told of in a journal of its own."""

from __future__ import annotations

import os
import time
import zlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import escape
from bunter.errors import RunError
from bunter.execution import memory
from bunter.execution.handover import HandoverPlan
from bunter.execution.in_process import InProcess, warn_alone
from bunter.execution.interrupts import Interrupts
from bunter.execution.ledger import Ledger
from bunter.execution.needed import made_by, needed_artifacts
from bunter.execution.other_jobs import kin_of, spans_of, told_of
from bunter.execution.outlet import Outlet
from bunter.execution.part_scheduler import PartScheduler
from bunter.execution.partial import partial_edges
from bunter.execution.place import Place
from bunter.execution.pulse import Pulse
from bunter.execution.receipt import Closed, Opened, encode_lines
from bunter.execution.record_fields import RecordFields
from bunter.execution.run_options import RunOptions
from bunter.execution.scheduling import State
from bunter.execution.scratch_folder import ScratchRoot
from bunter.execution.site import Site
from bunter.execution.steward import Steward
from bunter.execution.summary import RunSummary, TaskCounts
from bunter.execution.watch import Silent
from bunter.execution.worker import Worker
from bunter.execution.worker_pool import Setup, WorkerPool, modules_of
from bunter.pipeline import PipelineGraph
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.execution.crew import Crew
    from bunter.execution.journal import Journal
    from bunter.execution.ledger import Flushed
    from bunter.execution.message import Made
    from bunter.execution.receipt import Told
    from bunter.execution.run_directory import RunDirectory
    from bunter.execution.watch import Watcher
    from bunter.graph import QuantumGraph

__all__ = ["Job", "run_job"]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Job:
    """A part of a run that one process, with its workers, does on some machine.

    Parameters
    ----------
    name : str
        Its name, unlike that of any other job of the run.
    quanta : tuple of int
        What it runs, by number in the graph.
    attempt : int
        How often it was begun before.
    """

    name: str
    quanta: tuple[int, ...]
    attempt: int = 0

    def __post_init__(self) -> None:
        if not self.name or self.name in {"local", "merge", "staged"}:
            raise RunError(f"a job needs a name, and not {self.name!r}")

    @property
    def series(self) -> int:
        """What sets the names of its artifacts apart from those of other jobs and attempts."""
        return zlib.crc32(self.name.encode()) << 32


class _Unread:
    """A sink for what nobody registers here; it stays in the journal."""

    def add(self, flushed: Flushed) -> None:
        """Do nothing."""


def run_job(
    directory: RunDirectory, job: Job, *, options: RunOptions | None = None, watcher: Watcher | None = None
) -> RunSummary:
    """Run the quanta of a job that no job has done yet.

    Inputs that other jobs make are found by the receipts of these jobs in the folder of the run; those of quanta of this job
    are handed on. Quanta whose parents have not succeeded are blocked.

    Parameters
    ----------
    directory : RunDirectory
        Folder of a run that is prepared for jobs, or one that was staged.
    job : Job
        Which quanta.
    options : RunOptions, optional
        How.
    watcher : Watcher, optional
        Is told what happens.

    Returns
    -------
    RunSummary
        How it ended; its datasets are not registered, see `merge_run`.

    Raises
    ------
    RunError
        If the folder is not prepared, that attempt was begun before, or a folder that was staged lacks inputs.
    """
    with directory.share():
        return _Attempt(directory, job, options or RunOptions(), watcher or Silent()).carry_out()


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which quanta of a job run, and which cannot."""

    todo: frozenset[int]
    earlier: frozenset[int]
    blocked: dict[int, int] = field(default_factory=dict)
    deprived: frozenset[int] = frozenset()
    hopeless: frozenset[int] = frozenset()

    @classmethod
    def of(cls, part: QuantumGraph, told: Told, spared: set[tuple[int, int]]) -> _Plan:
        """Settle it; parents have lower numbers than their children.

        What has failed in another job blocks those that cannot do without it; those that can (``spared`` has the pairs) run.
        """
        quanta, done = part.numbers.tolist(), {receipt.quantum for receipt in told.receipts}
        gone = {receipt.quantum for receipt in told.failures} | told.blocked
        todo: set[int] = set()
        blocked: dict[int, int] = {}
        deprived: set[int] = set()
        for quantum in quanta:
            if quantum in done:
                continue
            away = [one for one in part.parents(quantum) if one not in done and one not in todo]
            missing = [one for one in away if (one, quantum) not in spared or not (one in gone or one in blocked)]
            if missing:
                blocked[quantum] = blocked.get(missing[0], missing[0])
                continue
            todo.add(quantum)
            if away:
                deprived.add(quantum)
        hopeless = frozenset(quantum for quantum, root in blocked.items() if root in gone)
        return cls(frozenset(todo), frozenset(done.intersection(quanta)), blocked, frozenset(deprived), hopeless)


class _Attempt:
    """One attempt at a job."""

    def __init__(self, directory: RunDirectory, job: Job, options: RunOptions, watcher: Watcher) -> None:
        self._directory, self._job, self._options, self._watcher = directory, job, options, watcher
        self._begin, self._begin_cpu = effects.monotonic(), time.process_time()
        self._site, self._whole = Site.read(directory.path), directory.graph()
        if wrong := [one for one in job.quanta if not 0 <= one < self._whole.totals[0]]:
            raise RunError(f"the graph has quanta 0 to {self._whole.totals[0] - 1}, not {wrong[0]}")
        self._graph = self._whole.part(job.quanta)
        if len(self._graph) < len(set(job.quanta)):
            raise RunError(f"{directory.path} was staged for other quanta; `bunter stage in` brings these too")

    def carry_out(self) -> RunSummary:
        told = told_of(self._directory, kin_of(self._graph))
        pipeline = PipelineGraph.from_dict(self._graph.pipeline, self._site.universe)
        self._partial = partial_edges(self._graph, pipeline)
        spared = set() if self._partial is None else {*zip(*map(list, self._partial), strict=True)}
        self._plan = _Plan.of(self._graph, told, spared)
        with ExitStack() as stack:
            datastore = stack.enter_context(self._site.datastore(self._directory.path))
            outlet = Outlet.open(datastore)
            stack.callback(outlet.close)
            self._place = Place(
                outlet,
                self._site.universe,
                self._graph,
                series=0 if self._site.is_staged else self._job.series,
                is_staged=self._site.is_staged,
                fields=RecordFields.read(self._directory.path),
            )
            made = made_by(told)
            if self._site.is_staged:
                self._require_inputs(made)
            return self._work(stack, pipeline, made)

    def _require_inputs(self, made: dict[int, Made]) -> None:
        """Refuse to begin without what the quanta read; a folder that was staged is all there is."""
        wanted = needed_artifacts(self._graph, sorted(self._plan.todo), made)
        here = [self._place.artifact(one) for one in wanted]
        found = self._place.store.stat_many([one.key for one in here])
        lacking = [one.key for one, stat in zip(here, found, strict=True) if stat is None or stat.size != one.size]
        if lacking:
            shown = ", ".join(lacking[:_SHOWN]) + (f" and {len(lacking) - _SHOWN} more" if lacking[_SHOWN:] else "")
            raise RunError(
                f"{len(lacking)} inputs are not (whole) in {self._directory.path}: {shown}; "
                "`bunter stage in` brings what is missing, nothing is fetched here"
            )

    def _work(self, stack: ExitStack, pipeline: PipelineGraph, made: dict[int, Made]) -> RunSummary:
        journal = self._journal(stack)
        ledger = Ledger(self._place, journal, _Unread())
        stack.callback(ledger.close)
        self._limits = self._options.agreed(pipeline)
        self._scheduler = self._schedule()
        kept = self._directory.path / "left"
        self._scratch_root = stack.enter_context(ScratchRoot(self._options.leftovers, kept))
        crew = self._hire(pipeline)
        stack.callback(crew.stop)
        pulse = Pulse(self._directory.path, self._job.name, self._job.attempt, self._options.jobs)
        stack.callback(pulse.stop)
        self._steward = Steward(
            self._scheduler,
            crew,
            ledger,
            place=self._place,
            directory=self._directory,
            attempt=self._job.attempt,
            watcher=self._watcher,
            limits=self._limits,
            pulse=pulse,
            handover=HandoverPlan.of(self._graph, self._scheduler) if self._options.room else None,
        )
        self._steward.remember(made.values())
        self._watcher.begun(f"{self._graph.header.output_run}, job {self._job.name}", self._totals())
        with Interrupts(lambda: crew.is_busy) as interrupts:
            if self._plan.todo:
                self._steward.run(interrupts)
            caught = bool(interrupts.caught)
        journal.append(encode_lines([Closed(effects.now_ns(), self._hopeless())]))
        journal.sync()
        return self._summary(is_interrupted=caught)

    def _journal(self, stack: ExitStack) -> Journal:
        job, header, who = self._job, self._graph.header, Principal.current()
        try:
            journal = stack.enter_context(self._directory.job_journal(job.name, job.attempt))
        except FileExistsError:
            raise RunError(
                f"attempt {job.attempt} of job {job.name!r} was begun before; give it --attempt {job.attempt + 1}"
            ) from None
        opened = Opened(
            header.graph_id, header.output_run, job.name, job.attempt, effects.now_ns(), who.user, who.host, os.getpid(),
            spans_of(job.quanta),
        )  # fmt: skip
        journal.append(encode_lines([opened]))
        return journal

    def _schedule(self) -> PartScheduler:
        graph, options = self._graph, self._options
        needs = self._limits.memory(graph.counts)
        return PartScheduler(
            graph,
            done=[quantum for quantum in graph.numbers.tolist() if quantum not in self._plan.todo],
            partial=self._partial,
            deprived=self._plan.deprived,
            retries=self._limits.retries(graph.counts),
            memory=needs,
            budget=options.memory_budget or (memory.total() if needs is not None else None),
            fail_fast=options.fail_fast,
        )

    def _hopeless(self) -> tuple[int, ...]:
        """Quanta that this job cannot run whatever other jobs still do, because something has failed that they need."""
        blocked = {quantum for quantum in self._plan.todo if self._scheduler.state(quantum) is State.BLOCKED}
        return tuple(sorted(blocked | self._plan.hopeless))

    def _hire(self, pipeline: PipelineGraph) -> Crew:
        options, init, place = self._options, self._site.init, self._place
        is_alone, accepts = options.jobs == 1 and not self._limits.bind, options.accepts_partial
        if is_alone or not place.outlet.can_be_shared:
            warn_alone(options.jobs, self._limits, place.outlet)
            room, profiles, scratch = options.room, options.profiles, self._scratch_root.folder.of(0)
            return InProcess(
                lambda: Worker(
                    place, pipeline, init, accepts_partial=accepts, room=room, profiles=profiles, scratch=scratch
                )
            )
        setup = Setup(
            self._directory.graph_path,
            place.datastore,
            place.outlet.owners,
            place.universe,
            init,
            options.on_worker_start,
            series=0 if self._site.is_staged else self._job.series,
            is_staged=self._site.is_staged,
            live=self._directory.path / "live" / f"{escape(self._job.name)}-{self._job.attempt:04}",
            accepts_partial=accepts,
            room=options.room,
            profiles=options.profiles,
            scratch=self._scratch_root.folder,
        )
        size = max(1, min(options.jobs, len(self._plan.todo)))
        return WorkerPool(size, setup, preload=modules_of(pipeline), limits=self._limits)

    # ---- the end

    def _counts(self, quanta: Iterable[int]) -> Counter[str]:
        return Counter(self._graph.place(quantum)[0] for quantum in quanta)

    def _totals(self) -> dict[str, tuple[int, int]]:
        earlier = self._counts(self._plan.earlier)
        return {label: (total, earlier[label]) for label, total in self._counts(set(self._job.quanta)).items()}

    def _summary(self, *, is_interrupted: bool) -> RunSummary:
        steward, plan = self._steward, self._plan
        ended = {state: self._counts(q for q in plan.todo if self._scheduler.state(q) is state) for state in State}
        blocked = self._counts(plan.blocked)
        tasks = {
            label: TaskCounts(
                total=total,
                succeeded=ended[State.SUCCEEDED][label],
                no_work=steward.no_work[label],
                earlier=earlier,
                failed=ended[State.FAILED][label],
                blocked=ended[State.BLOCKED][label] + blocked[label],
                cancelled=ended[State.CANCELLED][label],
                cpu_s=round(steward.cpu_s[label], 3),
                partial=steward.partial[label],
                deprived=steward.deprived[label],
            )
            for label, (total, earlier) in self._totals().items()
        }
        done = sum(one.succeeded + one.earlier for one in tasks.values()) == len(set(self._job.quanta))
        status = "succeeded" if done else "interrupted" if is_interrupted else "failed"
        return RunSummary(
            run=self._graph.header.output_run,
            output="",
            status=status,
            attempt=self._job.attempt,
            tasks=tasks,
            failures=tuple(failure for _, failure in sorted(steward.failures.items())),
            datasets=0,
            wall_s=round(effects.monotonic() - self._begin, 3),
            cpu_s=round(time.process_time() - self._begin_cpu, 3),
            reason=steward.reason or self._why_blocked(),
        )

    def _why_blocked(self) -> str:
        if not self._plan.blocked:
            return ""
        root = next(iter(self._plan.blocked.values()))
        shown = self._whole.quantum(root) if self._whole.holds(root) else f"quantum {root}"
        return f"{len(self._plan.blocked)} quanta wait for others, such as {shown}, which no job has done"
