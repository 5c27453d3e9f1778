"""Open connections between two uses."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Shelf"]

_abandoned: list[object] = []  # connections of a parent process, which must not be closed in its child


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class Shelf(Generic[C]):
    """The connections of a pool: those that wait here, and which are lent.

    A pool that nobody closed closes what waits here when it goes. After a fork the child leaves all of them to its parent.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._idle: deque[C] = deque()
        self._lent: set[C] = set()
        self._forgotten = weakref.finalize(self, _close_all, self._idle)

    def __len__(self) -> int:
        return len(self._idle)

    def lend(self, opened: Callable[[], C], usable: Callable[[C], bool] | None = None) -> C:
        """Take a connection that waits here and is usable, or else a new one, and note that it is lent."""
        connection = self._waiting(usable) or opened()
        self._lent.add(connection)
        return connection

    def _waiting(self, usable: Callable[[C], bool] | None) -> C | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                return None
            if usable is None or usable(connection):
                return connection
            connection.close()
        return None

    def take_back(self, connection: C, *, keep: Callable[[C], bool]) -> None:
        """Keep a connection for its next use, or close it; one that was lent before a fork belongs to the parent."""
        if connection not in self._lent:
            return
        self._lent.discard(connection)
        if keep(connection):
            self._idle.append(connection)
        else:
            connection.close()

    def abandon(self) -> None:
        """Forget all connections, in a forked child."""
        self._forgotten.detach()
        _abandoned.extend((*self._idle, *self._lent))
        self._begin()

    def close(self) -> None:
        """Close the connections that wait here."""
        _close_all(self._idle)


def _close_all(connections: deque[C]) -> None:
    while connections:
        connections.pop().close()
