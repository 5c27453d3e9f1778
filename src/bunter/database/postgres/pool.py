"""Connections of one process to one server: so many and no more."""

from __future__ import annotations

import queue
import weakref
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bunter.errors import DatabaseBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bunter.database.postgres.connection import ServerConnection

__all__ = ["ServerPool"]

_abandoned: list[object] = []  # connections of a parent process, which must not be closed in its child


class ServerPool:
    """Lends connections to one thread at a time; the server ends those that are not used for long.

    Parameters
    ----------
    connect : callable
        Opens a connection.
    size : int
        Most connections at a time.
    limit_s : float
        Longest wait for one of them to come back, in seconds.
    """

    def __init__(self, connect: Callable[[], ServerConnection], *, size: int, limit_s: float) -> None:
        self._connect = connect
        self._size = size
        self._limit_s = limit_s
        self._begin()

    def _begin(self) -> None:
        self._idle: deque[ServerConnection] = deque()
        self._out: set[ServerConnection] = set()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()  # a semaphore, at a tenth of its price
        for _ in range(self._size):
            self._places.put(None)
        self._forgotten = weakref.finalize(self, _close_all, self._idle)  # a pool that nobody closed

    @contextmanager
    def lend(self) -> Iterator[ServerConnection]:
        """Lend a connection for the block."""
        places = self._places
        try:
            places.get(timeout=self._limit_s)
        except queue.Empty:
            raise DatabaseBusyError(
                f"all {self._size} connections of this process to the database are in use; "
                "use fewer threads, or raise registry.server.pool_size"
            ) from None
        connection = None
        try:
            connection = self._taken()
            self._out.add(connection)
            yield connection
        finally:
            if connection is not None:
                self._take_back(connection)
            places.put(None)

    def _taken(self) -> ServerConnection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if connection.raw.is_alive():
                return connection
            connection.close()

    def _take_back(self, connection: ServerConnection) -> None:
        if connection not in self._out:  # lent before a fork: it belongs to the parent
            return
        self._out.discard(connection)
        if not connection.raw.is_idle():
            connection.close()
            return
        connection.raw.rest()
        self._idle.append(connection)

    def abandon(self) -> None:
        """Forget all connections in a forked child."""
        self._forgotten.detach()
        _abandoned.extend((*self._idle, *self._out))
        self._begin()

    def close(self) -> None:
        """Close the connections that are not lent."""
        _close_all(self._idle)


def _close_all(connections: deque[ServerConnection]) -> None:
    while connections:
        connections.pop().close()
