"""What a transfer did, or would do, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from bunter.errors import TransferConflictError
from bunter.values import counted, listed, sized

__all__ = ["Conflict", "TransferReport"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that is not the same on both sides.

    Parameters
    ----------
    kind : str
        ``dataset type``, ``collection``, ``run``, ``record``, ``id``, ``data ID``, ``content``, ``tag`` or ``calibration``.
    sentence : str
        What is where.
    """

    kind: str
    sentence: str


@dataclass(frozen=True, slots=True)
class TransferReport:
    """What was brought.

    Parameters
    ----------
    source, target : str
        Where from and where to.
    datasets : int
        Datasets that are new at the target.
    known : int
        Datasets that were there before.
    removed : int
        Datasets that were removed at the target, and stay so.
    artifacts, size : int
        Artifacts that were brought, and their bytes.
    records, dataset_types, collections, memberships : int
        How many of these are new.
    withheld : tuple of str
        Collections, places in chains and memberships that were removed at the target, and stay so.
    unlike : tuple of str
        Orders and descriptions of collections that are others at the target, and stay so.
    conflicts : tuple of Conflict
        What stands in the way; nothing is brought where there is any.
    dry_run : bool
        Whether nothing was done.
    """

    source: str
    target: str
    datasets: int = 0
    known: int = 0
    removed: int = 0
    artifacts: int = 0
    size: int = 0
    records: int = 0
    dataset_types: int = 0
    collections: int = 0
    memberships: int = 0
    withheld: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    dry_run: bool = False

    def as_row(self) -> dict[str, Any]:
        """Return it as plain values."""
        row: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        row |= {"withheld": list(self.withheld), "unlike": list(self.unlike)}
        row["conflicts"] = [{"kind": each.kind, "sentence": each.sentence} for each in self.conflicts]
        return row

    def refuse(self) -> None:
        """Raise TransferConflictError if there are conflicts."""
        if self.conflicts:
            raise TransferConflictError(
                f"{counted(len(self.conflicts), 'conflict')} between {self.source} and {self.target}; nothing was changed",
                conflicts=[f"{each.kind}: {each.sentence}" for each in self.conflicts],
                facts=TransferReport(self.source, self.target, conflicts=self.conflicts).as_row(),
            )

    def __str__(self) -> str:
        verb = "would bring" if self.dry_run else "brought"
        said = (
            f"{verb} {counted(self.datasets, 'dataset')} ({counted(self.artifacts, 'artifact')}, {sized(self.size)}) "
            f"from {self.source} to {self.target}"
        )
        more = [
            counted(number, what)
            for number, what in (
                (self.records, "dimension record"),
                (self.dataset_types, "dataset type"),
                (self.collections, "collection"),
                (self.memberships, "membership"),
            )
            if number
        ]
        said += f"; new: {', '.join(more)}" if more else ""
        said += f"; there already: {self.known}" if self.known else ""
        said += f"; removed there and staying so: {self.removed} (--restore brings them)" if self.removed else ""
        if self.withheld:
            said += f"; removed there and staying so: {listed(self.withheld)} (--restore brings them)"
        if self.unlike:
            said += f"; otherwise there, and staying so: {listed(self.unlike)}"
        many = counted(len(self.conflicts), "conflict")
        return said + (f"; {many}, so nothing would be brought before this is settled" if self.conflicts else "")
