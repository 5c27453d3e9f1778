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
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["FilePool", "MemoryPool"]

_IDLE = 8


class _Loan:
    """A connection that is lent for a block: a class, as every look-up needs one and a generator costs more."""

    __slots__ = ("_connection", "_is_kept", "_open", "_shelf")

    def __init__(
        self, shelf: Shelf[Connection], opened: Callable[[], Connection], is_kept: Callable[[Connection], bool]
    ) -> None:
        self._shelf, self._open, self._is_kept = shelf, opened, is_kept

    def __enter__(self) -> Connection:
        gate.enter()
        try:
            self._connection = self._shelf.lend(self._open)
        except BaseException:
            gate.leave()
            raise
        return self._connection

    def __exit__(self, *_: object) -> None:
        try:
            self._shelf.take_back(self._connection, keep=self._is_kept)
        finally:
            gate.leave()


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

    def lend(self) -> AbstractContextManager[Connection]:
        """Lend a connection for the block."""
        return _Loan(self._shelf, self._open, self._is_kept)

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
