"""A sign of life of a job: what it does now, in a small file of the run's folder that is written anew every two seconds."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Beat", "Pulse", "RunningQuantum", "is_running", "read_beats"]

_EVERY_S = 2.0
_OLD_S = 60.0  # a machine that is busy may write late
_NAME = re.compile(r"pulse-.+\.json")
_HOST = os.uname().nodename


@dataclass(frozen=True, slots=True)
class RunningQuantum:
    """A quantum that was given to a worker: its number, which try it is, and since when, ns UTC since 1970."""

    quantum: int
    retry: int
    begin_ns: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What a job said of itself last.

    Parameters
    ----------
    job : str
        Its name; ``local`` for a run on one machine.
    attempt, jobs : int
        Number of the attempt, and of quanta at a time.
    begin_ns, time_ns : int
        When it began and when it said this, ns UTC since 1970.
    host : str
        Machine.
    process : int
        Process ID.
    states : mapping of str to int
        Numbers of quanta by state.
    running : tuple of RunningQuantum
        What its workers have.
    """

    job: str
    attempt: int
    jobs: int
    begin_ns: int
    time_ns: int
    host: str
    process: int
    states: Mapping[str, int]
    running: tuple[RunningQuantum, ...]

    @property
    def is_alive(self) -> bool:
        """Whether the job is at work, as far as one can tell from here."""
        if self.host != _HOST:
            return (effects.now_ns() - self.time_ns) / 1e9 < _OLD_S
        return is_running(self.process)


def is_running(process: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


class Pulse:
    """Tells what a job does, as it does it.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    job : str
        Name of the job.
    attempt, jobs : int
        Number of the attempt, and of quanta at a time.
    """

    def __init__(self, folder: Path, job: str, attempt: int, jobs: int) -> None:
        self._path = folder / f"pulse-{escape(job)}.json"
        self._job, self._attempt, self._jobs = job, attempt, jobs
        self._begin_ns, self._last = effects.now_ns(), float("-inf")
        self._running: dict[int, RunningQuantum] = {}

    def began(self, quantum: int, retry: int) -> None:
        """Note that a quantum was given to a worker."""
        self._running[quantum] = RunningQuantum(quantum, retry, effects.now_ns())

    def ended(self, quantum: int) -> None:
        """Note that a quantum is no longer with a worker."""
        self._running.pop(quantum, None)

    def is_due(self) -> bool:
        """Whether it is time to say something."""
        return effects.monotonic() - self._last >= _EVERY_S

    def beat(self, states: Mapping[str, int]) -> None:
        """Say what the job does now."""
        self._last = effects.monotonic()
        beat = Beat(
            self._job, self._attempt, self._jobs, self._begin_ns, effects.now_ns(), _HOST, os.getpid(), states,
            tuple(self._running.values()),
        )  # fmt: skip
        staged = self._path.with_suffix(".new")
        effects.unlink(staged, missing_ok=True)
        effects.write_new(staged, json.dumps(asdict(beat)).encode(), sync=False)
        effects.rename(staged, self._path)

    def stop(self) -> None:
        """Say no more."""
        effects.unlink(self._path, missing_ok=True)


def read_beats(folder: Path) -> list[Beat]:
    """Read what the jobs of a run said last; those that have ended well are not among them."""
    beats = []
    for name in sorted(effects.listdir(folder)):
        if _NAME.fullmatch(name):
            try:
                plain = json.loads(effects.read_bytes(folder / name))
            except FileNotFoundError:  # it has ended just now
                continue
            running = tuple(RunningQuantum(**one) for one in plain["running"])
            beats.append(Beat(**{**plain, "running": running}))
    return beats
