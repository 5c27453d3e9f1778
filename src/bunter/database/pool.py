"""Where connections wait for their next use."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bunter.database.connection import Connection, Tally
from bunter.database.fork_gate import gate
from bunter.database.shelf import Shelf
from bunter.database.sqlite import open_connection, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FilePool", "MemoryPool"]

_IDLE = 8


class FilePool:
    """Connections to a file: lent to one thread at a time, opened when all are out, a few kept open.

    Parameters
    ----------
    path : Path
        The database file.
    tally : Tally
        Where statements are counted.
    read_only : bool
        Whether writing is impossible.
    busy_limit_s : float
        How long a statement waits for other programs' locks.
    """

    def __init__(self, path: Path, tally: Tally, *, read_only: bool, busy_limit_s: float) -> None:
        self._path = path
        self._tally = tally
        self._read_only = read_only
        self._busy_limit_s = busy_limit_s
        self._shelf: Shelf[Connection] = Shelf()

    def _open(self) -> Connection:
        return open_connection(self._path, self._tally, read_only=self._read_only, busy_limit_s=self._busy_limit_s)

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend a connection for the block."""
        gate.enter()
        try:
            connection = self._shelf.lend(self._open)
            try:
                yield connection
            finally:
                self._shelf.take_back(connection, keep=self._is_kept)
        finally:
            gate.leave()

    def _is_kept(self, connection: Connection) -> bool:
        return len(self._shelf) < _IDLE and not connection.raw.in_transaction

    def abandon(self) -> None:
        """Forget all connections in a forked child."""
        self._shelf.abandon()

    def close(self) -> None:
        """Close the connections that are not lent."""
        self._shelf.close()


class MemoryPool:
    """The one connection to a database that lives in this process's memory; threads take turns."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._turn = threading.RLock()
        self._connection = self._open()
        weakref.finalize(self, self._connection.raw.close)

    def _open(self) -> Connection:
        raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=512)
        prepare(raw)
        return Connection(raw, self._tally, "the database in memory")

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Wait for the connection and hold it for the block."""
        with self._turn:
            gate.enter()
            try:
                yield self._connection
            finally:
                gate.leave()

    def abandon(self) -> None:
        """Keep using the child's own copy of the memory; only the lock may be stuck."""
        self._turn = threading.RLock()

    def close(self) -> None:
        """Forget all rows."""
        self._connection.raw.close()
