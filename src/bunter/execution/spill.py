"""What a worker has said so far about the quantum it runs, in a file that outlives it."""

from __future__ import annotations

import faulthandler
import json
import signal
from typing import TYPE_CHECKING, Any

from bunter import effects

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Spill", "read_spill"]

_LIMIT = 1 << 20


class Spill:
    """The file of one worker: first which quantum it is about, then a log record on each line, as they come.

    A fatal signal adds where in the code it struck, as does the signal that precedes the end of a quantum that takes too
    long.

    Parameters
    ----------
    path : Path
        A file for this worker alone.
    limit : int, optional
        Bytes after which what was said before is dropped.
    """

    def __init__(self, path: Path, *, limit: int = _LIMIT) -> None:
        effects.mkdirs(path.parent)
        self._file = effects.open_append(path)
        self._limit = limit
        self._title: dict[str, Any] = {}
        self._size = -1

    def watch(self) -> None:
        """Let fatal signals, and SIGUSR1, add where the code is."""
        faulthandler.enable(self._file.fileno(), all_threads=True)
        if hasattr(faulthandler, "register"):
            faulthandler.register(signal.SIGUSR1, self._file.fileno(), all_threads=True)

    def begin(self, quantum: int, attempt: int, retry: int) -> None:
        """Note which quantum all that follows is about."""
        self._title = {"quantum": quantum, "attempt": attempt, "retry": retry}
        self._restart({})

    def _restart(self, more: dict[str, Any]) -> None:
        line = json.dumps({**self._title, **more}).encode() + b"\n"
        self._file.clear()
        self._file.append(line)
        self._size = len(line)

    def add(self, record: dict[str, Any]) -> None:
        """Write a log record."""
        line = json.dumps(record, default=str).encode() + b"\n"
        if self._size + len(line) > self._limit:
            self._restart({"dropped": True})
        self._file.append(line)
        self._size += len(line)


def read_spill(path: Path, quantum: int, attempt: int, retry: int) -> tuple[list[dict[str, Any]], str]:
    """Read what a worker has said about a quantum.

    Returns
    -------
    records : list of dict
        Log records, oldest first.
    last_words : str
        Where the code was when a signal struck; empty if none did.
    """
    if effects.stat(path) is None:
        return [], ""
    title, *lines = effects.read_bytes(path).decode(errors="replace").splitlines() or [""]
    told = _parsed(title)
    if (told.get("quantum"), told.get("attempt"), told.get("retry")) != (quantum, attempt, retry):
        return [], ""
    records, words = [], []
    for line in lines:
        record = _parsed(line)
        if "message" in record:
            records.append(record)
        else:
            words.append(line)
    return records, "\n".join(words)


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
