"""A run: the scheduler decides, a crew works, the ledger commits, the merger registers; this module lets them talk."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bunter import effects
from bunter.execution import memory
from bunter.execution.apart import apart, bring_inputs, clear
from bunter.execution.handover import HandoverPlan
from bunter.execution.in_process import InProcess, warn_alone
from bunter.execution.initialise import Before, construct, recover, register, sweep_unreported
from bunter.execution.interrupts import Interrupts
from bunter.execution.ledger import Ledger
from bunter.execution.merge import Merger
from bunter.execution.message import made_from
from bunter.execution.outlet import Outlet
from bunter.execution.pace import durations_of, foretold_memory, known_paces, remember_pace
from bunter.execution.partial import partial_edges
from bunter.execution.place import Place
from bunter.execution.provenance import running
from bunter.execution.pulse import Pulse
from bunter.execution.receipt import Opened, encode_lines
from bunter.execution.record_fields import RecordFields, keep_fields
from bunter.execution.run_directory import runs_root
from bunter.execution.run_options import RunOptions
from bunter.execution.scheduler import Scheduler
from bunter.execution.scheduling import State
from bunter.execution.scratch import Scratch
from bunter.execution.scratch_folder import ScratchRoot
from bunter.execution.steward import Steward
from bunter.execution.summary import RunSummary, TaskCounts
from bunter.execution.told_events import Telling, ended, started
from bunter.execution.watch import Silent
from bunter.execution.worker import Worker
from bunter.execution.worker_pool import Setup, WorkerPool, modules_of
from bunter.pipeline import PipelineGraph
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.butler import Butler
    from bunter.execution.crew import Crew
    from bunter.execution.message import Made
    from bunter.execution.receipt import Discarded, Told
    from bunter.execution.run_directory import RunDirectory
    from bunter.execution.watch import Watcher
    from bunter.graph import QuantumGraph

__all__ = ["initialise_graph", "run_graph"]


def run_graph(
    butler: Butler,
    graph: QuantumGraph,
    directory: RunDirectory,
    *,
    options: RunOptions | None = None,
    watcher: Watcher | None = None,
    on_initialised: Callable[[], None] | None = None,
) -> RunSummary:
    """Run what is left of a graph.

    Parameters
    ----------
    butler : Butler
        A writeable butler of the repository.
    graph : QuantumGraph
        The graph that is stored in the directory.
    directory : RunDirectory
        Folder of the run, locked by the caller.
    options : RunOptions, optional
        How.
    watcher : Watcher, optional
        Is told what happens.
    on_initialised : callable, optional
        Called when run, dataset types and what tasks write once are registered, before the first quantum.

    Returns
    -------
    RunSummary
        How it ended; failures of quanta are in it and raise nothing.

    Raises
    ------
    RunError
        If workers cannot be started.
    """
    with running(butler, graph):
        return _Run(butler, graph, directory, options or RunOptions(), watcher or Silent()).carry_out(on_initialised)


def initialise_graph(
    butler: Butler, graph: QuantumGraph, directory: RunDirectory, *, on_initialised: Callable[[], None] | None = None
) -> tuple[Made, ...]:
    """Register the run of a graph, its dataset types and what its tasks write once, and run no quantum.

    Returns
    -------
    tuple of Made
        What tasks read when they are constructed.
    """
    with running(butler, graph):
        return _Run(butler, graph, directory, RunOptions(), Silent()).initialise_only(on_initialised)


class _Run:
    """One attempt at a run."""

    def __init__(
        self,
        butler: Butler,
        graph: QuantumGraph,
        directory: RunDirectory,
        options: RunOptions,
        watcher: Watcher,
    ) -> None:
        self._butler, self._graph, self._directory = butler, graph, directory
        self._options, self._watcher = options, Telling(watcher, butler, graph)
        self._begin, self._begin_cpu = effects.monotonic(), time.process_time()
        self._attempt = 0
        self._steward: Steward | None = None
        self._interrupted = False

    # ---- the course of events

    def carry_out(self, on_initialised: Callable[[], None] | None) -> RunSummary:
        told = self._directory.told()
        register(self._butler, self._graph)
        before = recover(self._butler, self._graph, told)
        self._done = sorted(receipt.quantum for receipt in before.receipts if receipt.quantum >= 0)
        self._constructed = sum(receipt.quantum < 0 for receipt in before.receipts)
        if len(self._done) == len(self._graph) and self._constructed == len(self._graph.tasks):
            if on_initialised is not None:
                on_initialised()
            return self._nothing_to_do(before)
        with ExitStack() as stack:
            self._open(stack, told)
            self._work(stack, before, on_initialised)
        return self._conclude(before)

    def initialise_only(self, on_initialised: Callable[[], None] | None) -> tuple[Made, ...]:
        register(self._butler, self._graph)
        told = self._directory.told()
        before = recover(self._butler, self._graph, told)
        with ExitStack() as stack:
            self._open(stack, told)
            self._pipeline = PipelineGraph.from_dict(self._graph.pipeline, self._butler.universe)
            init = self._initialise(before)
            if on_initialised is not None:
                on_initialised()
            self._butler.events.tell(started(self._graph, self._attempt))
            return init

    def _open(self, stack: ExitStack, told: Told) -> None:
        self._attempt, self._journal = self._directory.new_journal()
        stack.callback(self._journal.close)
        who, header = Principal.current(), self._graph.header
        opened = Opened(
            header.graph_id,
            header.output_run,
            "local",
            self._attempt,
            effects.now_ns(),
            who.user,
            who.host,
            os.getpid(),
        )
        self._journal.append(encode_lines([opened]))
        bring_inputs(self._butler, self._graph, self._directory)
        outlet = Outlet.open(apart(self._butler.datastore, self._directory.path))
        stack.callback(outlet.close)
        keep_fields(self._butler, self._graph, outlet, self._directory.path)
        fields = RecordFields.read(self._directory.path)
        self._place = Place(outlet, self._butler.universe, self._graph, fields=fields)
        sweep_unreported(self._place, told, self._attempt)
        self._scratch = Scratch(self._butler, self._graph, self._announce)
        self._merger = Merger(self._butler, self._graph, again=self._attempt > 0, scratch=self._scratch)
        self._ledger = Ledger(self._place, self._journal, self._merger)
        stack.callback(self._ledger.close)

    def _announce(self, line: Discarded) -> None:
        self._journal.append(encode_lines([line]))
        self._journal.sync()

    def _work(self, stack: ExitStack, before: Before, on_initialised: Callable[[], None] | None) -> None:
        self._pipeline = PipelineGraph.from_dict(self._graph.pipeline, self._butler.universe)
        init = self._initialise(before)
        if on_initialised is not None:
            on_initialised()
        self._limits = self._options.agreed(self._pipeline)
        self._scheduler = self._schedule()
        kept = self._directory.path / "left"
        self._scratch_root = stack.enter_context(ScratchRoot(self._options.leftovers, kept))
        crew = self._hire(init)
        stack.callback(crew.stop)
        pulse = Pulse(self._directory.path, "local", self._attempt, self._options.jobs)
        stack.callback(pulse.stop)
        self._steward = Steward(
            self._scheduler,
            crew,
            self._ledger,
            place=self._place,
            directory=self._directory,
            attempt=self._attempt,
            watcher=self._watcher,
            limits=self._limits,
            pulse=pulse,
            handover=HandoverPlan.of(self._graph, self._scheduler) if self._options.room else None,
        )
        self._steward.remember(before.made())
        self._watcher.attempt = self._attempt
        self._scratch.remember(before.receipts, self._directory.told().discarded)
        self._watcher.begun(self._graph.header.output_run, self._totals())
        with Interrupts(lambda: crew.is_busy) as interrupts:
            self._steward.run(interrupts)
            self._interrupted = bool(interrupts.caught)
        self._merger.finish()
        is_complete = set(self._scheduler.states()) <= {State.SUCCEEDED}
        self._scratch.settle((), is_complete=is_complete)
        if is_complete:
            clear(self._butler, self._directory)

    def _schedule(self) -> Scheduler:
        graph, options, counts = self._graph, self._options, self._graph.counts
        held = () if options.only is None else set(range(len(graph))) - set(options.only)
        paces = known_paces(runs_root(self._butler), graph)
        needs, foretold = self._limits.memory(counts), foretold_memory(graph, paces)
        return Scheduler(
            len(graph),
            graph.quantum_edges(),
            done=self._done,
            retries=self._limits.retries(counts),
            memory=needs,
            budget=options.memory_budget or (memory.total() if needs or foretold else None),
            partial=partial_edges(graph, self._pipeline),
            held=held,
            fail_fast=options.fail_fast,
            durations=durations_of(graph, paces),
            expected=foretold,
        )

    def _initialise(self, before: Before) -> tuple[Made, ...]:
        """Write and register what tasks write once; return all of it."""
        worker = Worker(self._place, self._pipeline)
        outcomes = construct(worker, self._graph, before, self._attempt)
        for outcome in outcomes:
            self._ledger.add(outcome)
        self._ledger.begin()
        flushed = self._ledger.take(wait=True)
        if flushed is not None and flushed.error is not None:
            raise flushed.error
        self._merger.finish()
        artifacts = {artifact.nonce: artifact for outcome in outcomes for artifact in outcome.receipt.artifacts}
        new = made_from([out for outcome in outcomes for out in outcome.receipt.outputs], artifacts)
        rows = {
            edge.datasets[0] + self._graph.datasets[edge.dataset_type].first
            for edge in self._graph.edges.values()
            if edge.kind == "init_input"
        }
        return tuple(item for item in [*before.made(), *new] if item.row in rows)

    def _hire(self, init: tuple[Made, ...]) -> Crew:
        options, butler = self._options, self._butler
        is_alone = options.jobs == 1 and not self._limits.bind
        if is_alone or not self._place.outlet.can_be_shared:
            accepts = options.accepts_partial
            warn_alone(options.jobs, self._limits, self._place.outlet)
            room, profiles, scratch = options.room, options.profiles, self._scratch_root.folder.of(0)
            return InProcess(
                lambda: Worker(
                    self._place,
                    self._pipeline,
                    init,
                    accepts_partial=accepts,
                    room=room,
                    profiles=profiles,
                    scratch=scratch,
                )
            )
        setup = Setup(
            self._directory.graph_path,
            self._place.datastore,
            self._place.outlet.owners,
            butler.universe,
            init,
            options.on_worker_start,
            live=self._directory.path / "live" / f"{self._attempt:04}",
            accepts_partial=options.accepts_partial,
            room=options.room,
            profiles=options.profiles,
            scratch=self._scratch_root.folder,
        )
        left = len(self._graph) - len(self._done)
        return WorkerPool(min(options.jobs, left), setup, preload=modules_of(self._pipeline), limits=self._limits)

    # ---- the end

    def _totals(self) -> dict[str, tuple[int, int]]:
        earlier = Counter(self._graph.place(quantum)[0] for quantum in self._done)
        return {label: (total, earlier[label]) for label, total in self._graph.counts.items()}

    def _nothing_to_do(self, before: Before) -> RunSummary:
        tasks = {label: TaskCounts(total, earlier=total) for label, total in self._graph.counts.items()}
        status = "waiting" if self._graph.explanation.waiting else "nothing to do"
        summary = self._summary(status, tasks, before.datasets)
        plain = summary.to_dict()
        self._directory.write_summary(plain if status == "waiting" else plain | {"status": "succeeded"})
        return summary

    def _conclude(self, before: Before) -> RunSummary:
        steward, states = self._steward, self._scheduler.states()
        assert steward is not None, "work was done"
        tasks: dict[str, TaskCounts] = {}
        for label, (total, earlier) in self._totals().items():
            first = self._graph.tasks[label].first
            counts = Counter(states[first : first + total])
            tasks[label] = TaskCounts(
                total=total,
                succeeded=counts[State.SUCCEEDED] - earlier,
                no_work=steward.no_work[label],
                partial=steward.partial[label],
                deprived=steward.deprived[label],
                earlier=earlier,
                failed=counts[State.FAILED],
                blocked=counts[State.BLOCKED],
                cancelled=counts[State.CANCELLED],
                cpu_s=round(steward.cpu_s[label], 3),
            )
        remember_pace(self._directory, self._graph, steward.pace.found())
        status = self._status(set(states))
        summary = self._summary(status, tasks, before.datasets + self._merger.datasets)
        self._directory.write_summary(summary.to_dict())
        self._watcher.flush(ended(self._graph, summary))
        return summary

    def _status(self, states: set[State]) -> str:
        if states <= {State.SUCCEEDED}:
            return "waiting" if self._graph.explanation.waiting else "succeeded"
        if self._interrupted:
            return "interrupted"
        asked_less = self._options.only is not None and not self._scheduler.stopped
        return "held" if asked_less and states <= {State.SUCCEEDED, State.CANCELLED} else "failed"

    def _waiting(self, status: str) -> str:
        count = self._graph.explanation.waiting
        return f"{count:,} more wait for inputs that are not there yet" if status == "waiting" else ""

    def _summary(self, status: str, tasks: dict[str, TaskCounts], datasets: int) -> RunSummary:
        steward = self._steward
        cpu_s = (
            time.process_time()
            - self._begin_cpu
            + (sum(steward.cpu_s.values()) if steward and self._options.jobs > 1 else 0.0)
        )
        return RunSummary(
            run=self._graph.header.output_run,
            output=self._directory.request.output,
            status=status,
            attempt=self._attempt,
            tasks=tasks,
            failures=tuple(failure for _, failure in sorted(steward.failures.items())) if steward else (),
            datasets=datasets,
            wall_s=round(effects.monotonic() - self._begin, 3),
            cpu_s=round(cpu_s, 3),
            reason=(steward.reason if steward else "") or self._waiting(status),
        )
