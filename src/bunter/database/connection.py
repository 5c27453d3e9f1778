"""Connections: statements in, rows out, every statement counted."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct

from bunter import effects
from bunter.database.dialect import SQLITE, Dialect
from bunter.database.many_rows import wide_insertions
from bunter.database.sqlite_shapes import sqlite_tables
from bunter.errors import (
    ButlerError,
    DatabaseBusyError,
    DatabaseDamagedError,
    DatabaseUnavailableError,
    ReadOnlyError,
)
from bunter.values import Durability
from bunter.values.instant import now_tai_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bunter.database.shape import TableShape

    Parameters = Sequence[object] | Mapping[str, object]
    Row = tuple[Any, ...]

_LEAST_FREE = 256 << 10  # the index of a write-ahead log, some pages, and what file systems keep for themselves
_MANY_ROWS = 1 << 20  # in any table; no planner looks again as it grows
_SYNCHRONOUS = {Durability.full: "FULL", Durability.batch: "NORMAL", Durability.none: "OFF"}


class IntegrityError(ButlerError):
    """A constraint of the database was violated; the registry turns it into an error of its own."""


class UndoneError(DatabaseBusyError):
    """The database undid a transaction in favour of another one: doing it again may succeed."""


@dataclass(slots=True)
class Tally:
    """How many statements a database has carried out; an ``executemany`` counts once."""

    statements: int = 0


def raise_translated(error: sqlite3.DatabaseError, where: str) -> NoReturn:
    """Raise the driver's error, as one of ours if it is about the file or its locks."""
    if (ours := _translation(error, where)) is None:
        raise error
    raise ours from error


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the driver's errors about the file or its locks into ours."""
    try:
        yield
    except sqlite3.DatabaseError as exc:
        raise_translated(exc, where)


def _translation(error: sqlite3.DatabaseError, where: str) -> Exception | None:
    if isinstance(error, sqlite3.IntegrityError):
        return IntegrityError(str(error))
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseBusyError(f"another program keeps {where} locked; end it, or raise the time limit")
    if name.startswith("SQLITE_READONLY"):
        return ReadOnlyError(f"{where} cannot be written; check permissions of the file and its directory")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DatabaseDamagedError(f"{where} is damaged ({error}); restore it from a backup")
    if name.startswith(("SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN")):
        return _out_of_reach(error, where, is_full=name == "SQLITE_FULL" or _is_full(where))
    return None


def _out_of_reach(error: sqlite3.DatabaseError, where: str, *, is_full: bool) -> Exception:
    if is_full:
        return DatabaseUnavailableError(
            f"the disk that holds {where} is full, and even readers need some space there; nothing was changed: free some, "
            "then do it again"
        )
    return DatabaseDamagedError(f"{where} cannot be read or written ({error}); check the disk and permissions")


def _is_full(where: str) -> bool:
    free = effects.free_bytes(where.rpartition("/")[0] or ".")
    return free is not None and free < _LEAST_FREE


def few_agreeing(width: int) -> list[int]:
    """Return what to recommend of an index of so many columns that few rows agree on all of them."""
    return [*[10] * (width - 1), 2]


class Connection:
    """One connection of a pool, good for reading.

    Parameters
    ----------
    raw : sqlite3.Connection or Session
        The driver's connection, in autocommit mode.
    tally : Tally
        Where statements are counted.
    where : str
        Name of the database in messages.
    """

    dialect: Dialect = SQLITE
    """How SQL is spelt where databases differ."""

    def __init__(self, raw: Any, tally: Tally, where: str) -> None:
        self.raw = raw
        self.tally = tally
        self.where = where
        self.durability = ""

    def execute(self, sql: str, parameters: Parameters = ()) -> Any:
        """Carry out one statement and return its cursor."""
        self.tally.statements += 1
        try:
            return self.raw.execute(sql, parameters)
        except sqlite3.DatabaseError as exc:
            raise_translated(exc, self.where)

    def fetchall(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query as tuples."""
        cursor = self.execute(sql, parameters)
        try:
            return cursor.fetchall()  # type: ignore[no-any-return]
        except sqlite3.DatabaseError as exc:
            raise_translated(exc, self.where)

    def fetchone(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query, None if there is none."""
        row: Row | None = self.execute(sql, parameters).fetchone()
        return row

    def stream(self, sql: str, parameters: Parameters = (), batch_size: int = 65536) -> Iterator[list[Row]]:
        """Yield the rows of a query in lists of at most ``batch_size``."""
        cursor = self.execute(sql, parameters)
        with translated(self.where):
            while rows := cursor.fetchmany(batch_size):
                yield rows

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Carry out one statement for every row of parameters; return the number of rows changed."""
        self.tally.statements += 1
        try:
            if type(rows) is list and len(rows) == 1:
                return max(0, self.raw.executemany(sql, rows).rowcount)  # type: ignore[no-any-return]
            return sum(max(0, self.raw.executemany(*part).rowcount) for part in wide_insertions(sql, rows))
        except sqlite3.DatabaseError as exc:
            raise_translated(exc, self.where)

    def define(self, statements: Iterable[str]) -> None:
        """Carry out statements without parameters that make or drop tables, indexes and views; in one go where it counts."""
        for statement in statements:
            self.execute(statement)

    def bulk_insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """Insert rows of values given in the order of ``columns``; return how many."""
        names = ", ".join(f'"{name}"' for name in columns)
        places = ", ".join("?" * len(columns))
        return self.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """Put any number of rows into a table, whatever database they come from; return how many."""
        return self.bulk_insert(table, columns, rows)

    def upload(
        self,
        slot: str,
        width: int,
        rows: Iterable[Sequence[object]],
        kinds: Sequence[str] = (),  # noqa: ARG002 - for databases whose columns have types
        *,
        keyed: bool = False,
    ) -> str:
        """Put rows into a table that only this connection sees, in place of those put there before.

        Parameters
        ----------
        slot : str
            Tells apart tables that are needed at the same time.
        width : int
            Number of columns; they are called ``c0``, ``c1`` and so on.
        rows : iterable of sequence
            The rows.
        kinds : sequence of str, optional
            ``int``, ``float``, ``str``, ``bool`` or others, which are bytes, for each column: needed where a column without
            any value is compared with another such column.
        keyed : bool
            Whether the rows differ in their first column, in which they are looked for again and again.

        Returns
        -------
        str
            Name of the table, to be used before the next upload to this slot.
        """
        name = f"upload_{slot}_{width}{'_keyed' * keyed}"
        columns = ", ".join(f"c{n}" for n in range(width))
        defined = f"({columns}, PRIMARY KEY (c0)) WITHOUT ROWID" if keyed else f"({columns})"
        self.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} {defined}")
        self.execute(f"DELETE FROM temp.{name}")
        self.executemany(f"INSERT INTO temp.{name} VALUES ({', '.join('?' * width)})", rows)
        return f"temp.{name}"

    def inline(self, width: int, rows: Sequence[Sequence[object]]) -> tuple[str, tuple[object, ...]]:
        """Make rows a part of one statement, which may be carried out while another one is being read.

        Parameters
        ----------
        width : int
            Number of columns.
        rows : sequence of sequence
            Rows of int, float, str, bool or None.

        Returns
        -------
        str, tuple
            What stands in FROM before an alias, with the columns ``c0``, ``c1`` and so on, and the parameters it takes;
            these come first in the statement.
        """
        columns = ", ".join(f"json_extract(value, '$[{place}]') AS c{place}" for place in range(width))
        return f"(SELECT {columns} FROM json_each(?1))", (json.dumps(list(map(list, rows))),)

    def inline_ids(self, ids: Sequence[bytes]) -> tuple[str, tuple[object, ...]]:
        """As `inline`, for ids of 16 bytes; the columns are ``n``, the place of the id from 0, and ``id``."""
        source = (
            "(WITH RECURSIVE n (i) AS (SELECT 0 WHERE ?1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) "
            "SELECT i AS n, substr(?2, 1 + 16 * i, 16) AS id FROM n)"
        )
        return source, (len(ids), b"".join(ids))

    # Where transactions begin and end.

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self.raw.in_transaction)

    def begin_snapshot(self) -> None:
        """Let the following statements see one state of the database."""
        self.execute("BEGIN")

    def end_snapshot(self) -> None:
        """Let the following statements see what others have committed."""
        self.raw.commit()  # a rollback would take back the temporary tables, to be made again

    def begin_write(self, durability: Durability, limit_s: float) -> Transaction:  # noqa: ARG002 - the file has its own limit
        """Wait for other writers and begin to write.

        Parameters
        ----------
        durability : Durability
            What a commit survives.
        limit_s : float
            Longest wait in seconds.
        """
        if self.durability != durability.value:
            self.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
            self.durability = durability.value
        transaction = Transaction(self)
        transaction.execute("BEGIN IMMEDIATE")
        return transaction

    def rollback(self) -> None:
        """Take back what was written."""
        self.raw.rollback()

    def analyze(self, tables: Iterable[str]) -> None:
        """Tell the planner of a database that goes by statistics that tables have grown."""

    def recommend(self, table: str, index: str, agreeing: Sequence[int]) -> None:
        """Tell a planner without statistics how many rows agree on the first column of an index, on the first two, and so on.

        Otherwise SQLite takes ten rows for so few that it reads all that agree on the first column of the primary key.

        Parameters
        ----------
        table, index : str
            Their names; that of the table is also the name of its primary key, where rows are kept in its order.
        agreeing : sequence of int
            One number for each column, of some million rows.
        """
        self.execute("ANALYZE sqlite_schema")  # makes the table of statistics
        self.execute("DELETE FROM sqlite_stat1 WHERE tbl = ? AND idx = ?", (table, index))
        told = " ".join(map(str, (_MANY_ROWS, *agreeing)))
        self.execute("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", (table, index, told))
        self.execute("ANALYZE sqlite_schema")  # lets this connection read it

    def tables(self) -> list[TableShape]:
        """Return all tables of the database as its catalog has them, sorted by name."""
        return sqlite_tables(self.fetchall)

    def settle_tables(self, shapes: Iterable[TableShape]) -> None:
        """Finish tables that were filled with rows of another database."""
        for shape in shapes:
            for index in shape.indexes:
                if len(index.columns) > 1 and not index.unique:
                    self.recommend(shape.name, index.name, few_agreeing(len(index.columns)))

    def findings(self) -> list[str]:
        """Look through everything and return what is damaged."""
        return [row[0] for row in self.fetchall("PRAGMA quick_check(5)") if row[0] != "ok"]

    def backup(self, path: str) -> None:
        """Copy the database as it is now to a new, empty file."""
        with sqlite3.connect(path) as copy:
            self.raw.backup(copy)
        copy.close()

    def close(self) -> None:
        """Close the driver's connection."""
        self.raw.close()

    def generation(self) -> int:
        """Return the number that grows with each committed `Transaction.touch`; caches of slow-moving rows go by it."""
        row = self.fetchone("SELECT n FROM generation")
        assert row is not None, "the table is filled when the database is made"
        return int(row[0])


class _Ledger(Struct, frozen=True):
    """What a transaction has written about itself."""

    change: int | None = None
    touched: bool = False


class Transaction(Connection):
    """A connection that holds the write lock; all of its statements take effect together, or none.

    Parameters
    ----------
    connection : Connection
        The connection it lives on.

    Attributes
    ----------
    scratch : dict
        Values that live as long as the transaction, such as caches of what it has changed itself.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.raw, connection.tally, connection.where)
        self._ledger = _Ledger()
        self._generation: int | None = None
        self._depth = 0
        self.scratch: dict[str, Any] = {}

    @property
    def touched(self) -> bool:
        """Whether `touch` was called."""
        return self._ledger.touched

    def next_change(self, principal: object = None, command: str = "", activity: int | None = None) -> int:
        """Return the number of this transaction in the history of the repository, drawing it on the first call.

        Parameters
        ----------
        principal : Principal, optional
            Who writes.
        command : str
            What wrote, such as ``"put"`` or ``"ingest-raws"``.
        activity : int, optional
            Number of the activity that it belongs to.
        """
        if self._ledger.change is None:
            row = self.fetchone(
                'INSERT INTO change (committed, "user", host, command, activity) VALUES (?, ?, ?, ?, ?) '
                "RETURNING n, (SELECT n FROM generation)",  # which will be asked for next: nobody else can change it
                (
                    now_tai_ns(),
                    getattr(principal, "user", ""),
                    getattr(principal, "host", ""),
                    command,
                    activity,
                ),
            )
            assert row is not None, "an inserted row has a number"
            self._ledger = _Ledger(int(row[0]), self._ledger.touched)
            self._generation = None if self.touched else int(row[1])
        assert self._ledger.change is not None
        return self._ledger.change

    def generation(self) -> int:
        """See `Connection.generation`."""
        return super().generation() if self._generation is None else self._generation

    def touch(self) -> None:
        """Tell all caches of slow-moving rows, here and in other processes, to look again after the commit."""
        if not self._ledger.touched:
            self.execute("UPDATE generation SET n = n + 1")
            self._generation = None
            self._ledger = _Ledger(self._ledger.change, touched=True)

    def upload_ids(self, ids: Sequence[bytes]) -> str:
        """Put ids of 16 bytes, each once, into a table as `upload` does, in the column ``c0``.

        It is to be used before the next call; who gives the same sequence again gets the table that is there.
        """
        known, table = self.scratch.get("ids", (None, ""))
        if known is not ids:
            table = self.upload("ids", 1, [(id_,) for id_ in sorted(set(ids))], keyed=True)
            self.scratch["ids"] = ids, table
        return str(table)

    def savepoint(self) -> AbstractContextManager[Transaction]:
        """Take back what the block wrote if an exception leaves it."""
        return _Level(self, self._enter_level, self._leave_level)

    def _enter_level(self) -> _Ledger:
        self._depth += 1
        self._begin_level(f"level{self._depth}")
        return self._ledger

    def _leave_level(self, before: _Ledger, undo: bool) -> None:  # noqa: FBT001 - called by `_Level` alone
        name = f"level{self._depth}"
        try:
            if undo:
                self.execute(f"ROLLBACK TO {name}")
                self._ledger, self._generation = before, None
                self.scratch.clear()
        finally:
            self._end_level(name)
            self._depth -= 1

    def _begin_level(self, name: str) -> None:
        self.execute(f"SAVEPOINT {name}")

    def _end_level(self, name: str) -> None:
        self.execute(f"RELEASE {name}")


class _Level:
    """A block of a transaction that can be taken back alone: a class, as each write needs some and a generator costs more."""

    __slots__ = ("_before", "_enter", "_leave", "_transaction")

    def __init__(self, tx: Transaction, enter: Callable[[], _Ledger], leave: Callable[[_Ledger, bool], None]) -> None:
        self._transaction, self._enter, self._leave = tx, enter, leave

    def __enter__(self) -> Transaction:
        self._before = self._enter()
        return self._transaction

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._leave(self._before, kind is not None)
