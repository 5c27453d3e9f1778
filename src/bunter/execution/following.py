"""Journals of a run as they grow: what was read once is not read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter.execution.journal import read_more
from bunter.execution.pulse import is_running
from bunter.execution.receipt import Closed, Gathering, Intent, Opened, decode_line
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bunter.execution.receipt import Line, Told
    from bunter.execution.run_directory import RunDirectory

__all__ = ["Following"]


@dataclass(slots=True)
class _Attempt:
    """What is known of one attempt at a job."""

    job: str
    read: int = 0
    opened: Opened | None = None
    is_closed: bool = False
    announced: list[str] = field(default_factory=list)

    def note(self, lines: Iterable[Line]) -> None:
        for line in lines:
            match line:
                case Opened():
                    self.opened = self.opened or line
                case Closed():
                    self.is_closed = True
                case Intent(keys):
                    self.announced += keys
                case _:
                    pass

    @property
    def is_over(self) -> bool:
        """Whether it has ended: it says so, or it ran on this machine and its process is gone."""
        if self.is_closed:
            return True
        return (
            self.opened is not None
            and self.opened.host == Principal.current().host
            and not is_running(self.opened.process)
        )


class Following:
    """Reads the journals of a run again and again.

    Parameters
    ----------
    directory : RunDirectory
        Folder of the run.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._attempts: dict[Path, _Attempt] = {}
        self._gathering = Gathering()

    def look(self) -> Told:
        """Read what is new, and take it together with what was read before."""
        for _, job, path in self._directory.journals():
            attempt = self._attempts.setdefault(path, _Attempt(job))
            documents, attempt.read = read_more(path, attempt.read)
            lines = [decode_line(document) for document in documents]
            attempt.note(lines)
            self._gathering.take(lines)
        return self._gathering.told(len(self._attempts))

    @property
    def open_jobs(self) -> int:
        """Attempts at jobs that may still publish something."""
        return sum(not one.is_over for one in self._jobs())

    def awaited(self) -> set[str]:
        """Keys that attempts have announced which may still publish something."""
        return {key for one in self._jobs() if not one.is_over for key in one.announced}

    def _jobs(self) -> list[_Attempt]:
        return [one for one in self._attempts.values() if one.job != "local"]
