"""The seam between the run and those who do its work: in this process, or in a pool of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from bunter.execution.message import Outcome, Request

__all__ = ["Crew", "CrewEvent", "Died", "Done", "Gone", "Unbegun"]


@dataclass(frozen=True, slots=True)
class Done:
    """Event: a quantum has ended in a worker, well or not."""

    request: Request
    outcome: Outcome
    worker: int = 0


@dataclass(frozen=True, slots=True)
class Died:
    """Event: the worker of a quantum is gone.

    Parameters
    ----------
    request : Request
        The quantum.
    reason : str
        How it died, as the end of a sentence that begins with "its worker".
    cause : str
        ``killed``, ``timeout`` or ``oom``.
    log : str
        What the task had said so far.
    """

    request: Request
    reason: str
    cause: str = "killed"
    log: str = ""


@dataclass(frozen=True, slots=True)
class Unbegun:
    """Event: a quantum was submitted and never began; it can be submitted again."""

    request: Request


@dataclass(frozen=True, slots=True)
class Gone:
    """Event: a worker is gone with all it held; what it was to do has been told before."""

    worker: int


CrewEvent: TypeAlias = Done | Died | Unbegun | Gone


class Crew(Protocol):
    """Those who run quanta."""

    @property
    def is_busy(self) -> bool:
        """Whether an interrupt now would hit a task in this very process."""

    def start(self) -> None:
        """Begin to warm up."""

    def has_place(self) -> bool:
        """Whether another quantum can be submitted now."""

    def submit(self, request: Request, label: str, worker: int | None = None, *, must: bool = False) -> None:
        """Take a quantum; ``label`` is that of its task, ``worker`` who should run it, and alone can if it ``must`` be."""

    def wait(self, timeout_s: float) -> list[CrewEvent]:
        """Wait until something happens, at most so long, and return what has."""

    def stop(self) -> list[Request]:
        """End at once whatever runs, and return the quanta that have not ended."""
