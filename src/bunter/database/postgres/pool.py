"""Connections of one process to one server: so many and no more."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bunter.database.shelf import Shelf
from bunter.errors import DatabaseBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bunter.database.postgres.connection import ServerConnection

__all__ = ["ServerPool"]


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
        self._shelf: Shelf[ServerConnection] = Shelf()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()  # a semaphore, at a tenth of its price
        for _ in range(self._size):
            self._places.put(None)

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
        try:
            connection = self._shelf.lend(self._connect, _is_alive)
            try:
                yield connection
            finally:
                self._shelf.take_back(connection, keep=_is_rested)
        finally:
            places.put(None)

    def abandon(self) -> None:
        """Forget all connections in a forked child."""
        self._shelf.abandon()
        self._begin()

    def close(self) -> None:
        """Close the connections that are not lent."""
        self._shelf.close()


def _is_alive(connection: ServerConnection) -> bool:
    return connection.raw.is_alive()


def _is_rested(connection: ServerConnection) -> bool:
    if not connection.raw.is_idle():
        return False
    connection.raw.rest()
    return True
