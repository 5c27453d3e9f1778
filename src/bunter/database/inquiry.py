"""Statements of a user's own: one SELECT, that cannot change anything, for a limited time."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.database.connection import Tally
from bunter.database.server_address import is_server
from bunter.database.sqlite import open_connection
from bunter.errors import InvalidQueryError, near

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.database.connection import Connection, Row
    from bunter.database.database import Database

__all__ = ["inquire"]

_BATCH = 8192
_STEPS_BETWEEN_LOOKS = 20_000
_LONGEST_VALUE = 64 << 20
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info"})
_FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
_MISSING = re.compile(r"no such (?:table|column|function): (\S+)")


@contextmanager
def inquire(
    database: Database, sql: str, binds: Mapping[str, object] | None = None, *, time_limit_s: float = 60.0
) -> Iterator[tuple[list[str], Iterator[list[Row]]]]:
    """Carry out one SELECT of a user, and let it do nothing else.

    Parameters
    ----------
    database : Database
        Where.
    sql : str
        One statement; values may be left open as ``:name``.
    binds : mapping, optional
        Values for these.
    time_limit_s : float
        After so many seconds the statement is given up.

    Yields
    ------
    list of str, iterator of list of tuple
        Names of the columns; rows in batches, while the block lasts.

    Raises
    ------
    InvalidQueryError
        If it is no statement that reads, or takes too long; the sentence names what is missing.
    """
    if "\0" in sql:
        raise InvalidQueryError("the statement has a null character in it; leave it out")
    if is_server(database.location):
        from bunter.database.postgres.inquiry import inquire_session

        with (
            database.read() as connection,
            inquire_session(connection.raw, sql, binds or {}, time_limit_s=time_limit_s) as answer,
        ):
            yield answer
        return
    with _lent(database) as connection, _guarded(connection.raw, time_limit_s), _explained(connection.raw, sql):
        cursor = connection.raw.execute(sql, dict(binds or {}))
        if cursor.description is None:
            raise InvalidQueryError("the statement has no rows; give one SELECT", text=sql)
        yield [column[0] for column in cursor.description], iter(lambda: cursor.fetchmany(_BATCH), [])


@contextmanager
def _lent(database: Database) -> Iterator[Connection]:
    """Lend a connection that cannot write: a new one to a file, else the only one there is."""
    if database.location == ":memory:":
        with database.read() as connection:
            yield connection
        return
    connection = open_connection(Path(database.location), Tally(), read_only=True, busy_limit_s=60.0)
    try:
        yield connection
    finally:
        connection.raw.close()


@contextmanager
def _guarded(raw: sqlite3.Connection, time_limit_s: float) -> Iterator[None]:
    """Let a connection read only, for some time only, and no value grow beyond reason."""
    end = effects.monotonic() + time_limit_s
    longest = raw.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
    raw.execute("PRAGMA query_only = ON")
    raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    raw.set_authorizer(_may)
    raw.set_progress_handler(lambda: effects.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)
        raw.set_authorizer(None)
        raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
        raw.execute("PRAGMA query_only = OFF")


def _may(action: int, first: str | None, second: str | None, _database: str | None, _view: str | None) -> int:
    """Say whether SQLite may do one part of a statement."""
    if action in {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if second in _FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


@contextmanager
def _explained(raw: sqlite3.Connection, sql: str) -> Iterator[None]:
    """Turn what SQLite finds wrong with a statement into a sentence."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, UnicodeError) as exc:
        if isinstance(exc, InvalidQueryError):
            raise
        raise InvalidQueryError(_sentence(raw, exc), text=sql) from exc


def _sentence(raw: sqlite3.Connection, error: Exception) -> str:
    said = str(error)
    if "interrupted" in said:
        return "the statement took longer than its time limit; ask for less, or raise the limit"
    if "not authorized" in said or "prohibited" in said or "readonly" in said:
        return "only statements that read are carried out; changes go through the other commands"
    if "one statement" in said:
        return "give one statement, without a second one behind a semicolon"
    if (missing := _MISSING.search(said)) is not None:
        raw.set_authorizer(None)
        known = [name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
        hint = near(missing[1], known) if "table" in said else ""
        return f"{said}{hint or '; the views are listed by `bunter sql REPO --views`'}"
    return f"this cannot be carried out: {said}"
