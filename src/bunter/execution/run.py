"""A run: the scheduler decides, a crew works, the ledger commits, the merger registers; this module lets them talk."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bunter import effects
from bunter.datastore import MAIN, Staged
from bunter.errors import RunError
from bunter.execution.crew import Died, Done, Unbegun
from bunter.execution.in_process import InProcess
from bunter.execution.initialise import Before, construct, recover, register
from bunter.execution.interrupts import Interrupts
from bunter.execution.ledger import Ledger
from bunter.execution.merge import Merger
from bunter.execution.message import Made, Outcome, Request
from bunter.execution.quantum_butler import Place
from bunter.execution.receipt import FAILED, NO_WORK, Opened, Problem, Receipt, encode_lines
from bunter.execution.scheduler import Committed, Failed, Finished, Lost, Returned, Scheduler, State, Stopped
from bunter.execution.summary import FailedQuantum, RunSummary, TaskCounts
from bunter.execution.watch import Silent
from bunter.execution.worker import Worker, attempt_number
from bunter.execution.worker_pool import Setup, WorkerPool
from bunter.graph import dataset_nonce
from bunter.pipeline import PipelineGraph
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bunter.butler import Butler
    from bunter.execution.crew import Crew, CrewEvent
    from bunter.execution.ledger import Flushed
    from bunter.execution.run_directory import RunDirectory
    from bunter.execution.watch import Watcher
    from bunter.graph import QuantumGraph

__all__ = ["RunOptions", "run_graph"]

_log = logging.getLogger(__name__)
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is carried out.

    Parameters
    ----------
    jobs : int
        Number of quanta at a time; 1 runs them in this process.
    fail_fast : bool
        Whether the first failure stops the run.
    retries : int
        How often a quantum that failed in a way that may not happen again is tried again.
    limit_s : float, optional
        Longest time for a quantum, in seconds; needs worker processes.
    on_worker_start : callable, optional
        Called first in each worker process; must be picklable.
    """

    jobs: int = 1
    fail_fast: bool = False
    retries: int = 0
    limit_s: float | None = None
    on_worker_start: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise RunError(f"a run needs at least one job, not {self.jobs}")


def run_graph(  # noqa: PLR0913 - all but three by keyword, one word each
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
    return _Run(butler, graph, directory, options or RunOptions(), watcher or Silent()).carry_out(on_initialised)


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
        self._options, self._watcher = options, watcher
        self._begin, self._begin_cpu = effects.monotonic(), time.process_time()
        self._attempt = 0
        self._failures: dict[int, FailedQuantum] = {}
        self._no_work: Counter[str] = Counter()
        self._cpu: defaultdict[str, float] = defaultdict(float)
        self._made: dict[int, Made] = {}
        self._reason = ""

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
            self._open(stack)
            self._work(stack, before, on_initialised)
        return self._conclude(before)

    def _open(self, stack: ExitStack) -> None:
        self._attempt, self._journal = self._directory.new_journal()
        stack.callback(self._journal.close)
        who, header = Principal.current(), self._graph.header
        opened = Opened(
            header.graph_id, header.output_run, "local", self._attempt, effects.now_ns(), who.user, who.host, _process()
        )
        self._journal.append(encode_lines([opened]))
        store = self._butler.datastore.stores[MAIN]
        owner = store.own()
        stack.callback(store.disown, owner)
        self._place = Place(self._butler.datastore, owner, self._butler.universe, self._graph)
        self._merger = Merger(self._butler, self._graph)
        self._ledger = Ledger(self._place, self._journal, self._merger)
        stack.callback(self._ledger.close)

    def _work(self, stack: ExitStack, before: Before, on_initialised: Callable[[], None] | None) -> None:
        self._pipeline = PipelineGraph.from_dict(self._graph.pipeline, self._butler.universe)
        init = self._initialise(before)
        if on_initialised is not None:
            on_initialised()
        self._needed = self._read_in_this_run()
        self._remember(before.made())
        self._scheduler = Scheduler(
            len(self._graph),
            self._graph.quantum_edges(),
            done=self._done,
            retries=self._options.retries,
            fail_fast=self._options.fail_fast,
        )
        self._crew = self._hire(init)
        self._interrupts = stack.enter_context(Interrupts(lambda: self._crew.is_busy))
        stack.callback(self._crew.stop)
        self._watcher.begun(self._graph.header.output_run, self._totals())
        self._loop()
        self._merger.finish()

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
        new = [
            Made(out.row, artifacts[out.nonce], out.selector) for outcome in outcomes for out in outcome.receipt.outputs
        ]
        rows = {
            edge.datasets[0] + self._graph.datasets[edge.dataset_type].first
            for edge in self._graph.edges.values()
            if edge.kind == "init_input"
        }
        return tuple(item for item in [*before.made(), *new] if item.row in rows)

    def _hire(self, init: tuple[Made, ...]) -> Crew:
        from bunter.datastore.store import LocalPaths

        options, butler = self._options, self._butler
        if options.jobs == 1 or not isinstance(self._place.store, LocalPaths):
            return InProcess(lambda: Worker(self._place, self._pipeline, init))
        setup = Setup(
            self._directory.graph_path,
            butler.datastore,
            self._place.owner,
            butler.universe,
            init,
            options.on_worker_start,
        )
        modules = sorted({task.class_name.rpartition(".")[0] for task in self._pipeline.tasks})
        left = len(self._graph) - len(self._done)
        return WorkerPool(min(options.jobs, left), setup, preload=modules, limit_s=options.limit_s)

    # ---- the loop

    def _loop(self) -> None:
        self._crew.start()
        while not self._scheduler.is_over:
            if self._interrupts.caught and not self._scheduler.stopped:
                self._stop(f"stopped by {self._interrupts.caught}")
            if self._scheduler.stopped:
                self._cancel()
            self._assign()
            try:
                for event in self._crew.wait(_PAUSE_S if self._scheduler.count(State.RUNNING) else 0.0):
                    self._hear(event)
            except KeyboardInterrupt:
                self._stop(f"stopped by {self._interrupts.caught or 'an interrupt'}")
            self._commit()

    def _assign(self) -> None:
        while self._crew.has_place() and (taken := self._scheduler.take()):
            quantum, retry = taken[0].quantum, taken[0].retry
            label, own = self._graph.place(quantum)
            self._crew.submit(Request(quantum, self._attempt, retry, self._inputs(label, own)), label)

    def _inputs(self, label: str, own: int) -> tuple[Made, ...]:
        """Return what the quantum reads of what this run made."""
        made: list[Made] = []
        for edge in self._graph.connections(label):
            if edge.kind in {"input", "prerequisite"} and edge.dataset_type in self._produced:
                first = self._graph.datasets[edge.dataset_type].first
                made += [self._made[first + row] for row in edge.of_quantum(own) if first + row in self._made]
        return tuple(made)

    def _hear(self, event: CrewEvent) -> None:
        match event:
            case Unbegun(request):
                self._tell_ends(self._scheduler.tell(Returned(request.quantum)))
            case Died(request, reason, is_timeout):
                self._discard(request)
                problem = Problem("timeout" if is_timeout else "killed", f"its worker {reason}", transient=True)
                receipt = Receipt(request.quantum, request.attempt, FAILED, request.retry, problem=problem)
                self._fail(Outcome(receipt))
            case Done(_, outcome) if outcome.receipt.is_success:
                self._finish(outcome)
            case Done(_, outcome):
                self._fail(outcome)

    def _finish(self, outcome: Outcome) -> None:
        receipt = outcome.receipt
        artifacts = {artifact.nonce: artifact for artifact in receipt.artifacts}
        self._remember(Made(out.row, artifacts[out.nonce], out.selector) for out in receipt.outputs)
        self._scheduler.tell(Finished(receipt.quantum))
        self._ledger.add(outcome)

    def _fail(self, outcome: Outcome) -> None:
        receipt = outcome.receipt
        problem = receipt.problem or Problem("unknown", "it failed without a word")
        ended = self._scheduler.tell(Failed(receipt.quantum, transient=problem.transient, fatal=problem.fatal))
        again = not ended
        log = self._write_log(receipt, outcome.log_text)
        blocked = sum(self._scheduler.state(quantum) is State.BLOCKED for quantum in ended)
        failure = self._describe(receipt.quantum, str(problem), log, blocked)
        if not again:
            self._failures[receipt.quantum] = failure
        if problem.fatal:
            self._reason = f"{failure.label} says that nothing in this run can work"
        self._watcher.failed(failure, again=again)
        problem = msgspec.structs.replace(problem, log=log)
        self._ledger.add(Outcome(msgspec.structs.replace(receipt, problem=problem)))
        self._tell_ends(ended)

    def _write_log(self, receipt: Receipt, text: str) -> str:
        if not text:
            return ""
        label, _ = self._graph.place(receipt.quantum)
        tried = attempt_number(receipt.attempt, receipt.retry)
        return str(self._directory.write_log(f"{label}-{receipt.quantum}-{tried}", text))

    def _describe(self, quantum: int, error: str, log: str = "", blocks: int = 0) -> FailedQuantum:
        label, own = self._graph.place(quantum)
        return FailedQuantum(quantum, label, self._graph.tasks[label].keys.data_id(own), error, log, blocks)

    def _commit(self) -> None:
        """Hear of what was committed, and begin with the next group when it is due or nothing else is to be done."""
        idle = not (self._scheduler.count(State.RUNNING) or self._scheduler.count(State.READY))
        flushed = self._ledger.take(wait=idle)
        if flushed is not None:
            self._hear_flushed(flushed)
        if self._ledger.is_due() or (idle and self._ledger.waiting):
            self._ledger.begin()

    def _hear_flushed(self, flushed: Flushed) -> None:
        successes = [receipt for receipt in flushed.receipts if receipt.is_success]
        quanta = tuple(receipt.quantum for receipt in successes)
        if flushed.error is not None:
            self._reason = f"outputs could not be made durable: {flushed.error}"
            waiting = self._abandon()
            for quantum in (*quanta, *waiting):
                self._failures[quantum] = self._describe(quantum, self._reason)
            self._tell_ends(self._scheduler.tell(Lost((*quanta, *waiting))))
            return
        for receipt in successes:
            label, _ = self._graph.place(receipt.quantum)
            self._no_work[label] += receipt.end == NO_WORK
            self._cpu[label] += receipt.resources.cpu_s if receipt.resources else 0.0
        self._tell_ends(self._scheduler.tell(Committed(quanta)))

    def _abandon(self) -> tuple[int, ...]:
        """Give up the gathering group after an earlier one was lost."""
        return tuple(outcome.receipt.quantum for outcome in self._ledger.abandon() if outcome.receipt.is_success)

    def _stop(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._tell_ends(self._scheduler.tell(Stopped()))

    def _cancel(self) -> None:
        """End what is running, and take back what it wrote."""
        for request in self._crew.stop():
            self._discard(request)
            self._tell_ends(self._scheduler.tell(Returned(request.quantum)))

    def _tell_ends(self, ended: Iterable[int]) -> None:
        for quantum in ended:
            label, _ = self._graph.place(quantum)
            self._watcher.ended(label, self._scheduler.state(quantum))

    def _discard(self, request: Request) -> None:
        """Take back what a quantum may have published before its worker died; its names are known from the graph."""
        place, graph = self._place, self._graph
        number = attempt_number(request.attempt, request.retry)
        left: list[Staged] = []
        for refs in place.quantum(request.quantum).outputs.values():
            for ref in refs:
                dataset_type = place.dataset_type(ref.dataset_type)
                extension = place.datastore.choice(dataset_type).format.extension
                nonce = dataset_nonce(graph.header.graph_id, ref.row, number)
                key = place.datastore.key_for(dataset_type, ref.data_id, ref.run, nonce, extension)
                left.append(Staged(key, 0, None, place.owner))
        place.store.discard(left)

    # ---- what later quanta read

    def _read_in_this_run(self) -> Any:
        """Which datasets of the graph are read by some quantum, as a mask over all of them."""
        tables = self._graph.datasets
        self._produced = {edge.dataset_type for edge in self._graph.edges.values() if edge.kind == "output"}
        needed = np.zeros(sum(map(len, tables.values())), bool)
        for edge in self._graph.edges.values():
            if edge.kind in {"input", "prerequisite"} and edge.dataset_type in self._produced:
                needed[tables[edge.dataset_type].first + edge.datasets] = True
        return needed

    def _remember(self, made: Iterable[Made]) -> None:
        needed = self._needed
        self._made.update((item.row, item) for item in made if needed[item.row])

    # ---- the end

    def _totals(self) -> dict[str, tuple[int, int]]:
        earlier = Counter(self._graph.place(quantum)[0] for quantum in self._done)
        return {label: (total, earlier[label]) for label, total in self._graph.counts.items()}

    def _nothing_to_do(self, before: Before) -> RunSummary:
        tasks = {label: TaskCounts(total, earlier=total) for label, total in self._graph.counts.items()}
        summary = self._summary("nothing to do", tasks, before.datasets)
        self._directory.write_summary(summary.to_dict() | {"status": "succeeded"})
        return summary

    def _conclude(self, before: Before) -> RunSummary:
        states = self._scheduler.states()
        tasks: dict[str, TaskCounts] = {}
        for label, (total, earlier) in self._totals().items():
            first = self._graph.tasks[label].first
            counts = Counter(states[first : first + total])
            tasks[label] = TaskCounts(
                total=total,
                succeeded=counts[State.SUCCEEDED] - earlier,
                no_work=self._no_work[label],
                earlier=earlier,
                failed=counts[State.FAILED],
                blocked=counts[State.BLOCKED],
                cancelled=counts[State.CANCELLED],
                cpu_s=round(self._cpu[label], 3),
            )
        status = (
            "succeeded" if set(states) <= {State.SUCCEEDED} else "interrupted" if self._interrupts.caught else "failed"
        )
        summary = self._summary(status, tasks, before.datasets + self._merger.datasets)
        self._directory.write_summary(summary.to_dict())
        return summary

    def _summary(self, status: str, tasks: dict[str, TaskCounts], datasets: int) -> RunSummary:
        cpu_s = time.process_time() - self._begin_cpu + (sum(self._cpu.values()) if self._options.jobs > 1 else 0.0)
        return RunSummary(
            run=self._graph.header.output_run,
            output=self._directory.request.output,
            status=status,
            attempt=self._attempt,
            tasks=tasks,
            failures=tuple(self._failures[quantum] for quantum in sorted(self._failures)),
            datasets=datasets,
            wall_s=round(effects.monotonic() - self._begin, 3),
            cpu_s=round(cpu_s, 3),
            reason=self._reason,
        )


def _process() -> int:
    import os

    return os.getpid()
