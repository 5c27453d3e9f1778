"""Connections to a server, with the face of those to a file."""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar

from bunter.database.connection import Connection, Transaction
from bunter.database.postgres.dialect import POSTGRESQL
from bunter.database.postgres.shapes import BY_KEY, server_tables
from bunter.database.postgres.writing import insertion
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.database.connection import Parameters, Row
    from bunter.database.dialect import Dialect
    from bunter.database.postgres.session import Session
    from bunter.database.shape import TableShape

__all__ = ["ServerConnection", "ServerTransaction"]

_AT_ONCE = 50_000
_MANY = 1_000  # rows that come at once and change what a plan should be
_LOCK_CLASS = 0x42756E74  # "Bunt": tells our locks from those of other programs in the database
_BY_KEY = re.compile(r"\s*CREATE\s+TABLE\s+(\w+|\"[^\"]+\").*\bWITHOUT\s+ROWID\s*$", re.DOTALL)
_COMMITS = {Durability.full: "on", Durability.batch: "off", Durability.none: "off"}


class ServerConnection(Connection):
    """A session of a PostgreSQL server; ``raw`` is a `Session`."""

    raw: Session
    dialect: ClassVar[Dialect] = POSTGRESQL  # type: ignore[misc]

    def stream(self, sql: str, parameters: Parameters = (), batch_size: int = 65536) -> Iterator[list[Row]]:
        """See `Connection.stream`."""
        self.tally.statements += 1
        return self.raw.stream(sql, parameters, batch_size)

    def _fetch(self, sql: str, parameters: Parameters) -> Any:
        self.tally.statements += 1
        return self.raw.ask(sql, parameters)

    def fetchall(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """See `Connection.fetchall`."""
        return self._fetch(sql, parameters).fetchall()  # type: ignore[no-any-return]

    def fetchone(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """See `Connection.fetchone`."""
        row: Row | None = self._fetch(sql, parameters).fetchone()
        return row

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """See `Connection.executemany`; rows to be inserted go many at once."""
        if (found := insertion(sql)) is None:
            self.tally.statements += 1
            rows = list(rows)
            return max(0, self.raw.executemany(sql, rows).rowcount) if rows else 0
        if found.many is not None:
            return self._insert(found.table, found.many, found.width, rows)
        remaining = iter(rows)
        if len(first := list(islice(remaining, 2))) < 2:
            return self._fetch(sql, first[0]).rowcount if first else 0
        all_rows: Iterable[Sequence[object]] = chain(first, remaining)
        if found.constants:
            all_rows = ((*row, *found.constants) for row in all_rows)
        return self.copy(found.table, found.columns, all_rows)

    def define(self, statements: Iterable[str]) -> None:
        """See `Connection.define`."""
        statements = list(statements)
        self.tally.statements += len(statements)
        self.raw.define(statements)

    def _insert(self, table: str, text: str, width: int, rows: Iterable[Sequence[object]]) -> int:
        self.tally.statements += 1
        count, remaining = 0, iter(rows)
        while part := list(islice(remaining, _AT_ONCE)):
            self.raw.keep("upload_rows", width, part)
            count += self.raw.execute(text).rowcount
        if count >= _MANY:
            self._look_again(table, count)
        return count

    def bulk_insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """See `Connection.bulk_insert`."""
        names = ", ".join(f'"{name}"' for name in columns)
        places = ", ".join("?" * len(columns))
        return self.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """See `Connection.copy`; truth values may be numbers."""
        self.tally.statements += 1
        count = self.raw.copy(table, columns, rows)
        if count >= _MANY:
            self._look_again(table, count)
        return count

    def _look_again(self, table: str, count: int) -> None:
        """Gather statistics of a table that has become a multiple of what the planner knows.

        The server would do so within a minute, and until then read whole tables for one row.
        """
        (known,) = self.raw.run(
            "SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)", [f'"{table}"']
        ).fetchall()[0]
        if known < count:
            self.raw.run(f'ANALYZE "{table}"')

    def upload(
        self,
        slot: str,
        width: int,
        rows: Iterable[Sequence[object]],
        kinds: Sequence[str] = (),
        *,
        keyed: bool = False,  # noqa: ARG002 - the server plans by the rows themselves
    ) -> str:
        """See `Connection.upload`; the rows travel with each statement that names them."""
        self.tally.statements += 1
        name = f"upload_{slot}_{width}"
        self.raw.keep(name, width, rows, kinds)
        return f"temp.{name}"

    def inline(self, width: int, rows: Sequence[Sequence[object]]) -> tuple[str, tuple[object, ...]]:
        """See `Connection.inline`."""
        self.raw.keep(f"upload_inline_{width}", width, rows)
        return f"temp.upload_inline_{width}", ()

    def inline_ids(self, ids: Sequence[bytes]) -> tuple[str, tuple[object, ...]]:
        """See `Connection.inline_ids`."""
        self.raw.keep("upload_inline_ids", 2, enumerate(ids))
        return "(SELECT c0 AS n, c1 AS id FROM temp.upload_inline_ids)", ()

    def begin_snapshot(self) -> None:
        """See `Connection.begin_snapshot`."""
        self.raw.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def end_snapshot(self) -> None:
        """See `Connection.end_snapshot`."""
        self.raw.rollback()

    def begin_write(self, durability: Durability, limit_s: float) -> Transaction:
        """See `Connection.begin_write`; the lock is waited for in the order of arrival and kept until after the commit.

        So numbers of changes are in the order of commits, and what was looked up before a change still holds.
        """
        self.tally.statements += 1
        self.raw.script(
            f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = {_COMMITS[durability]}; "
            f"SET LOCAL lock_timeout = {max(1, int(limit_s * 1000))}; "
            f"SELECT pg_advisory_xact_lock({_LOCK_CLASS}, hashtext(current_schema()))"
        )
        return ServerTransaction(self)

    def analyze(self, tables: Iterable[str]) -> None:
        """See `Connection.analyze`."""
        for table in tables:
            self.execute(f'ANALYZE "{table}"')

    def recommend(self, table: str, index: str, agreeing: Sequence[int]) -> None:
        """See `Connection.recommend`: a server gathers statistics of its own."""

    def tables(self) -> list[TableShape]:
        """See `Connection.tables`."""
        return server_tables(self)

    def settle_tables(self, shapes: Iterable[TableShape]) -> None:
        """See `Connection.settle_tables`: numbers are drawn after those that are there, and the planner knows the sizes."""
        shapes = list(shapes)
        for shape in shapes:
            if shape.numbered:
                sql = (
                    f"SELECT setval(pg_get_serial_sequence('\"{shape.name}\"', '{shape.key[0]}'), "
                    f'coalesce(max("{shape.key[0]}"), 0) + 1, FALSE) FROM "{shape.name}"'
                )
                self.execute(sql)
        self.analyze(shape.name for shape in shapes)

    def execute(self, sql: str, parameters: Parameters = ()) -> Any:
        """See `Connection.execute`; notes which tables SQLite would keep in the order of their keys."""
        self.tally.statements += 1
        cursor = self.raw.ask(sql, parameters)
        if (made := _BY_KEY.match(sql)) is not None:
            self.raw.run(f"COMMENT ON TABLE {made[1]} IS '{BY_KEY}'")
        return cursor

    def findings(self) -> list[str]:
        """See `Connection.findings`: reads every table, which checks the checksums of pages if the server keeps them."""
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        for (table,) in self.fetchall(sql):
            self.execute(f'SELECT count(*) FROM "{table}" q WHERE q IS NULL')
        return []

    def backup(self, path: str) -> None:
        """See `Connection.backup`."""
        from bunter.errors import ConfigurationError

        raise ConfigurationError(
            f"{self.where} is backed up by PostgreSQL's own `pg_dump --schema=...`, or copied by `bunter clone` to {path}"
        )


class ServerTransaction(ServerConnection, Transaction):
    """A transaction on a server.

    A savepoint is released with the next one, or by the commit: a round trip of its own would do nothing else.
    """

    _ended = ""

    def _begin_level(self, name: str) -> None:
        if self._ended == name:
            self.tally.statements += 1
            self.raw.script(f"RELEASE {name}; SAVEPOINT {name}")
        else:
            super()._begin_level(name)
        self._ended = ""

    def _end_level(self, name: str) -> None:
        self._ended = name
