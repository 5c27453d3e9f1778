"""Carries out what the scheduler decides: gives quanta to the crew, hears how they end, lets the ledger commit."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bunter.execution.crew import Died, Done, Gone, Unbegun
from bunter.execution.message import Outcome, Request, made_from
from bunter.execution.pace import PaceKeeper
from bunter.execution.prefetch import Prefetcher
from bunter.execution.receipt import FAILED, NO_WORK, PARTIAL, Problem, Receipt
from bunter.execution.relay import Relay
from bunter.execution.scheduling import Committed, Failed, Finished, Lost, Returned, State, Stopped, Undone
from bunter.execution.summary import FailedQuantum, required_data_id
from bunter.execution.watch import WatchesTries
from bunter.execution.worker import attempt_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.execution.crew import Crew, CrewEvent
    from bunter.execution.handover import HandoverPlan
    from bunter.execution.interrupts import Interrupts
    from bunter.execution.ledger import Flushed, Ledger
    from bunter.execution.limits import Limits
    from bunter.execution.message import Made
    from bunter.execution.place import Place
    from bunter.execution.pulse import Pulse
    from bunter.execution.run_directory import RunDirectory
    from bunter.execution.scheduler import Scheduler
    from bunter.execution.scheduling import Assignment
    from bunter.execution.watch import Watcher
    from bunter.graph import QuantumGraph

__all__ = ["Steward"]

_PAUSE_S = 0.1
_AHEAD = 4


class Steward:
    """Runs the quanta of one attempt to their ends.

    Parameters
    ----------
    scheduler : Scheduler
        Decides.
    crew : Crew
        Works.
    ledger : Ledger
        Commits.
    place : Place
        Where outputs are.
    directory : RunDirectory
        Gets the logs of failures.
    attempt : int
        Number of the attempt.
    watcher : Watcher
        Is told.
    limits : Limits, optional
        Say what is tried again, and with how much memory.
    pulse : Pulse, optional
        Says what is done now.
    handover : HandoverPlan, optional
        Says what goes from quantum to quantum in memory.

    Attributes
    ----------
    failures : dict of int to FailedQuantum
        Quanta that failed for good.
    no_work : Counter of str
        Quanta without work by task.
    partial, deprived : Counter of str
        Quanta with flawed outputs that were accepted, and those that had to do without inputs, by task.
    cpu_s : dict of str to float
        CPU time of succeeded quanta by task, in seconds.
    pace : PaceKeeper
        How long succeeded quanta took, by task.
    reason : str
        Why the run ended early, if it did.
    """

    def __init__(  # noqa: PLR0913 - those who talk to each other through it
        self,
        scheduler: Scheduler,
        crew: Crew,
        ledger: Ledger,
        *,
        place: Place,
        directory: RunDirectory,
        attempt: int,
        watcher: Watcher,
        limits: Limits | None = None,
        pulse: Pulse | None = None,
        handover: HandoverPlan | None = None,
    ) -> None:
        self._scheduler, self._crew, self._ledger = scheduler, crew, ledger
        self._place, self._graph = place, place.graph
        self._directory, self._attempt, self._watcher = directory, attempt, watcher
        self._limits, self._pulse = limits, pulse
        self._relay = Relay(handover)
        self._memory: dict[int, int] = {}
        self._larder = Larder(place.graph)
        self._prefetcher = Prefetcher.of(place)
        self.failures: dict[int, FailedQuantum] = {}
        self.no_work: Counter[str] = Counter()
        self.partial: Counter[str] = Counter()
        self.deprived: Counter[str] = Counter()
        self.cpu_s: defaultdict[str, float] = defaultdict(float)
        self.pace = PaceKeeper()
        self.reason = ""

    def remember(self, made: Iterable[Made]) -> None:
        """Take note of datasets that were made before."""
        self._larder.put(made)

    def run(self, interrupts: Interrupts) -> None:
        """Go on until every quantum has ended, or the run is stopped."""
        try:
            self._run(interrupts)
        finally:
            if self._prefetcher is not None:
                self._prefetcher.close()

    def _run(self, interrupts: Interrupts) -> None:
        self._crew.start()
        while not self._scheduler.is_over:
            if interrupts.caught and not self._scheduler.stopped:
                self._stop(f"stopped by {interrupts.caught}")
            if self._scheduler.stopped:
                self._cancel()
            self._assign()
            try:
                for event in self._crew.wait(_PAUSE_S if self._scheduler.count(State.RUNNING) else 0.0):
                    self._hear(event)
            except KeyboardInterrupt:
                self._stop(f"stopped by {interrupts.caught or 'an interrupt'}")
            self._commit()
            self._beat()
        self._drain()

    def _drain(self) -> None:
        """Wait until the last failures are told of too, so that nobody else registers anything from now on."""
        while (flushed := self._ledger.take(wait=True)) is not None or self._ledger.waiting:
            if flushed is not None:
                self._hear_flushed(flushed)
            self._ledger.begin()

    def _beat(self) -> None:
        if self._pulse is not None and self._pulse.is_due():
            self._pulse.beat({state.name.lower(): self._scheduler.count(state) for state in State})

    def _assign(self) -> None:
        while self._crew.has_place() and (taken := self._scheduler.take()):
            self._submit(taken[0])
        if self._prefetcher is not None:
            for quantum in self._scheduler.upcoming(_AHEAD):
                self._prefetcher.want(quantum, self._larder.inputs(*self._graph.place(quantum)))

    def _submit(self, one: Assignment) -> None:
        label, own = self._graph.place(one.quantum)
        inputs, gets = self._larder.inputs(label, own), self._relay.bound_inputs(one.quantum)
        holds, bound = self._relay.outputs(one.quantum)
        request = Request(
            one.quantum, self._attempt, one.retry, inputs, one.memory, one.is_deprived, holds, bound, gets
        )
        if one.memory:
            self._memory[one.quantum] = one.memory
        if self._pulse is not None:
            self._pulse.began(one.quantum, one.retry)
        self._crew.submit(request, label, self._relay.worker_for(one.quantum), must=bool(gets))

    def _hear(self, event: CrewEvent) -> None:
        if isinstance(event, Gone):
            self._undo(self._relay.lost(event.worker), again=True)
            return
        if self._pulse is not None:
            self._pulse.ended(event.request.quantum)
        match event:
            case Unbegun(request):
                self._tell_ends(self._scheduler.tell(Returned(request.quantum)))
            case Died(request, reason, cause, log):
                self._discard(request)
                problem = Problem(cause, f"its worker {reason}", transient=True, limit=request.memory)
                receipt = Receipt(request.quantum, request.attempt, FAILED, request.retry, problem=problem)
                self._fail(Outcome(receipt, log_text=f"{log}{problem}\n"))
            case Done(_, outcome, worker) if outcome.receipt.is_success:
                self._finish(outcome, worker)
            case Done(_, outcome):
                self._fail(outcome)

    def _show(self, outcome: Outcome) -> None:
        if isinstance(self._watcher, WatchesTries):
            self._watcher.tried(self._graph, outcome)

    def _finish(self, outcome: Outcome, worker: int) -> None:
        self._show(outcome)
        receipt = outcome.receipt
        artifacts = {artifact.nonce: artifact for artifact in receipt.artifacts}
        self._larder.put(made_from(receipt.outputs, artifacts))
        self._scheduler.tell(Finished(receipt.quantum))
        for done in self._relay.finished(outcome, worker):
            self._ledger.add(done)
        # While the worker is free that holds what they read: they would be slower in another, and come later in this one.
        for reader in self._relay.readers(outcome):
            if self._scheduler.state(reader).is_final:
                self._undo(self._relay.ended(reader), again=False)
            elif self._crew.has_place() and (one := self._scheduler.take_this(reader)) is not None:
                self._submit(one)

    def _undo(self, outcomes: Sequence[Outcome], *, again: bool) -> None:
        """Take back the ends of quanta whose results went with a worker, or with a reader that failed, and were never written."""
        if outcomes:
            self._ledger.discard(outcomes)
            event = Undone(tuple(one.receipt.quantum for one in outcomes), again=again)
            self._tell_ends(self._scheduler.tell(event))

    def _fail(self, outcome: Outcome) -> None:
        self._show(outcome)
        receipt = outcome.receipt
        problem = receipt.problem or Problem("unknown", "it failed without a word")
        ended = self._scheduler.tell(self._verdict(receipt.quantum, problem))
        again = not ended
        if again:
            self._undo(self._relay.ended(receipt.quantum), again=True)
        log = self._write_log(receipt, outcome.log_text)
        blocked = sum(self._scheduler.state(quantum) is State.BLOCKED for quantum in ended)
        failure = self._describe(receipt.quantum, problem, log, blocked)
        if not again:
            self.failures[receipt.quantum] = failure
        if problem.fatal:
            self.reason = f"{failure.label} says that nothing in this run can work"
        self._watcher.failed(failure, again=again)
        problem = msgspec.structs.replace(problem, log=log)
        self._ledger.add(Outcome(msgspec.structs.replace(receipt, problem=problem)))
        self._tell_ends(ended)

    def _verdict(self, quantum: int, problem: Problem) -> Failed:
        """Say what follows from a failure."""
        if self._limits is None:
            return Failed(quantum, transient=problem.transient, fatal=problem.fatal)
        limit = self._limits[self._graph.place(quantum)[0]]
        memory = limit.grown(problem, self._memory.get(quantum, 0))
        return Failed(quantum, transient=limit.may_pass(problem), fatal=problem.fatal, memory=memory)

    def _write_log(self, receipt: Receipt, text: str) -> str:
        if not text:
            return ""
        label, _ = self._graph.place(receipt.quantum)
        tried = attempt_number(receipt.attempt, receipt.retry)
        return str(self._directory.write_log(f"{label}-{receipt.quantum}-{tried}", text))

    def _describe(self, quantum: int, problem: Problem, log: str = "", blocks: int = 0) -> FailedQuantum:
        label, own = self._graph.place(quantum)
        return FailedQuantum.of(quantum, label, required_data_id(self._graph, label, own), problem, log, blocks)

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
            self.reason = f"outputs could not be made durable: {flushed.error}"
            waiting = self._abandon()
            for quantum in (*quanta, *waiting):
                self.failures[quantum] = self._describe(quantum, Problem("lost", self.reason, transient=True))
            self._tell_ends(self._scheduler.tell(Lost((*quanta, *waiting))))
            return
        for receipt in successes:
            label, _ = self._graph.place(receipt.quantum)
            self.no_work[label] += receipt.end == NO_WORK
            self.partial[label] += receipt.end == PARTIAL
            self.deprived[label] += receipt.is_deprived
            if receipt.resources is not None:
                self.cpu_s[label] += receipt.resources.cpu_s
                self.pace.add(label, receipt.resources)
        self._tell_ends(self._scheduler.tell(Committed(quanta)))

    def _abandon(self) -> tuple[int, ...]:
        """Give up the gathering group after an earlier one was lost."""
        return tuple(outcome.receipt.quantum for outcome in self._ledger.abandon() if outcome.receipt.is_success)

    def _stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._tell_ends(self._scheduler.tell(Stopped()))

    def _cancel(self) -> None:
        """End what is running, and take back what it wrote."""
        for request in self._crew.stop():
            self._discard(request)
            self._tell_ends(self._scheduler.tell(Returned(request.quantum)))

    def _tell_ends(self, ended: Iterable[int]) -> None:
        for quantum in ended:
            label, _ = self._graph.place(quantum)
            state = self._scheduler.state(quantum)
            self._watcher.ended(label, state)
            if state is not State.SUCCEEDED:
                self._undo(self._relay.ended(quantum), again=False)

    def _discard(self, request: Request) -> None:
        """Take back what a quantum may have published before its worker died; its names are known from the graph."""
        place, number = self._place, attempt_number(request.attempt, request.retry)
        outputs = place.quantum(request.quantum).outputs.values()
        place.outlet.discard(name for refs in outputs for ref in refs for name in place.names(ref, number))


class Larder:
    """What this run has made and later quanta read.

    Parameters
    ----------
    graph : QuantumGraph
        Says who reads what.
    """

    def __init__(self, graph: QuantumGraph) -> None:
        self._graph = graph
        self._produced = {edge.dataset_type for edge in graph.edges.values() if edge.kind == "output"}
        self._needed = self._read_in_this_run()
        self._made: dict[int, Made] = {}

    def _read_in_this_run(self) -> Any:
        """Which datasets of the graph are made and read in this run, as a mask over all of them."""
        tables = self._graph.datasets
        needed = np.zeros(self._graph.totals[1], bool)
        for edge in self._graph.edges.values():
            if edge.is_read and edge.dataset_type in self._produced:
                needed[tables[edge.dataset_type].numbers(edge.datasets)] = True
        return needed

    def put(self, made: Iterable[Made]) -> None:
        """Keep what is read later."""
        needed = self._needed
        self._made.update((item.row, item) for item in made if needed[item.row])

    def inputs(self, label: str, own: int) -> tuple[Made, ...]:
        """Return what a quantum reads of what this run made."""
        made: list[Made] = []
        for edge in self._graph.connections(label):
            if edge.is_read and edge.dataset_type in self._produced:
                table = self._graph.datasets[edge.dataset_type]
                rows = [table.number(row) for row in edge.of_quantum(own)]
                made += [self._made[row] for row in rows if row in self._made]
        return tuple(made)
