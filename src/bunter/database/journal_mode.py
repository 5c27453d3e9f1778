"""How SQLite keeps a file consistent: write-ahead where that is safe, rollback on networks and in sealed repositories."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING, NoReturn

from bunter import effects
from bunter.database.connection import raise_translated
from bunter.database.filesystem import network_file_system
from bunter.errors import ConfigurationError, DatabaseBusyError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["advice", "refuse_unsafe_mode", "seal_file", "suitable_mode", "unseal_file"]

_LOG = logging.getLogger("bunter.database")
_PATIENCE_S = 5.0


def suitable_mode(path: Path) -> str:
    """Return the journal mode for a new file at this path."""
    return "WAL" if network_file_system(path) is None else "DELETE"


def advice(path: Path) -> str | None:
    """Say what is different where a file lies on a network; None where nothing is."""
    kind = network_file_system(path)
    if kind is None:
        return None
    return (
        f"{path} lies on a network file system ({kind}): SQLite works there in rollback mode, where readers and writers wait "
        "for each other; for many writers use a local disk, or PostgreSQL"
    )


def refuse_unsafe_mode(raw: sqlite3.Connection, path: Path) -> None:
    """Bring a file in write-ahead mode that has come onto a network file system to rollback mode, or refuse it.

    Raises
    ------
    ConfigurationError
        If others have it open in write-ahead mode.
    """
    kind = network_file_system(path)
    if kind is None or raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        return
    try:
        mode = raw.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError:
        mode = "wal"
    if mode != "delete":
        raise ConfigurationError(
            f"{path} is in write-ahead mode on a network file system ({kind}), where that loses data; end all programs that "
            "have it open, and it is brought to rollback mode when it is opened next"
        )
    _LOG.warning("%s", advice(path))


def seal_file(path: Path) -> None:
    """Bring a file to rollback mode, in which it can be read without permission to write anything.

    Raises
    ------
    DatabaseBusyError
        If another program, or another object of this one, has it open.
    """
    raw = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_S, isolation_level=None)
    try:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        mode = raw.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError as exc:
        _raise_refused(exc, path)
    finally:
        raw.close()
    if mode != "delete":
        raise DatabaseBusyError(_in_use(path))
    effects.unlink(f"{path}-queue", missing_ok=True)


def unseal_file(path: Path) -> None:
    """Bring a file back to the mode that suits its place."""
    raw = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_S, isolation_level=None)
    try:
        raw.execute(f"PRAGMA journal_mode = {suitable_mode(path)}")
    except sqlite3.OperationalError as exc:
        _raise_refused(exc, path)
    finally:
        raw.close()


def _raise_refused(error: sqlite3.OperationalError, path: Path) -> NoReturn:
    """Say what keeps a file in its mode: the disk, or those who have it open."""
    if (error.sqlite_errorname or "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        raise DatabaseBusyError(_in_use(path)) from error
    raise_translated(error, str(path))


def _in_use(path: Path) -> str:
    return f"other programs have {path} open (see `lsof {path}`); end them, then try again"
