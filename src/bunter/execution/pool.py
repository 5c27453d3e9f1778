"""Persistent worker processes: forked from a warm server, watched, replaced when they die, gone when their parent is."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.forkserver import ensure_running
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from bunter import effects
from bunter.errors import RunError
from bunter.execution.memory import kernel_kills, resident
from bunter.execution.mortality import die_with_parent
from bunter.values import sized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess
    from types import TracebackType

__all__ = ["Death", "Pool", "Reply", "Wanted", "warm_up"]

Work: TypeAlias = "Callable[[bytes], bytes]"

_AHEAD_S = 0.03  # a worker is given more only while all it has is expected to take less
_AHEAD_BYTES = 16_384  # and fits into the pipe, so that sending never waits for a busy worker:
_AHEAD = (
    32  # the kernel counts a kilobyte for the smallest message; if we waited, and the worker for us, neither would end
)
_WATCH_S = 0.1  # how often the memory of workers that have a limit is looked at
_LAST_WORDS_S = 1.0  # for a worker that is too slow to say where it is, on a machine that is busy
_PATIENCE = 3  # workers that die one after the other before they are ready, per place
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Reply:
    """Event: a worker has answered a request."""

    worker: int
    token: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Death:
    """Event: a worker is gone.

    Parameters
    ----------
    worker : int
        Its number, never used again.
    token : int or None
        The request it worked on.
    returned : tuple of int
        Requests that it had not begun.
    reason : str
        How it died, as the end of a sentence that begins with "its worker".
    cause : str
        ``timeout`` if it was ended because the request took too long, ``oom`` if because memory ran out, else ``killed``.
    """

    worker: int
    token: int | None
    returned: tuple[int, ...]
    reason: str
    cause: str = "killed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The worker that should get a request; no other may, if it ``must`` be."""

    worker: int
    must: bool = False


@dataclass(slots=True)
class _Request:
    token: int
    kind: str
    size: int
    limit_s: float | None
    memory: int
    body: bytes = b""
    begun: float = 0.0


@dataclass(slots=True)
class _Worker:
    number: int
    process: ForkServerProcess
    pipe: Connection
    requests: deque[_Request] = field(default_factory=deque)
    parked: deque[_Request] = field(default_factory=deque)  # for this worker alone, which has enough to do
    is_ready: bool = False
    has_replied: bool = False
    reason: str = ""
    cause: str = "killed"
    kill_at: float = float("inf")

    @property
    def deadline(self) -> float:
        head = self.requests[0] if self.requests and self.is_ready else None
        return float("inf") if head is None or not head.limit_s else head.begun + head.limit_s


def warm_up(preload: Sequence[str]) -> None:
    """Start the fork server now, so that it imports these modules while we do something else.

    Raises
    ------
    RunError
        If it cannot be reached in the folder for temporary files.
    """
    get_context("forkserver").set_forkserver_preload([__name__, *preload])
    with _alone():
        try:
            ensure_running()
        except OSError as exc:
            if "AF_UNIX" not in str(exc):
                raise
            raise RunError(
                f"the name of the folder for temporary files is too long to reach workers there: {tempfile.gettempdir()}; "
                "set TMPDIR to a folder with a shorter one, such as /tmp"
            ) from exc


class Pool:
    """A fixed number of worker processes that answer requests, bytes for bytes. Use it as a context.

    Parameters
    ----------
    size : int
        Number of processes.
    hire : callable
        Gets the number of a new worker and returns a picklable callable. That is called once in the new process and returns
        the function which turns a request into a reply.
    preload : sequence of str, optional
        Modules that the fork server imports once, for all workers.
    grace_s : float, optional
        Time between asking a worker to end and ending it, in seconds.
    """

    def __init__(
        self, size: int, hire: Callable[[int], Callable[[], Work]], *, preload: Sequence[str] = (), grace_s: float = 1.0
    ) -> None:
        self._size, self._hire, self._grace_s = size, hire, grace_s
        self._preload, self._context = preload, get_context("forkserver")
        self._workers: dict[int, _Worker] = {}
        self._hired = self._unlucky = 0
        self._expected_s: dict[str, float] = {}
        self._kernel_kills = kernel_kills()
        self._notices: list[Death] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Hire until all places are taken; the new workers warm up by themselves."""
        if len(self._workers) < self._size:
            warm_up(self._preload)
        while len(self._workers) < self._size:
            self._start_one()

    def _start_one(self) -> _Worker:
        number = self._hired
        self._hired += 1
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._hire(number)), name=f"bunter-worker-{number}", daemon=True
        )
        with _alone():
            process.start()
        theirs.close()
        self._workers[number] = worker = _Worker(number, process, ours)
        return worker

    # ---- requests

    def has_place(self) -> bool:
        """Whether a worker can be given another request now."""
        return len(self._workers) < self._size or any(self._takes_more(worker) for worker in self._workers.values())

    def _takes_more(self, worker: _Worker) -> bool:
        if not worker.requests:
            return True
        if len(worker.requests) >= _AHEAD:
            return False
        expected = sum(self._expected_s.get(request.kind, _AHEAD_S) for request in worker.requests)
        return expected < _AHEAD_S and sum(request.size for request in worker.requests) < _AHEAD_BYTES

    def submit(
        self,
        token: int,
        body: bytes,
        *,
        kind: str = "",
        limit_s: float | None = None,
        memory: int = 0,
        wanted: Wanted | None = None,
    ) -> int:
        """Give a request to the least busy worker, or to one that is wanted, and return the worker's number.

        Parameters
        ----------
        token : int
            Comes back with the reply.
        body : bytes
            The request.
        kind : str, optional
            Requests of one kind take about equally long.
        limit_s : float, optional
            Longest time from the start of work, in seconds; then the worker is killed.
        memory : int, optional
            Greatest resident memory of the worker and what it starts, in bytes; above it the worker is killed. 0 is no
            limit.
        wanted : Wanted, optional
            Who should get it. If it must be that one, it waits until that one can take it, or is told to have died.
        """
        self.start()
        request = _Request(token, kind, len(body), limit_s, memory, body)
        worker = None if wanted is None else self._workers.get(wanted.worker)
        if wanted is not None and wanted.must:
            return self._park(worker, wanted.worker, request)
        if worker is None or not self._takes_more(worker):
            worker = min(self._workers.values(), key=lambda one: len(one.requests))
        if (
            memory
            and not worker.parked
            and worker.has_replied
            and not worker.requests
            and resident(worker.process.pid or 0) > memory // 2
        ):
            worker = self._replace(worker)
        self._send(worker, request)
        return worker.number

    def _park(self, worker: _Worker | None, number: int, request: _Request) -> int:
        """Let a request wait for one worker; it comes back if that is gone."""
        if worker is None:
            self._notices.append(Death(number, None, (request.token,), "was gone before"))
        else:
            worker.parked.append(request)
            self._unpark(worker)
        return number

    @staticmethod
    def _send(worker: _Worker, request: _Request) -> None:
        request.begun = effects.monotonic()
        worker.requests.append(request)
        with suppress(OSError):  # a worker that has just died is noticed by `wait`
            worker.pipe.send_bytes(request.body)
        request.body = b""

    def _unpark(self, worker: _Worker) -> None:
        while worker.parked and self._takes_more(worker):
            self._send(worker, worker.parked.popleft())

    def _replace(self, worker: _Worker) -> _Worker:
        """Hire another one in place of a worker that keeps too much memory of what it did before."""
        del self._workers[worker.number]
        self._notices.append(Death(worker.number, None, (), "was replaced"))
        worker.pipe.close()
        _kill(worker, signal.SIGKILL)
        worker.process.join()
        return self._start_one()

    # ---- events

    def wait(self, timeout_s: float) -> list[Reply | Death]:
        """Wait until something happens, at most so long; return everything that has."""
        now = effects.monotonic()
        nearest = min((_soon(worker, now) for worker in self._workers.values()), default=now)
        sources: dict[Any, _Worker] = {}
        for worker in self._workers.values():
            sources[worker.pipe] = sources[worker.process.sentinel] = worker
        ready = connection.wait(list(sources), 0.0 if self._notices else max(0.0, min(timeout_s, nearest - now)))
        heard = {sources[one].number: sources[one] for one in ready}
        events = [event for worker in heard.values() for event in self._hear(worker)]
        self._end_overdue()
        notices, self._notices = self._notices, []
        return [*events, *notices]

    def _hear(self, worker: _Worker) -> Iterator[Reply | Death]:
        try:
            while worker.pipe.poll():
                body = worker.pipe.recv_bytes()
                if worker.is_ready:
                    yield self._reply(worker, body)
                else:
                    self._is_ready(worker)
        except (EOFError, OSError):
            yield self._death(worker)
        else:
            # What a worker has forked may hold its end of the pipe open; only the process itself tells that it is gone.
            if not worker.process.is_alive():
                yield self._death(worker)

    def _is_ready(self, worker: _Worker) -> None:
        """Begin to count the time of what a new worker was given while it warmed up."""
        worker.is_ready = True
        self._unlucky = 0
        if worker.requests:
            worker.requests[0].begun = effects.monotonic()

    def _reply(self, worker: _Worker, body: bytes) -> Reply:
        request = worker.requests.popleft()
        now = effects.monotonic()
        took = now - request.begun
        before = self._expected_s.get(request.kind, took)
        self._expected_s[request.kind] = max(took, 0.8 * before + 0.2 * took)
        if worker.requests:
            worker.requests[0].begun = now
        worker.has_replied = True
        self._unpark(worker)
        return Reply(worker.number, request.token, body)

    def _death(self, worker: _Worker) -> Death:
        del self._workers[worker.number]
        worker.pipe.close()
        worker.process.join(self._grace_s)
        _kill(worker, signal.SIGKILL)
        worker.process.join()
        reason, cause = worker.reason, worker.cause
        if not reason:
            reason, cause = self._reason(worker.process.exitcode)
        running = [request.token for request in worker.requests]
        waiting = [request.token for request in worker.parked]
        if not worker.is_ready:
            self._count_unlucky(reason)
        head = running[0] if running else None
        return Death(worker.number, head, (*running[1:], *waiting), reason, cause)

    def _count_unlucky(self, reason: str) -> None:
        self._unlucky += 1
        if self._unlucky > _PATIENCE * self._size:
            raise RunError(f"{self._unlucky} workers died before they did anything; the last {reason}")

    def _reason(self, exit_code: int | None) -> tuple[str, str]:
        """Say how a worker died that we did not end, and the word for it."""
        if exit_code == -signal.SIGKILL:
            before, self._kernel_kills = self._kernel_kills, kernel_kills()
            if self._kernel_kills > before:
                return "was killed by the kernel (SIGKILL), because memory ran out", "oom"
        return _reason(exit_code), "killed"

    def _end_overdue(self) -> None:
        """End workers that take too long or too much."""
        now = effects.monotonic()
        for worker in self._workers.values():
            if now >= worker.kill_at:
                _kill(worker, signal.SIGKILL)
            elif worker.reason or not worker.requests or not worker.is_ready:
                continue
            elif now >= worker.deadline:
                worker.reason = f"was ended after the limit of {worker.requests[0].limit_s:g} s"
                worker.cause = "timeout"
                _ask_where(worker)
                worker.kill_at = now + _LAST_WORDS_S
            elif (memory := worker.requests[0].memory) and (size := resident(worker.process.pid or 0)) > memory:
                worker.reason = f"was ended because it used {sized(size)}, more than the limit of {sized(memory)}"
                worker.cause = "oom"
                _kill(worker, signal.SIGKILL)

    # ---- the end

    def stop(self) -> list[int]:
        """End all workers, whatever they do, and wait until they are gone; return the tokens without reply."""
        tokens = [one.token for worker in self._workers.values() for one in (*worker.requests, *worker.parked)]
        for worker in self._workers.values():
            worker.pipe.close()
            _kill(worker, signal.SIGTERM if worker.requests else signal.SIGKILL)
        end = effects.monotonic() + self._grace_s
        for worker in self._workers.values():
            worker.process.join(max(0.0, end - effects.monotonic()))
            _kill(worker, signal.SIGKILL)
            worker.process.join()
        self._workers.clear()
        return tokens


def _kill(worker: _Worker, number: int) -> None:
    """Send a signal to a worker and to what it started."""
    pid = worker.process.pid
    if pid is None:
        return
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        if worker.process.is_alive():  # it has no group of its own yet
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _soon(worker: _Worker, now: float) -> float:
    """When something has to be done about a worker at the latest."""
    if worker.reason:
        return worker.kill_at
    watched = bool(worker.requests and worker.requests[0].memory)
    return min(worker.deadline, now + _WATCH_S if watched else float("inf"))


def _ask_where(worker: _Worker) -> None:
    """Let a worker write down where it is, if it has been told how."""
    if worker.process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(worker.process.pid, signal.SIGUSR1)


_MEANINGS = {
    signal.SIGKILL: "by somebody, or by the kernel when memory runs out",
    signal.SIGSEGV: "it touched memory that is not there: a fault of compiled code",
    signal.SIGBUS: "a file that it had mapped was cut short, or a disk is full",
    signal.SIGABRT: "compiled code gave up",
    signal.SIGFPE: "an arithmetic fault of compiled code",
    signal.SIGILL: "compiled code that this processor does not know",
    signal.SIGXCPU: "its limit of CPU time",
}


def _reason(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        number = -exit_code
        name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
        meaning = _MEANINGS.get(signal.Signals(number)) if number in set(signal.Signals) else None
        return f"was killed by {name}{f' ({meaning})' if meaning else ''}"
    return f"ended by itself with exit status {exit_code}"


@contextmanager
def _alone() -> Iterator[None]:
    """Let what is started see neither the user's script nor a wish for many threads.

    Without this, each worker would run the script again from the top, as the standard library wants it to. Numerical
    libraries use one thread in each worker, unless the user says otherwise.
    """
    threads = {name: "1" for name in _THREADS if name not in os.environ}
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update(threads)
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name in threads:
            del os.environ[name]


def _serve(pipe: Connection, hired: Callable[[], Work]) -> None:
    """Life of a worker process."""
    os.setpgid(0, 0)  # the terminal's Ctrl-C is for the parent, which ends us and what we started as one group
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    os.dup2(2, 1)  # what compiled code prints belongs beside the log, not into the answer of the command
    work = hired()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send_bytes(b"ready")
        while True:
            pipe.send_bytes(work(pipe.recv_bytes()))
