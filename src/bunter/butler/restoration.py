"""What can be undone, and what undoing it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.errors import UndoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset.changes import Change
    from bunter.registry.reversal import Step

__all__ = ["Removed", "Restoration", "Undoable"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Removed:
    """A removal that can be undone.

    Parameters
    ----------
    change : int
        Its number.
    time_ns : int
        When it was, ns TAI since 1970.
    user, command : str
        Who did it, and how.
    datasets : int
        Datasets that it took out of the registry; those whose files only were removed are not counted.
    artifacts : int
        Files and objects.
    bytes : int
        Their size.
    until_ns : int
        When they go, ns UTC since 1970.
    """

    change: int
    time_ns: int
    user: str
    command: str
    datasets: int
    artifacts: int
    bytes: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Undoable:
    """A change that did something that can be undone.

    Parameters
    ----------
    change : int
        Its number.
    time_ns : int
        When it was, ns TAI since 1970.
    user, command : str
        Who did it, and how.
    deeds : str
        What it did, in a few words.
    kept : Removed, optional
        The files that are kept of it.
    is_undone : bool
        Whether it was undone, or undid another one.
    """

    change: int
    time_ns: int
    user: str
    command: str
    deeds: str
    kept: Removed | None
    is_undone: bool


@dataclass(frozen=True, slots=True)
class Restoration:
    """What undoing a change does.

    Parameters
    ----------
    change : int
        Number of the change that is undone.
    changes : tuple of Change
        What does it, in one transaction; none of what has been done.
    steps : tuple of Step
        The same in words, without files.
    conflicts : tuple of str
        What is in the way, and stays as it is.
    counts : dict of (str, str) to int
        Datasets that come back, by dataset type and run.
    artifacts : int
        Artifacts that come back.
    bytes : int
        Their size.
    """

    change: int
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    conflicts: tuple[str, ...]
    counts: dict[tuple[str, str], int]
    artifacts: int
    bytes: int

    def refuse(self, *, partly: bool = False) -> None:
        """Raise an `UndoError` if there is nothing to do, or if anything is in the way and that is not to be left as it is."""
        if self.conflicts and not partly:
            rest = "; --partly (partly=True) does the rest" if self.changes else ""
            raise UndoError(f"change {self.change} cannot be undone: {_told_conflicts(self.conflicts)}{rest}")
        if not self.changes:
            said = f"of change {self.change} nothing can be undone; `bunter undo REPO --list` lists what can"
            raise UndoError(said)


def _told_conflicts(conflicts: Sequence[str]) -> str:
    more = f"; and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
    return "; ".join(conflicts[:_SHOWN]) + more
