"""Errors of PostgreSQL and of its driver, as errors of ours: what happened, where, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import psycopg

from bunter.database.connection import IntegrityError, UndoneError
from bunter.errors import (
    ButlerError,
    ConfigurationError,
    DatabaseBusyError,
    DatabaseDamagedError,
    DatabaseUnavailableError,
    InvalidQueryError,
    ReadOnlyError,
    RepositoryNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["raise_ours", "refused"]

_PREAMBLE = re.compile(r"^connection failed: (connection to server .*? failed: FATAL:\s*)?")
_SECRET = re.compile(r"(password\s*=\s*)('[^']*'|\S+)|(://[^:/@\s]*:)[^@\s]*(@)", re.IGNORECASE)


def _undone(where: str, said: str) -> ButlerError:
    return UndoneError(f"{where} undid a change that met another one at the same time ({said}); try again")


def _too_long(where: str, said: str) -> ButlerError:
    return DatabaseBusyError(
        f"{where} took too long for a statement ({said}); ask for less, or raise registry.server.statement_timeout_s"
    )


def _locked(where: str, _said: str) -> ButlerError:
    return DatabaseBusyError(
        f"waited for other writers of {where} as long as the time limit allows; see in pg_stat_activity whether one of them "
        "hangs, or raise the time limit"
    )


def _crowded(where: str, said: str) -> ButlerError:
    return DatabaseBusyError(
        f"{where} has no connection left ({said}); try again later, or ask its administrator for a larger max_connections"
    )


def _read_only(where: str, said: str) -> ButlerError:
    return ReadOnlyError(f"{where} cannot be written ({said}); is it a standby server? Open it with writeable=False")


def _forbidden(where: str, said: str) -> ButlerError:
    return ReadOnlyError(f"{where}: {said}; ask the owner of the schema for the right to use it")


def _full(where: str, said: str) -> ButlerError:
    return DatabaseUnavailableError(f"{where} cannot be written ({said}); make room on the server and try again")


def _damaged(where: str, said: str) -> ButlerError:
    return DatabaseDamagedError(f"{where} is damaged ({said}); restore it from a backup")


def _unreadable(where: str, said: str) -> ButlerError:
    return InvalidQueryError(f"{where} cannot carry this out: {said}")


def _incomplete(where: str, said: str) -> ButlerError:
    return DatabaseDamagedError(
        f"{where} lacks tables of a Bunter registry ({said}); was its creation cut off? Remove it and create it again"
    )


def _unavailable(where: str, said: str) -> ButlerError:
    return DatabaseUnavailableError(f"{where} does not answer ({said}); see whether the server runs, and try again")


def _stranger(where: str, said: str) -> ButlerError:
    return ConfigurationError(
        f"{where} lets you not in ({said}); user and password come from PGUSER, PGPASSFILE (~/.pgpass) or PGSERVICE"
    )


def _no_database(where: str, said: str) -> ButlerError:
    return RepositoryNotFoundError(f"{where}: {said}; make it with `createdb`, or check the name")


# The first entry whose code is the beginning of the error's counts.
_BY_CODE: tuple[tuple[str, Callable[[str, str], ButlerError]], ...] = (
    ("23", lambda _where, said: IntegrityError(said)),
    ("40001", _undone),
    ("40P01", _undone),
    ("55P03", _locked),
    ("57014", _too_long),
    ("25P03", _too_long),
    ("25P04", _too_long),
    ("25006", _read_only),
    ("0A000", _read_only),  # "cannot set transaction read-write mode during recovery"
    ("42501", _forbidden),
    ("53100", _full),
    ("53300", _crowded),
    ("53", _full),
    ("57P", _unavailable),
    ("08", _unavailable),
    ("28", _stranger),
    ("3D000", _no_database),
    ("XX001", _damaged),
    ("XX002", _damaged),
    ("42P01", _incomplete),
    ("22", _unreadable),
    ("54", _unreadable),
)


def raise_ours(error: psycopg.Error, where: str) -> NoReturn:
    """Raise the driver's error as one of ours; one that only a mistake of ours can cause stays as it is."""
    code, said = error.sqlstate or "", _sentence(error)
    for beginning, ours in _BY_CODE:
        if code.startswith(beginning):
            raise ours(where, said) from error
    if not code and isinstance(error, psycopg.DataError):
        raise _unreadable(where, said) from error
    if not code and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        raise _unavailable(where, said) from error
    raise error


def refused(error: psycopg.Error, where: str) -> NoReturn:
    """Raise an error met while connecting, which has no code of its own."""
    said = _sentence(error)
    lower = said.lower()
    if "does not exist" in lower and "database" in lower:
        raise _no_database(where, said) from error
    if any(word in lower for word in ("password", "authentication", "role", "pg_hba", "ident")):
        raise _stranger(where, said) from error
    if "too many" in lower or "remaining connection slots" in lower:
        raise _crowded(where, said) from error
    if isinstance(error, psycopg.ProgrammingError) or ("service" in lower and "not found" in lower):
        raise ConfigurationError(f"{where}: {said}; an address looks like postgresql://user@host/database") from error
    raise _unavailable(where, said) from error


def _sentence(error: psycopg.Error) -> str:
    """Return the first line of what the driver says, without anything secret."""
    said = error.diag.message_primary or str(error) or type(error).__name__
    line = " ".join(said.strip().splitlines()[0].split()).rstrip(".")
    line = _PREAMBLE.sub("", line)
    return _SECRET.sub(lambda match: f"{match[1] or match[3]}***{match[4] or ''}", line)
