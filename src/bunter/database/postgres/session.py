"""One session of a server: shared SQL text in, rows out."""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from bunter.database.postgres.failures import raise_ours
from bunter.database.postgres.plain import PlainStatements
from bunter.database.postgres.rewriting import rewritten, with_rows
from bunter.database.postgres.rows import encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bunter.database.connection import Parameters, Row
    from bunter.database.postgres.plain import Answer
    from bunter.database.postgres.rewriting import Rewritten
    from bunter.database.postgres.rows import Rows

__all__ = ["Session"]

_NONE = (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)


class Session:
    """The driver's connection and the rows uploaded to it, with the face that SQLite's connection has.

    Parameters
    ----------
    connect : callable
        Returns a new connection of the driver, in autocommit mode.
    where : str
        Name of the database in messages.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], where: str) -> None:
        self._connect = connect
        self.where = where
        self._open()
        self._rows: dict[str, Rows] = {}
        self._tables: dict[str, dict[str, int]] = {}
        self._cursors = 0
        self._answered = False

    def _open(self) -> None:
        self.driver = self._connect()
        self._plain = PlainStatements(self.driver)
        self._watch = select.poll()
        self._watch.register(self.driver.fileno(), select.POLLIN)

    # What SQLite's connection has as well.

    def execute(self, sql: str, parameters: Parameters = (), *, head: str = "") -> psycopg.Cursor[Any]:
        """Carry out one statement; ``head`` comes before its text."""
        statement = rewritten(sql)
        values = [parameters[name] for name in statement.names] if isinstance(parameters, Mapping) else parameters
        if statement.defines:
            self._tables.clear()
            self._forget()
        if statement.uploads:
            text, values = self._with_rows(statement, values)
            return self.run(head + text, values)
        return self.run(head + statement.text, values)

    def ask(self, sql: str, parameters: Parameters = ()) -> Any:
        """Carry out one statement as `execute` does, by the short way where its parameters are plain."""
        statement = rewritten(sql)
        if statement.uploads or statement.defines or isinstance(parameters, Mapping):
            return self.execute(sql, parameters)
        try:
            answer = self._answer(statement.text, parameters)
        except psycopg.Error as exc:
            raise_ours(exc, self.where)
        if answer is None:
            return self.execute(sql, parameters)
        self._answered = True
        return answer

    def _answer(self, text: str, parameters: Sequence[object]) -> Answer | None:
        try:
            return self._plain.ask(text, parameters)
        except psycopg.OperationalError:
            self._reopen()
        except (
            psycopg.errors.FeatureNotSupported
        ):  # another session gave a table columns: "cached plan must not change"
            if self.in_transaction:
                raise
            self._plain.forget()
        return self._plain.ask(text, parameters)

    def _forget(self) -> None:
        try:
            self._plain.forget()
        except psycopg.Error as exc:
            raise_ours(exc, self.where)

    def _with_rows(self, statement: Rewritten, values: Sequence[object]) -> tuple[str, Sequence[object]]:
        rows = [self._rows[name] for name in statement.uploads]
        text = with_rows(statement, tuple(each.kinds for each in rows))
        return text, [*values, *(array for each in rows for array in each.parameters)]

    def run(self, text: str, values: Sequence[object] | None = None) -> psycopg.Cursor[Any]:
        """Carry out text that is PostgreSQL's already."""
        try:
            cursor = self._sent(text, values)
        except psycopg.Error as exc:
            raise_ours(exc, self.where)
        self._answered = True
        return cursor

    def script(self, text: str) -> None:
        """Carry out several statements in one go."""
        try:
            try:
                self._plain.script(text)
            except psycopg.OperationalError:
                self._reopen()
                self._plain.script(text)
        except psycopg.Error as exc:
            raise_ours(exc, self.where)
        self._answered = True

    def define(self, statements: Iterable[str]) -> None:
        """Carry out definitions in one go: a hundred tables would each take a round trip."""
        texts = [text for sql in statements if (text := rewritten(sql).text.strip())]
        self._tables.clear()
        self._forget()
        if texts:
            self.script(";\n".join(texts))

    def _sent(self, text: str, values: Sequence[object] | None) -> psycopg.Cursor[Any]:
        try:
            return self.driver.execute(text, values or None, binary=True)
        except psycopg.OperationalError:
            self._reopen()
            return self.driver.execute(text, values or None, binary=True)

    def _reopen(self) -> None:
        """Replace a connection that died while it waited in the pool, or raise the error that is being handled.

        Nothing has been asked of it since, so nothing is lost.
        """
        if self._answered or not self.driver.closed:
            raise  # noqa: PLE0704 - called while an error is handled
        self._open()

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> psycopg.Cursor[Any]:
        """Carry out one statement for each row, all sent before the first answer is waited for."""
        cursor = self.driver.cursor()
        try:
            cursor.executemany(rewritten(sql).text, rows)
        except psycopg.Error as exc:
            raise_ours(exc, self.where)
        return cursor

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.driver.pgconn.transaction_status not in _NONE

    def commit(self) -> None:
        """End the transaction."""
        if self.in_transaction:
            self.ask("COMMIT")

    def rollback(self) -> None:
        """Take back the transaction; one of a connection that is gone has been taken back by the server."""
        try:
            if self.in_transaction and not self.driver.closed:
                self._plain.ask("ROLLBACK", ())
        except psycopg.Error:
            self.driver.close()

    def close(self) -> None:
        """End the session."""
        self.driver.close()

    # What is the server's own.

    def keep(self, name: str, width: int, rows: Iterable[Sequence[object]], kinds: Sequence[str] = ()) -> None:
        """Keep rows for the statements that name them."""
        try:
            self._rows[name] = encoded(width, rows, kinds)
        except psycopg.Error as exc:
            raise_ours(exc, self.where)

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """Put rows into columns of a table, or into all of them."""
        kinds = self._kinds(table)
        names = list(columns) or list(kinds)
        listed = ", ".join(f'"{name}"' for name in names)
        try:
            with self.driver.cursor() as cursor:
                with cursor.copy(f'COPY "{table}" ({listed}) FROM STDIN (FORMAT BINARY)') as copy:
                    copy.set_types([kinds[name] for name in names])
                    write = copy.write_row
                    for row in rows:
                        write(row)
                return cursor.rowcount
        except psycopg.Error as exc:
            raise_ours(exc, self.where)

    def _kinds(self, table: str) -> dict[str, int]:
        """Return columns and their types in the table's order."""
        if table not in self._tables:
            sql = (
                "SELECT attname, atttypid::bigint FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 "
                "AND NOT attisdropped ORDER BY attnum"
            )
            self._tables[table] = dict(self.run(sql, [f'"{table}"']).fetchall())
        return self._tables[table]

    def is_alive(self) -> bool:
        """Whether the connection can be expected to work: a server that ends a session says so unasked."""
        return self.is_idle() and not self._watch.poll(0)

    def is_idle(self) -> bool:
        """Whether the connection is open, as far as is known here, with no transaction left open."""
        return self.driver.pgconn.transaction_status == TransactionStatus.IDLE

    def rest(self) -> None:
        """Forget uploaded rows, for the next user."""
        self._rows.clear()
        self._answered = False

    def stream(self, sql: str, parameters: Parameters, batch_size: int) -> Iterator[list[Row]]:
        """Read through a cursor of the server, which leaves the session free for other statements in between."""
        begun = not self.in_transaction
        if begun:
            self.script("BEGIN READ ONLY")
        self._cursors += 1
        name = f"reading_{self._cursors}"
        try:
            self.execute(sql, parameters, head=f"DECLARE {name} NO SCROLL CURSOR FOR ")
            while rows := self.run(f"FETCH {batch_size} FROM {name}").fetchall():
                yield rows
                if len(rows) < batch_size:
                    break
            self.run(f"CLOSE {name}")
        finally:
            if begun:
                self.rollback()
