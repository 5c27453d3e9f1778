"""Runs quanta one after the other: constructs a task once, gives each quantum its butler, tells how it ended."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from bunter import effects
from bunter.errors import TaskFailedError
from bunter.execution.hands import Hands
from bunter.execution.message import Outcome
from bunter.execution.quantum_butler import QuantumButler
from bunter.execution.quantum_log import QuantumLog
from bunter.execution.receipt import FAILED, NO_WORK, PARTIAL, SUCCEEDED, Problem, Receipt, Resources
from bunter.execution.shelf import Shelf
from bunter.execution.stamping import stamping_of
from bunter.pipeline.context import QuantumContext
from bunter.pipeline.signals import (
    AlgorithmError,
    InvalidQuantumError,
    NoWorkFound,
    PartialOutputsError,
    RepeatableError,
)
from bunter.values import sized

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bunter.execution.message import Made, Request
    from bunter.execution.place import Place
    from bunter.execution.scratch_folder import Left, ScratchFolder
    from bunter.execution.spill import Spill
    from bunter.graph import Quantum, QuantumRef
    from bunter.pipeline import PipelineGraph, PipelineTask, TaskNode

__all__ = ["TASK_LOG", "Worker", "attempt_number", "quantum_name"]

TASK_LOG = "bunter.task"
"""Logger above those of the tasks, ``bunter.task.<label>``."""

_ROOTS = {object, BaseException, Exception}
_HOST = os.uname().nodename
_RETRIES = 256


def attempt_number(attempt: int, retry: int) -> int:
    """One number for the ``retry``-th try of a quantum in an attempt of its job; 0 for the first of all."""
    return attempt * _RETRIES + retry


def quantum_name(label: str, request: Request) -> str:
    """Name a try of a quantum, for files."""
    return f"{label}-{request.quantum}-{attempt_number(request.attempt, request.retry)}"


class Worker:
    """Runs quanta of one graph in this process.

    Parameters
    ----------
    place : Place
        Where they read and write.
    pipeline : PipelineGraph
        The tasks; their code is imported when it is needed.
    init : iterable of Made
        Datasets that were written once for the run, for tasks that read them when constructed.
    spill : Spill, optional
        Gets what tasks say as they run.
    accepts_partial : bool, optional
        Whether the flawed outputs of a task that raises `PartialOutputsError` count.
    room : int, optional
        Bytes for objects that are kept at hand for the quanta that read them.
    profiles : Path, optional
        Folder for a profile of each try: where its time goes.
    scratch : ScratchFolder, optional
        For what tasks write beside their outputs.
    """

    def __init__(
        self,
        place: Place,
        pipeline: PipelineGraph,
        init: Sequence[Made] = (),
        *,
        spill: Spill | None = None,
        accepts_partial: bool = False,
        room: int = 0,
        profiles: Path | None = None,
        scratch: ScratchFolder | None = None,
    ) -> None:
        self._place, self._pipeline, self._init = place, pipeline, tuple(init)
        self._shelf, self._profiles, self._scratch = Shelf(room), profiles, scratch
        self._spill, self._accepts_partial = spill, accepts_partial
        self._tasks: dict[str, PipelineTask[Any]] = {}
        logger = logging.getLogger(TASK_LOG)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)

    def run(self, request: Request) -> Outcome:
        """Run one quantum to its end, whatever it does."""
        quantum = self._place.quantum(request.quantum)
        hands = Hands(self._shelf, request.holds, request.bound)
        number = attempt_number(request.attempt, request.retry)
        butler = QuantumButler(self._place, number, request.inputs, hands=hands)
        butler.stamping = stamping_of(self._place, quantum, self._pipeline[quantum.label])
        work = _Work(request, butler, accepts_partial=self._accepts_partial)
        if self._spill is not None:
            self._spill.begin(request.quantum, request.attempt, request.retry)
        scratch = contextlib.nullcontext() if self._scratch is None else self._scratch.in_use()
        with scratch, QuantumLog(quantum.label, spill=self._spill) as log, contextlib.redirect_stdout(sys.stderr):
            try:
                with _returning_once(), self._profiled(f"{quantum.label}-{quantum.row}-{number}"):
                    hands.require(request.gets)
                    task = self._task(quantum.label)
                    self._run_task(task, self._pipeline[quantum.label], quantum, work)
            except KeyboardInterrupt:
                butler.discard()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a task does must not end the worker
                work.ended_by(error, log)
        if self._scratch is not None:
            work.left = self._scratch.clear(quantum_name(quantum.label, request))
        outcome = work.outcome(quantum, log, hands.handed)
        butler.succeed()
        held = hands.leave([ref.row for refs in quantum.inputs.values() for ref in refs])
        return msgspec.structs.replace(outcome, held=held) if held else outcome

    def _profiled(self, name: str) -> contextlib.AbstractContextManager[None]:
        if self._profiles is None:
            return contextlib.nullcontext()
        from bunter.execution.profiling import profiled

        effects.mkdirs(self._profiles)
        return profiled(self._profiles / f"{name}.pstats")

    def rehearse(self, request: Request, butler: QuantumButler) -> dict[str, Any]:
        """Run one quantum with a butler of the caller's, let out what it raises, and return its metadata."""
        quantum, work = self._place.quantum(request.quantum), _Work(request, butler)
        self._run_task(self._task(quantum.label), self._pipeline[quantum.label], quantum, work)
        return work.metadata

    def construct(self, request: Request, label: str) -> Outcome:
        """Write what a task writes once for a run: its configuration, and attributes it declares as InitOutput."""
        node, quantum = self._pipeline[label], self._place.graph.construction(label)
        butler = QuantumButler(self._place, attempt_number(request.attempt, request.retry), request.inputs)
        self._init = request.inputs
        for name, refs in quantum.outputs.items():
            automatic = node.connection(name).is_automatic
            obj = node.config_dict if automatic else _attribute(self._task(label), name)
            for ref in refs:
                if not ref.exists:  # an earlier part of the run has written it
                    butler.put(obj, ref)
        receipt = Receipt(
            request.quantum, request.attempt, SUCCEEDED, request.retry, tuple(butler.outputs), tuple(butler.artifacts)
        )
        return Outcome(receipt)

    def _task(self, label: str) -> PipelineTask[Any]:
        if label not in self._tasks:
            node = self._pipeline[label]
            reader = QuantumButler(self._place, 0, self._init)
            inputs = {
                name: _load_init(reader, node, name, refs)
                for name, refs in self._place.graph.construction(label).inputs.items()
            }
            self._tasks[label] = node.make_task(init_inputs=inputs, log=logging.getLogger(f"{TASK_LOG}.{label}"))
        return self._tasks[label]

    def _run_task(self, task: PipelineTask[Any], node: TaskNode, quantum: Quantum, work: _Work) -> None:
        task.metadata = work.metadata
        inputs = {name: [ref for ref in refs if work.has(ref)] for name, refs in quantum.inputs.items()}
        outputs = {name: list(refs) for name, refs in quantum.outputs.items()}
        _require_inputs(node, inputs, is_deprived=work.is_deprived)
        if node.adjusts_quanta:
            adjusted = task.connections.adjust_quantum(inputs, outputs, quantum.data_id)
            inputs, outputs = ({name: list(refs) for name, refs in side.items()} for side in adjusted)
            _require_inputs(node, inputs, is_deprived=work.is_deprived)
        context = work.context = QuantumContext(
            work.butler, inputs=inputs, outputs=outputs, data_id=quantum.data_id, quantum=quantum
        )
        task.run_quantum(context, inputs, outputs)
        _require_outputs(node, outputs, work.butler.written)


@contextlib.contextmanager
def _returning_once() -> Iterator[None]:
    """End a child that a task has forked and that comes back from it, before it takes the rest of the run for its own."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(1)


class _Work:
    """One quantum while it runs, and how it ends."""

    def __init__(self, request: Request, butler: QuantumButler, *, accepts_partial: bool = False) -> None:
        self._request, self.butler, self._accepts_partial = request, butler, accepts_partial
        self.context: QuantumContext | None = None
        self.metadata: dict[str, Any] = {}
        self.left: Left | None = None
        self._end = SUCCEEDED
        self._problem: Problem | None = None
        self._begin_ns, self._begin, self._begin_cpu = effects.now_ns(), effects.monotonic(), _cpu_s()

    def has(self, ref: QuantumRef) -> bool:
        return ref.exists or self.butler.stored(ref)

    @property
    def is_deprived(self) -> bool:
        return self._request.is_deprived

    def ended_by(self, error: BaseException, log: QuantumLog) -> None:
        if self._accepts_partial and isinstance(error, PartialOutputsError):
            log.failed(error)
            self._end, self._problem = PARTIAL, _problem(error, self._request.memory)
            return
        self.butler.discard()
        if isinstance(error, NoWorkFound):
            self._end, self._problem = NO_WORK, Problem(type(error).__name__, _sentence(error), family=_family(error))
            return
        log.failed(error)
        self._end = FAILED
        self._problem = _problem(error, self._request.memory)

    def outcome(self, quantum: Quantum, log: QuantumLog, handed: tuple[int, ...] = ()) -> Outcome:
        resources = Resources(
            begin_ns=self._begin_ns,
            wall_s=round(effects.monotonic() - self._begin, 6),
            cpu_s=round(_cpu_s() - self._begin_cpu, 6),
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
            host=_HOST,
            process=os.getpid(),
        )
        receipt = Receipt(
            quantum=quantum.row,
            attempt=self._request.attempt,
            end=self._end,
            retry=self._request.retry,
            outputs=tuple(self.butler.outputs),
            artifacts=tuple(self.butler.artifacts),
            unread=self._unread(),
            resources=resources,
            problem=self._problem,
            is_deprived=self._request.is_deprived,
            rejected=()
            if self.context is None
            else tuple((ref.row, why) for ref, why in self.context.rejected.items()),
            handed=handed,
        )
        metadata = self._metadata(quantum, resources)
        is_failure = self._end == FAILED
        return Outcome(receipt, _json(metadata), _json(log.records()), log.text() if is_failure else "")

    def _unread(self) -> tuple[int, ...]:
        if self.context is None:
            return ()
        read = {ref.row for ref in self.context.read}
        return tuple(ref.row for refs in self.context.inputs.values() for ref in refs if ref.row not in read)

    def _metadata(self, quantum: Quantum, resources: Resources) -> dict[str, Any]:
        facts = {
            "label": quantum.label,
            "data_id": dict(quantum.data_id),
            "end": self._end,
            "attempt": self._request.attempt,
            "retry": self._request.retry,
            "begin_ns": resources.begin_ns,
            "wall_s": resources.wall_s,
            "cpu_s": resources.cpu_s,
            "peak_memory": resources.peak_memory,
            "host": resources.host,
            "process": resources.process,
        }
        if self._problem is not None:
            facts["reason"] = str(self._problem)
        if self.left is not None:
            facts["left"] = self.left.to_dict()
        if self._request.is_deprived:
            facts["is_deprived"] = True
        if self.context is not None and self.context.rejected:
            facts["rejected"] = {str(ref): why for ref, why in self.context.rejected.items()}
        return {"quantum": facts, "task": self.metadata}


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts


def _cpu_s() -> float:
    """CPU time of this process and of the children it has waited for, in seconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _attribute(task: PipelineTask[Any], name: str) -> Any:
    if not hasattr(task, name):
        raise TaskFailedError(
            f"{type(task).__name__} declares the InitOutput {name!r} but has no attribute of that name"
        )
    return getattr(task, name)


def _load_init(butler: QuantumButler, node: TaskNode, name: str, refs: Sequence[QuantumRef]) -> Any:
    connection = node.connection(name)
    return butler.get(refs[0], component=connection.component, storage_class=connection.storage_class)


def _require_inputs(node: TaskNode, inputs: Mapping[str, Sequence[Any]], *, is_deprived: bool) -> None:
    """Nothing is to be done where earlier quanta had nothing to do and so made too few inputs."""
    for connection in node.of_kind("input", "prerequisite"):
        found = len(inputs.get(connection.name, ()))
        if found < connection.minimum:
            if is_deprived:
                raise TaskFailedError(
                    f"{found} of input {connection.name!r} are there, and {node.label} needs {connection.minimum};"
                    " what should have made the others has failed"
                )
            raise NoWorkFound(
                f"{found} of input {connection.name!r} were made, and {node.label} needs {connection.minimum}"
            )


def _require_outputs(node: TaskNode, outputs: Mapping[str, Sequence[QuantumRef]], written: set[int]) -> None:
    for connection in node.outputs:
        refs = outputs.get(connection.name, ())
        made = sum(ref.row in written for ref in refs)
        if made < min(connection.minimum, len(refs)):
            raise TaskFailedError(
                f"{node.label} ended without its output {connection.name!r} ({refs[0]}); return it, or raise NoWorkFound"
            )


def _problem(error: BaseException, memory: int = 0) -> Problem:
    if isinstance(error, SystemExit):
        return Problem("SystemExit", f"the task called sys.exit({error.code!r}); it must return, or raise an error")
    message = _sentence(error)
    if isinstance(error, MemoryError):
        message = message or (f"more than the limit of {sized(memory)}" if memory else "memory ran out")
    return Problem(
        type(error).__name__,
        message,
        transient=not isinstance(error, RepeatableError | InvalidQuantumError | TaskFailedError),
        fatal=isinstance(error, InvalidQuantumError),
        family=_family(error),
        limit=memory,
        numbers=_numbers(error),
    )


def _family(error: BaseException) -> tuple[str, ...]:
    """Names of the classes from which an exception's class derives, up to those that all have."""
    return tuple(one.__name__ for one in type(error).__mro__[1:] if one not in _ROOTS)


def _numbers(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, AlgorithmError):
        return {}
    plain: dict[str, Any] = json.loads(_json(error.numbers))
    return plain


def _sentence(error: BaseException) -> str:
    """First line of the message, bounded; the log has all of it."""
    first = str(error).strip().partition("\n")[0]
    return first if len(first) <= 500 else f"{first[:480]} ... ({len(str(error))} characters)"


def _json(value: Any) -> bytes:
    """Write plain values as JSON, and what is not plain as its text, so that metadata never fail a quantum."""
    try:
        return json.dumps(value, default=_plain).encode()
    except (TypeError, ValueError, UnicodeEncodeError):
        return json.dumps(_textual(value), default=_plain).encode()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _textual(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _textual(item) for key, item in value.items()}
    return [_textual(item) for item in value] if isinstance(value, list | tuple) else value
