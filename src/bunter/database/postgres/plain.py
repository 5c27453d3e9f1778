"""Statements with plain parameters, sent by libpq itself: a driver's cursor costs more than most of them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus, Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg
    from psycopg.pq.abc import PGresult

    from bunter.database.connection import Row

__all__ = ["Answer", "PlainStatements"]

_PREPARED_AFTER = 3  # times; a program that asks once saves the server's answer to that
_MOST_PREPARED = 500
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)
_TEXT, _BINARY = int(Format.TEXT), int(Format.BINARY)


class _OddParameterError(Exception):
    """A parameter that only the driver knows how to send."""


def _text(value: str) -> bytes:
    if "\0" in value:
        raise _OddParameterError
    return value.encode()


# Type of the server, 0 where it finds out itself; form; and how to write a value.
_WAYS: dict[type, tuple[int, int, Callable[[Any], bytes | None]]] = {
    int: (20, _BINARY, struct.Struct("!q").pack),
    str: (0, _TEXT, _text),
    bytes: (17, _BINARY, bytes),
    bool: (16, _BINARY, lambda value: b"\1" if value else b"\0"),
    float: (701, _BINARY, struct.Struct("!d").pack),
    type(None): (0, _TEXT, lambda _: None),
}


class Answer:
    """What a statement answered, all of it, with the face of a cursor.

    Parameters
    ----------
    result : PGresult
        The answer.
    rows : list of tuple
        Its rows.
    """

    __slots__ = ("_result", "_rows", "_taken")

    def __init__(self, result: PGresult, rows: list[Row]) -> None:
        self._result = result
        self._rows = rows
        self._taken = 0

    @property
    def rowcount(self) -> int:
        """Number of rows answered or changed, -1 where that makes no sense."""
        if self._result.status == ExecStatus.TUPLES_OK:
            return len(self._rows)
        changed = self._result.command_tuples
        return -1 if changed is None else changed

    @property
    def description(self) -> list[tuple[str]] | None:
        """Names of the columns, None for a statement without."""
        if self._result.status != ExecStatus.TUPLES_OK:
            return None
        names = (self._result.fname(place) or b"" for place in range(self._result.nfields))
        return [(name.decode(),) for name in names]

    def fetchone(self) -> Row | None:
        """Return the next row."""
        self._taken += 1
        return self._rows[self._taken - 1] if self._taken <= len(self._rows) else None

    def fetchmany(self, size: int) -> list[Row]:
        """Return the next rows."""
        rows = self._rows[self._taken : self._taken + size]
        self._taken += len(rows)
        return rows

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        rows, self._taken = self._rows[self._taken :] if self._taken else self._rows, len(self._rows)
        return rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self.fetchall())


class PlainStatements:
    """Statements of one connection, prepared once they come again and again.

    The driver must not prepare statements of its own, since it forgets all of a session's with each rollback.

    Parameters
    ----------
    driver : psycopg.Connection
        The connection, in autocommit mode.
    """

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self._driver = driver
        self._transformer = Transformer(driver)
        self._asked: dict[tuple[str, tuple[int, ...]], int] = {}
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def ask(self, text: str, values: Sequence[object]) -> Answer | None:
        """Carry out a statement; None, with nothing done, if a parameter is not plain.

        Raises
        ------
        psycopg.Error
            As the driver does.
        """
        try:
            ways = [_WAYS[type(value)] for value in values]
            sent = [way[2](value) for way, value in zip(ways, values, strict=True)]
        except (KeyError, struct.error, _OddParameterError):
            return None
        types = tuple([way[0] for way in ways])
        forms = [way[1] for way in ways]
        libpq = self._driver.pgconn
        name = self._prepared.get((text, types)) or self._name(text, types)
        if name is None:
            libpq.send_query_params(text.encode(), sent, types, forms, _BINARY)
        else:
            libpq.send_query_prepared(name, sent, forms, _BINARY)
        result = self._result()
        if not result.ntuples:
            return Answer(result, [])
        self._transformer.set_pgresult(result)
        return Answer(result, self._transformer.load_rows(0, result.ntuples, tuple))

    def _name(self, text: str, types: tuple[int, ...]) -> bytes | None:
        """Return the name of a statement that has come often enough, which is then prepared."""
        key = text, types
        asked = self._asked[key] = self._asked.get(key, 0) + 1
        if asked < _PREPARED_AFTER:
            if len(self._asked) > _MOST_PREPARED:
                self._asked.clear()
            return None
        if len(self._prepared) >= _MOST_PREPARED:
            self.forget()
        name = f"plain_{len(self._prepared)}".encode()
        self._driver.pgconn.send_prepare(name, text.encode(), types)
        self._result()
        self._prepared[key] = name
        return name

    def forget(self) -> None:
        """Forget the prepared statements, as after a change of tables."""
        self._asked.clear()
        if self._prepared:
            self._prepared.clear()
            self._driver.pgconn.send_query(b"DEALLOCATE ALL")
            self._result()

    def script(self, text: str) -> None:
        """Carry out several statements without parameters in one go.

        Raises
        ------
        psycopg.Error
            As the driver does.
        """
        self._driver.pgconn.send_query(text.encode())
        self._results()

    def _result(self) -> PGresult:
        return self._results()[-1]

    def _results(self) -> list[PGresult]:
        """Wait for the answers; an interrupt from the keyboard ends the statements."""
        results: list[PGresult] = self._driver.wait(execute(self._driver.pgconn))
        for result in results:
            if result.status not in _DONE:
                raise error_from_result(result, encoding="utf-8")
        return results
