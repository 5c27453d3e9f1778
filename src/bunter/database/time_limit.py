"""A time after which the statements of a connection are given up, for questions that need not be answered."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.errors import DatabaseBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.database.connection import Connection

__all__ = ["limited"]

_STEPS_BETWEEN_LOOKS = 20_000


@contextmanager
def limited(connection: Connection, seconds: float | None) -> Iterator[None]:
    """Give up statements that run longer than this, within a snapshot.

    Parameters
    ----------
    connection : Connection
        Within a snapshot, which is of no more use once a statement was given up.
    seconds : float, optional
        For all statements in the block together (SQLite), or for each of them (PostgreSQL); None for no limit.

    Raises
    ------
    DatabaseBusyError
        If a statement was given up.
    """
    if seconds is None:
        yield
    elif connection.dialect.name == "postgresql":
        raw: Any = connection.raw
        raw.script(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")
        yield
    else:
        with _watched(connection.raw, effects.monotonic() + seconds):
            yield


@contextmanager
def _watched(raw: sqlite3.Connection, end: float) -> Iterator[None]:
    raw.set_progress_handler(lambda: effects.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        raise DatabaseBusyError("a statement took longer than it was given") from error
    finally:
        raw.set_progress_handler(None, 0)
