"""Snapshots: changes with names, by which the repository of then can be read."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bunter.dataset import inquiries
from bunter.dataset.changes import CreateSnapshot, RemoveSnapshot
from bunter.errors import MissingSnapshotError, near
from bunter.values import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler.past import When
    from bunter.butler.session import Session

__all__ = ["Snapshot", "Snapshots"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A change with a name.

    Parameters
    ----------
    name : str
        The name.
    change : int
        Number of the last change that counts.
    time : int, optional
        When that change was made, in ns TAI.
    doc : str
        What it is for.
    made : int, optional
        When the name was given, in ns TAI.
    user, host : str
        By whom, and on which machine.
    """

    name: str
    change: int
    time: int | None = None
    doc: str = ""
    made: int | None = None
    user: str = ""
    host: str = ""

    def __str__(self) -> str:
        when = "" if self.time is None else f" of {clock_text(self.time)} UTC"
        return f"{self.name}: change {self.change}{when}{f' - {self.doc}' if self.doc else ''}"


class Snapshots:
    """The snapshots of a repository. A snapshot costs nothing and keeps no artifacts from being removed.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, name: str, doc: str = "", *, as_of: When | None = None) -> Snapshot:
        """Name the repository as it stands, or as it stood at a moment.

        Parameters
        ----------
        name : str
            Like the name of a collection; not a number or a time.
        doc : str
            What it is for.
        as_of : int, str or time, optional
            The moment, as for `Butler`; now by default. Within a transaction, now is its end.

        Raises
        ------
        ConflictingDefinitionError
            If the name is taken, or cannot be one.
        """
        change = None
        if as_of is not None:
            from bunter.butler.past import change_of

            change = change_of(self._session.repository, self._session.principal, as_of)
        self._session.commit([CreateSnapshot(name, change, doc)])
        return next((known for known in self.query() if known.name == name), Snapshot(name, change or -1, doc=doc))

    def remove(self, name: str) -> None:
        """Forget a name; nothing else changes.

        Raises
        ------
        MissingSnapshotError
            If there is none.
        """
        self._session.commit([RemoveSnapshot(name)])

    def query(self, pattern: str = "*") -> list[Snapshot]:
        """Return the snapshots whose names match, the oldest moment first."""
        rows = self._session.repository.answer(self._session.principal, inquiries.Snapshots()).to_pylist()
        return [
            Snapshot(row["name"], row["change"], row["time"], row["doc"], row["made_time"], row["user"], row["host"])
            for row in rows
            if fnmatchcase(row["name"], pattern)
        ]

    def get(self, name: str) -> Snapshot:
        """Return a snapshot.

        Raises
        ------
        MissingSnapshotError
            If there is none; offers the nearest name.
        """
        known = {snapshot.name: snapshot for snapshot in self.query()}
        if name not in known:
            raise MissingSnapshotError(
                f"no snapshot {name!r}{near(name, known)}; `bunter snapshot list REPO` lists all"
            )
        return known[name]

    def __getitem__(self, name: str) -> Snapshot:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return any(snapshot.name == name for snapshot in self.query())

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(self.query())

    def __len__(self) -> int:
        return len(self.query())

    def __repr__(self) -> str:
        found = self.query()
        return "\n".join([f"{len(found)} snapshots; .create(name) makes one", *(f"  {each}" for each in found)])
