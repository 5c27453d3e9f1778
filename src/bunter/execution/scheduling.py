"""The words between a scheduler and who carries its decisions out: where a quantum stands, what happened, what to run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

__all__ = [
    "Assignment",
    "Committed",
    "Event",
    "Failed",
    "Finished",
    "Lost",
    "Returned",
    "State",
    "Stopped",
    "Undone",
]


class State(IntEnum):
    """Where a quantum stands."""

    WAITING = 0  # for its parents
    READY = 1
    RUNNING = 2
    FINISHED = 3  # the task returned; its outputs are not yet durable, so nobody is told of a success
    SUCCEEDED = 4
    FAILED = 5
    BLOCKED = 6  # an ancestor failed
    CANCELLED = 7  # the run was stopped before it could end

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to such a quantum in this run."""
        return self >= State.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Assignment:
    """Decision: run this quantum now.

    Parameters
    ----------
    quantum : int
        Its number.
    retry : int
        How often it was tried before.
    memory : int
        What it may use, in bytes; 0 if nobody has said.
    is_deprived : bool
        Whether some of its inputs are lacking because what should have made them has failed.
    """

    quantum: int
    retry: int
    memory: int = 0
    is_deprived: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """Event: the task returned and its outputs are written, but not yet durable."""

    quantum: int


@dataclass(frozen=True, slots=True)
class Committed:
    """Event: outputs and receipts of these quanta are durable."""

    quanta: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Event: the quantum failed.

    Parameters
    ----------
    quantum : int
        Its number.
    transient : bool
        Whether another try may succeed.
    fatal : bool
        Whether the whole run must stop.
    memory : int
        What another try needs, in bytes; 0 for as much as before.
    """

    quantum: int
    transient: bool = False
    fatal: bool = False
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """Event: outputs of these finished quanta could not be made durable. The run cannot go on."""

    quanta: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """Event: what these finished quanta had made is gone before it was committed; each has one child at most, not done.

    Parameters
    ----------
    quanta : tuple of int
        Their numbers.
    again : bool
        Whether they are to be run again in this run.
    """

    quanta: tuple[int, ...]
    again: bool = True


@dataclass(frozen=True, slots=True)
class Returned:
    """Event: the quantum was assigned but never began; it may be assigned again."""

    quantum: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Event: the user or the system wants the run to end; begin nothing more."""


Event: TypeAlias = Finished | Committed | Failed | Lost | Undone | Returned | Stopped
