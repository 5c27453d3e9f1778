"""The database: who may read or write it when, and how safely."""

from __future__ import annotations

import os
import random
import threading
import weakref
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from bunter import effects
from bunter.database.connection import Connection, Tally, Transaction, UndoneError
from bunter.database.pool import FilePool, MemoryPool
from bunter.database.server_address import ServerAddress, is_server
from bunter.database.server_options import ServerOptions
from bunter.database.sqlite import check_file, create_file, is_left, is_taken
from bunter.database.turnstile import Turnstile
from bunter.errors import ButlerError, DatabaseDamagedError, MissingExtraError, ReadOnlyError
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType, TracebackType

LOCK_TIMEOUT_S = 300.0
_ATTEMPTS = 6
_T = TypeVar("_T")


class Pool(Protocol):
    """Where connections wait for their next use."""

    def lend(self) -> AbstractContextManager[Connection]:
        """Lend a connection for the block."""

    def abandon(self) -> None:
        """Leave all connections to the parent process; called in a forked child."""

    def close(self) -> None:
        """Close the connections that are not lent."""


class _OfThread(threading.local):
    """The open transaction of each thread."""

    transaction: Transaction | None = None


class Database:
    """A SQLite or PostgreSQL database: readers never wait, writers queue fairly, threads and forked children are safe.

    Made by `create`, `open` or `memory`. Nothing keeps a lock between two calls.

    Parameters
    ----------
    pool : FilePool, MemoryPool or ServerPool
        Where connections come from.
    queue : Turnstile, optional
        Where writers queue; None in memory, where the pool has them take turns, and on a server, which has its own queue.
    location : str
        Path of the file, ``:memory:``, or the server's address.
    read_only : bool
        Whether `write` is refused.
    tally : Tally
        Where statements are counted.
    lock_timeout_s : float
        How long a writer waits for others, in seconds.
    """

    def __init__(
        self,
        pool: Pool,
        queue: Turnstile | None,
        *,
        location: str,
        read_only: bool,
        tally: Tally,
        lock_timeout_s: float,
    ) -> None:
        self.location = location
        self.read_only = read_only
        self.lock_timeout_s = lock_timeout_s
        self._pool = pool
        self._queue = queue
        self._tally = tally
        self._local = _OfThread()
        _databases.add(self)

    @classmethod
    def create(
        cls, path: str | Path, *, lock_timeout_s: float = LOCK_TIMEOUT_S, options: ServerOptions | None = None
    ) -> Database:
        """Make a new database file, or a schema on a server, and open it.

        Raises
        ------
        RepositoryExistsError
            If there is a file, or anything in the schema, already; it stays as it was.
        """
        if is_server(path):
            _schemas().create_schema(_address(path, options), options or ServerOptions())
        else:
            create_file(_file(path))
        return cls.open(path, lock_timeout_s=lock_timeout_s, options=options)

    @staticmethod
    def check_absent(path: str | Path, options: ServerOptions | None = None, *, claim: str | None = None) -> None:
        """Refuse a place where there is a database already; nothing is made.

        What a making for the same claim that was killed has left is no database, see `making`.

        Raises
        ------
        RepositoryExistsError
            If there is a file, or anything in the schema.
        """
        if is_server(path):
            _schemas().check_schema_absent(_address(path, options), options or ServerOptions(), claim)
        elif effects.stat(_file(path)) is not None and not is_left(_file(path), claim):
            raise is_taken(path)

    @staticmethod
    def discard(path: str | Path, options: ServerOptions | None = None) -> None:
        """Remove a database that could not be finished, with all that is in it; none there is no error."""
        if is_server(path):
            _schemas().drop_schema(_address(path, options), options or ServerOptions())
            return
        for tail in ("-wal", "-shm", "-queue", ""):
            effects.unlink(f"{_file(path)}{tail}", missing_ok=True)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        read_only: bool = False,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        options: ServerOptions | None = None,
    ) -> Database:
        """Open an existing database; never makes one.

        Parameters
        ----------
        path : str or Path
            The file; ``sqlite:///path``, ``:memory:`` and ``postgresql://host/database?schema=name`` are understood as
            well.
        read_only : bool
            Whether `write` is refused.
        lock_timeout_s : float
            How long a writer waits for others, in seconds.
        options : ServerOptions, optional
            Limits, where it is a server's.

        Raises
        ------
        RepositoryNotFoundError
            If there is no file, or another program's.
        DatabaseDamagedError
            If the file is damaged.
        DatabaseUnavailableError
            If the server does not answer.
        ConfigurationError
            If a later version of Bunter wrote it, or the server refuses the user.
        """
        if str(path) in {":memory:", "sqlite://"}:
            return cls.memory()
        tally = Tally()
        if is_server(path):
            address = _address(path, options)
            served = _postgres().open_pool(address, options or ServerOptions(), tally, read_only=read_only)
            return cls(
                served, None, location=str(address), read_only=read_only, tally=tally, lock_timeout_s=lock_timeout_s
            )
        file = _file(path)
        check_file(file)
        pool = FilePool(file, tally, read_only=read_only, busy_limit_s=lock_timeout_s)
        with pool.lend():
            queue = Turnstile(f"{file}-queue")
        return cls(pool, queue, location=str(file), read_only=read_only, tally=tally, lock_timeout_s=lock_timeout_s)

    @classmethod
    @contextmanager
    def in_new_schema(
        cls, address: ServerAddress, options: ServerOptions, *, claim: str | None = None
    ) -> Iterator[Database]:
        """Make a schema and all that the block writes into it in one transaction of this thread.

        Raises
        ------
        RepositoryExistsError
            If somebody has made it in the meantime.
        """
        tally = Tally()
        pool = _postgres().pool_of(address, options, tally, read_only=False)
        with (
            cls(pool, None, location=str(address), read_only=False, tally=tally, lock_timeout_s=LOCK_TIMEOUT_S) as new,
            new.write() as transaction,
        ):
            _schemas().define_schema(transaction.raw.run, address, claim)
            yield new

    @classmethod
    def memory(cls) -> Database:
        """Make a database that lives in this process and goes with it."""
        tally = Tally()
        return cls(
            MemoryPool(tally), None, location=":memory:", read_only=False, tally=tally, lock_timeout_s=LOCK_TIMEOUT_S
        )

    @property
    def statements(self) -> int:
        """How many statements this database has carried out in this process."""
        return self._tally.statements

    @property
    def transaction(self) -> Transaction | None:
        """The open transaction of this thread."""
        return self._local.transaction

    def read(self, *, snapshot: bool = False) -> AbstractContextManager[Connection]:
        """Lend a connection for reading.

        Inside `write` this is the transaction itself, which sees what it has written.

        Parameters
        ----------
        snapshot : bool
            Whether all statements of the block see the same state of the database.
        """
        if (transaction := self.transaction) is not None:
            return nullcontext(transaction)
        return self._snapshot() if snapshot else self._pool.lend()

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        with self._pool.lend() as connection:
            if connection.in_transaction:
                yield connection
                return
            connection.begin_snapshot()
            try:
                yield connection
            finally:
                connection.end_snapshot()

    @contextmanager
    def write(
        self, *, durability: Durability = Durability.full, lock_timeout_s: float | None = None
    ) -> Iterator[Transaction]:
        """Open the transaction of this thread; commit it when the block ends, take it back if an exception leaves it.

        Inside another `write` of the same thread the block is part of that one: it alone is taken back if it fails, and
        is committed with it.

        Parameters
        ----------
        durability : Durability
            ``full``: a commit survives a power cut once the block has ended; ``batch``: it survives once a later full
            commit has ended, and nothing is ever torn; ``none``: a power cut may damage the file.
        lock_timeout_s : float, optional
            How long to wait for other writers.

        Raises
        ------
        ReadOnlyError
            If the database was opened for reading.
        DatabaseBusyError
            If others kept it longer than the limit.
        """
        if (outer := self.transaction) is not None:
            with outer.savepoint():
                yield outer
            return
        if self.read_only:
            raise ReadOnlyError(f"{self.location} is open for reading; open it for writing")
        limit_s = self.lock_timeout_s if lock_timeout_s is None else lock_timeout_s
        with self._turn(limit_s), self._pool.lend() as connection:
            transaction = connection.begin_write(durability, limit_s)
            self._local.transaction, owner = transaction, os.getpid()
            try:
                yield transaction
            except BaseException:
                if os.getpid() == owner:
                    transaction.rollback()
                raise
            else:
                self._commit(transaction, owner)
            finally:
                self._local.transaction = None

    def carry_out(self, deed: Callable[[Transaction], _T], *, durability: Durability = Durability.full) -> _T:
        """Do something in a transaction, and again if the database undid it in favour of another one.

        Parameters
        ----------
        deed : callable
            Is given the transaction; must bear being called several times.
        durability : Durability
            See `write`.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                with self.write(durability=durability) as transaction:
                    return deed(transaction)
            except UndoneError:
                if self.transaction is not None:  # only the whole transaction can be done again
                    raise
                effects.sleep(random.uniform(0.0, 0.01 * 2**attempt))  # noqa: S311 - so that two do not meet again
        with self.write(durability=durability) as transaction:
            return deed(transaction)

    def _turn(self, limit_s: float) -> AbstractContextManager[None]:
        return nullcontext() if self._queue is None else self._queue.passage(limit_s)

    def _commit(self, transaction: Transaction, owner: int) -> None:
        if os.getpid() != owner:
            raise ButlerError("a transaction can only be committed by the process that began it, not by a forked child")
        try:
            effects.checkpoint("commit")
            transaction.execute("COMMIT")
        except BaseException:
            transaction.rollback()
            raise
        effects.checkpoint("committed")

    def verify(self) -> None:
        """Look through the whole file.

        Raises
        ------
        DatabaseDamagedError
            If it is damaged; the message has the first few findings.
        """
        with self.read() as connection:
            findings = connection.findings()
        if findings:
            raise DatabaseDamagedError(f"{self.location} is damaged: {'; '.join(findings)}. Restore it from a backup")

    def backup(self, path: str | Path) -> None:
        """Copy the database as it is now to a new file, beside running writers."""
        target = _file(path)
        effects.write_new(target, b"", sync=False)
        with self.read() as connection:
            connection.backup(str(target))

    def close(self) -> None:
        """Close files; connections that are still lent are closed when they come back."""
        self._pool.close()
        if self._queue is not None:
            self._queue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def after_fork(self) -> None:
        """Leave to the parent what is the parent's; called in every forked child."""
        self._local = _OfThread()
        self._pool.abandon()
        if self._queue is not None:
            self._queue.abandon()


_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _after_fork() -> None:
    for database in list(_databases):
        database.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _postgres() -> ModuleType:
    try:
        from bunter.database.postgres import server
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] != "psycopg":
            raise
        raise MissingExtraError(
            "PostgreSQL needs psycopg, which is not installed; `pip install 'bunter[postgres]'` brings it"
        ) from exc
    return server


def _schemas() -> ModuleType:
    _postgres()
    from bunter.database.postgres import making

    return making


def _address(path: str | Path, options: ServerOptions | None) -> ServerAddress:
    return ServerAddress.of(str(path), None if options is None else options.schema)


def _file(path: str | Path) -> Path:
    return Path(str(path).removeprefix("sqlite:///"))
