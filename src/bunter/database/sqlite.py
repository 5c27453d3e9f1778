"""SQLite files: making and opening them, and telling ours from others."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from bunter import effects
from bunter.database.connection import Connection, Tally, translated
from bunter.database.journal_mode import refuse_unsafe_mode, suitable_mode
from bunter.errors import (
    ConfigurationError,
    DatabaseDamagedError,
    ReadOnlyError,
    RepositoryExistsError,
    RepositoryNotFoundError,
)

__all__ = ["check_file", "create_file", "is_left", "is_taken", "mark_of", "open_connection", "prepare"]

APPLICATION_ID = 0x42756E74  # "Bunt"
SCHEMA_VERSION = 1
_HEADER_SIZE = 100
_PRAGMAS = """
PRAGMA foreign_keys = ON;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -32768;
PRAGMA mmap_size = 1073741824;
PRAGMA journal_size_limit = 67108864;
"""
_STAMP = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
TABLES = """
CREATE TABLE attribute (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE generation (n INTEGER NOT NULL);
INSERT INTO generation (n) VALUES (1);
CREATE TABLE change (
    n INTEGER PRIMARY KEY, committed INTEGER NOT NULL, "user" TEXT NOT NULL, host TEXT NOT NULL, command TEXT NOT NULL,
    activity INTEGER
);
"""
"""What every database has, whatever is kept in it."""


def is_taken(path: str | Path) -> RepositoryExistsError:
    """Return the error for a place where there is a file already."""
    return RepositoryExistsError(
        f"{path} exists; open it, choose another place, or remove it if a command that was cut short left it and no repository's "
        "bunter.yaml names it"
    )


def mark_of(path: Path) -> Path:
    """Return the file beside a database that says for what this is made, until that is done."""
    return path.with_name(f"{path.name}-making")


def is_left(path: Path, claim: str | None) -> bool:
    """Whether a file was left by a making for the same claim that was killed."""
    mark = mark_of(path)
    return claim is not None and effects.stat(mark) is not None and effects.read_bytes(mark) == claim.encode()


def create_file(path: Path) -> None:
    """Make a new database with no rows in it.

    Raises
    ------
    RepositoryExistsError
        If there is a file already; it stays as it was.
    """
    try:
        effects.write_new(path, b"", sync=False)
    except FileExistsError as exc:
        raise is_taken(path) from exc
    raw = _connect(path, "rw")
    try:
        with translated(str(path)):
            raw.execute(f"PRAGMA journal_mode = {suitable_mode(path)}")
            prepare(raw)
    finally:
        raw.close()


def prepare(raw: sqlite3.Connection) -> None:
    """Stamp an empty database as ours and make the tables that every database has."""
    raw.executescript(f"{_STAMP}BEGIN;{TABLES}COMMIT;")


def check_file(path: Path) -> None:
    """Refuse a file that is missing or too short, without opening it.

    A file must not be opened beside SQLite: closing it would drop the locks that connections of this process hold.

    Raises
    ------
    RepositoryNotFoundError
        If there is no file.
    DatabaseDamagedError
        If it cannot be a database any more.
    """
    stat = effects.stat(path)
    if stat is None:
        raise RepositoryNotFoundError(
            f"there is no database at {path}; check the path, or restore the file from a backup"
        )
    if stat.st_size < _HEADER_SIZE:
        raise DatabaseDamagedError(f"{path} is {'cut short' if stat.st_size else 'empty'}; restore it from a backup")


def _check_stamp(raw: sqlite3.Connection, path: Path) -> None:
    """Refuse what another program, or a later version of Bunter, has written."""
    try:
        application = raw.execute("PRAGMA application_id").fetchone()[0]
        version = raw.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as exc:
        if getattr(exc, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise DatabaseDamagedError(f"{path} is no SQLite database; restore it from a backup") from exc
        raise
    if application != APPLICATION_ID:
        raise RepositoryNotFoundError(f"{path} is a SQLite database of another program, not a Bunter registry")
    if version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{path} has database format {version}, this Bunter knows up to {SCHEMA_VERSION}; "
            "upgrade it with `pip install -U bunter`"
        )


def open_connection(path: Path, tally: Tally, *, read_only: bool, busy_limit_s: float) -> Connection:
    """Open one more connection to a file that `check_file` has accepted."""
    where = str(path)
    with translated(where):
        try:
            return Connection(_begin(path, "ro" if read_only else "rw", busy_limit_s), tally, where)
        except sqlite3.OperationalError as exc:
            if read_only and getattr(exc, "sqlite_errorname", "").startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise ReadOnlyError(
                    f"{where} is in write-ahead mode and cannot be opened without permission to write beside it; "
                    "ask its owner to seal it (`bunter seal REPO`) if it is finished, or for access to the folder"
                ) from exc
            raise


def _begin(path: Path, mode: str, busy_limit_s: float) -> sqlite3.Connection:
    raw = _connect(path, mode, busy_limit_s)
    try:
        _check_stamp(raw, path)
        if mode == "rw":
            refuse_unsafe_mode(raw, path)
        raw.executescript(_PRAGMAS)
        raw.execute("SELECT n FROM generation").fetchone()
    except BaseException:
        raw.close()
        raise
    return raw


def _connect(path: Path, mode: str, busy_limit_s: float = 60.0) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_limit_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
