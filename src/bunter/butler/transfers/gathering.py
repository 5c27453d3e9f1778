"""Changes gathered until they are worth a transaction: little comes in one, much in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from bunter.butler.transfers.parcel import BATCH_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from bunter.butler.session import Session
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged

__all__ = ["Gathering"]

_BYTES = 64 << 20


class Gathering:
    """Commits changes in the order given, several together as long as they are few; all of them when the block ends.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._changes: list[Change] = []
        self._staged: list[Staged] = []
        self._rows = self._bytes = 0

    def add(self, changes: Sequence[Change], staged: Sequence[Staged] = (), *, rows: int) -> None:
        """Take changes with the artifacts that belong to them.

        Parameters
        ----------
        changes : sequence of Change
            What is to be done after what was taken before.
        staged : sequence of Staged
            Artifacts, which are taken back if this is not committed.
        rows : int
            How many rows the changes have, about.
        """
        self._changes += changes
        self._staged += staged
        self._rows += rows
        self._bytes += sum([item.size for item in staged])
        if self._rows >= BATCH_ROWS or self._bytes >= _BYTES:
            self.commit()

    def commit(self) -> None:
        """Commit what was taken."""
        changes, staged = self._changes, self._staged
        self._changes, self._staged = [], []
        self._rows = self._bytes = 0
        if changes:
            self._session.commit(changes, staged)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        elif self._staged:
            self._session.repository.datastore.discard(self._staged)
