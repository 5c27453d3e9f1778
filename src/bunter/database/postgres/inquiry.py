"""Statements of a user's own on a server: one SELECT, in a transaction that can only read, for a limited time."""

from __future__ import annotations

import re
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors

from bunter import effects
from bunter.errors import InvalidQueryError, near

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.database.connection import Row
    from bunter.database.postgres.session import Session

__all__ = ["inquire_session"]

_BATCH = 8192
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|::|(?<![\w:]):(?P<name>[A-Za-z_]\w*)""", re.DOTALL
)
_PLAIN = (int, float, str, bytes, bool, type(None))


@contextmanager
def inquire_session(
    session: Session, sql: str, binds: Mapping[str, object], *, time_limit_s: float
) -> Iterator[tuple[list[str], Iterator[list[Row]]]]:
    """Carry out one SELECT; see `bunter.database.inquiry.inquire`."""
    end = effects.monotonic() + time_limit_s
    with _explained(session, sql):
        text, values = _numbered(sql, binds)
        session.script(f"BEGIN READ ONLY; SET LOCAL statement_timeout = {max(1, round(time_limit_s * 1000))}")
        try:
            # A cursor can be declared for a statement that reads, and for no other; sent so, it is one statement only.
            _send(session, f"DECLARE inquiry NO SCROLL CURSOR FOR {text}", values)
            first = _send(session, f"FETCH {_BATCH} FROM inquiry")
            names = [column.name for column in first.description or ()]
            if not names:
                raise InvalidQueryError("the statement has no columns; give one SELECT", text=sql)
            yield names, _batches(session, first, sql, end)
        finally:
            session.rollback()
            if not session.driver.closed:  # locks of the session outlive its transactions
                session.driver.execute("SELECT pg_advisory_unlock_all()")


def _send(session: Session, text: str, values: list[object] | None = None) -> psycopg.Cursor[Any]:
    return session.driver.execute(text, values or None, prepare=False, binary=True)


def _batches(session: Session, cursor: psycopg.Cursor[Any], sql: str, end: float) -> Iterator[list[Row]]:
    while rows := cursor.fetchall():
        yield [tuple(value if isinstance(value, _PLAIN) else _plain(value) for value in row) for row in rows]
        if effects.monotonic() > end:
            raise InvalidQueryError(_SLOW, text=sql)
        with _explained(session, sql):
            cursor = _send(session, f"FETCH {_BATCH} FROM inquiry")


def _plain(value: Any) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [each if isinstance(each, _PLAIN) else _plain(each) for each in value]
    return bytes(value) if isinstance(value, memoryview | bytearray) else str(value)


def _numbered(sql: str, binds: Mapping[str, object]) -> tuple[str, list[object]]:
    """Replace ``:name`` by numbered parameters, outside of literals and comments."""
    places: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0]
        if name not in binds:
            raise InvalidQueryError(f"no value is given for :{name}; bind one", text=sql, position=match.start())
        return f"${places.setdefault(name, len(places) + 1)}"

    return _TOKEN.sub(number, sql), [binds[name] for name in places]


_SLOW = "the statement took longer than its time limit; ask for less, or raise the limit"


@contextmanager
def _explained(session: Session, sql: str) -> Iterator[None]:
    """Turn what the server finds wrong with a statement into a sentence."""
    try:
        yield
    except (psycopg.Error, ValueError) as exc:
        if isinstance(exc, InvalidQueryError):
            raise
        raise InvalidQueryError(_sentence(session, exc), text=sql) from exc


def _sentence(session: Session, error: Exception) -> str:
    if isinstance(error, errors.QueryCanceled):
        return _SLOW
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return "only statements that read are carried out; changes go through the other commands"
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    if isinstance(error, errors.UndefinedTable):
        session.rollback()
        found = session.driver.execute("SELECT viewname::text FROM pg_views WHERE schemaname = current_schema()")
        missing = re.search(r'"([^"]*)"', said)
        hint = near(missing[1], [name for (name,) in found]) if missing else ""
        return f"{said}{hint or '; the views are listed by `bunter sql REPO --views`'}"
    return f"this cannot be carried out: {said}"
