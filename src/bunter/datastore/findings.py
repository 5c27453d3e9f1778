"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from bunter.values import counted, sized

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

__all__ = ["CheckReport", "Finding", "Problem"]


class Problem(StrEnum):
    """What can be wrong with an artifact."""

    MISSING = "missing"
    """Recorded, and not there."""
    SIZE = "size"
    """There, with another size than was recorded."""
    DAMAGED = "damaged"
    """There, with other content than was recorded; only a deep check sees it."""
    ORPHAN = "orphan"
    """There, and not recorded, nor being published by anybody alive."""
    UNFINISHED = "unfinished"
    """Staged by a writer that died; the next writer to open the repository settles it."""
    UNCOPIED = "uncopied"
    """There, and not in a store that is to keep a copy."""
    TRASH = "trash"
    """Removed from the records, and not yet from the store."""
    DEAD = "dead"
    """A row of the database that belongs to nothing; ``key`` is the name of its table."""


_SAID = {"size": "of wrong size", "trash": "in the trash", "uncopied": "without a copy", "dead": "kinds of dead rows"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Parameters
    ----------
    problem : Problem
        What is wrong.
    datastore : str
        Name of the store.
    key : str
        Of the artifact.
    detail : str
        What was expected and what was found.
    datasets : tuple[UUID, ...]
        Datasets that lie in the artifact.
    """

    problem: Problem
    datastore: str
    key: str
    detail: str = ""
    datasets: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Outcome of a check.

    Parameters
    ----------
    artifacts : int
        Number of artifacts recorded.
    size : int
        Their bytes together.
    read : int
        How many of them were read and compared with their digests.
    findings : tuple[Finding, ...]
        What is wrong, sorted by problem and key.
    unfinished : mapping of str to int
        Runs that are not finished, with the number of artifacts that they have published and not registered yet.
    digested : int
        How many artifacts without digests were read, and have them now.
    kept : int
        Artifacts of removed datasets that can still be brought back.
    left : int
        Artifacts that were not looked at, or not read, as the time was over.
    away : int
        Artifacts that were not read, as they are on tape, or not on this machine while nothing is fetched.
    undigested : int
        Artifacts that could not be compared, as they have no digest: files that were ingested where they are.
    """

    artifacts: int
    size: int
    read: int
    findings: tuple[Finding, ...]
    unfinished: Mapping[str, int] = field(default_factory=dict)
    digested: int = 0
    kept: int = 0
    left: int = 0
    away: int = 0
    undigested: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def with_dead_rows(self, rows: Sequence[tuple[str, str, int]]) -> CheckReport:
        """Add rows of the database that belong to nothing: table, what they lack, how many there are."""
        dead = tuple(Finding(Problem.DEAD, "", table, f"{count} rows without {lack}") for table, lack, count in rows)
        return replace(self, findings=(*self.findings, *dead)) if dead else self

    def counts(self) -> dict[str, int]:
        """Count the findings of each problem; only those that occur."""
        return {str(p): n for p in Problem if (n := sum(finding.problem is p for finding in self.findings))}

    def as_row(self) -> dict[str, object]:
        """Return all but the findings as plain values; of these how many there are of each problem."""
        names = ("artifacts", "size", "read", "digested", "kept", "left", "away", "undigested")
        numbers = {name: getattr(self, name) for name in names}
        return {"clean": self.is_clean, **numbers, "findings": self.counts(), "unfinished": dict(self.unfinished)}

    def of(self, problem: Problem) -> list[Finding]:
        """Return the findings of one problem."""
        return [finding for finding in self.findings if finding.problem is problem]

    def __str__(self) -> str:
        checked = f"{counted(self.artifacts, 'artifact')}, {sized(self.size)}"
        if self.read:
            checked += f", {self.read} read in full"
        if self.undigested:
            checked += (
                f", {self.undigested} without a digest to compare with (`bunter check --record` writes them down)"
            )
        if self.digested:
            checked += f", {self.digested} digests written down"
        if self.kept:
            checked += f", {self.kept} kept for `bunter undo`"
        if self.left:
            checked += f", {self.left} left for want of time"
        if self.away:
            checked += f", {self.away} not read as they are nearline or may not be fetched"
        for run, count in self.unfinished.items():
            checked += f"; {count} more belong to the unfinished run {run!r}, and the command that began it goes on"
        if self.is_clean:
            return f"clean: {checked}"
        return f"{', '.join(f'{n} {_SAID.get(problem, problem)}' for problem, n in self.counts().items())} in {checked}"
