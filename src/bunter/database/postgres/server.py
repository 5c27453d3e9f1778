"""Schemas on a server: making and opening them, and telling ours from others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from bunter.database.postgres.connection import ServerConnection
from bunter.database.postgres.failures import raise_ours, refused
from bunter.database.postgres.nothing import NOTHING
from bunter.database.postgres.pool import ServerPool
from bunter.database.postgres.rewriting import rewritten
from bunter.database.postgres.session import Session
from bunter.database.postgres.shapes import BY_KEY
from bunter.database.postgres.values import adapt
from bunter.database.sqlite import SCHEMA_VERSION, TABLES
from bunter.errors import ConfigurationError, DatabaseDamagedError, RepositoryExistsError, RepositoryNotFoundError

if TYPE_CHECKING:
    from bunter.database.connection import Tally
    from bunter.database.server_address import ServerAddress
    from bunter.database.server_options import ServerOptions

__all__ = ["check_schema_absent", "connected", "create_schema", "drop_schema", "open_pool"]

_STAMP = "Bunter, database format "
_OLDEST_SERVER = 130000
_LONGEST_TRANSACTION_S = 600


def create_schema(address: ServerAddress, options: ServerOptions) -> None:
    """Make the schema and the tables that every database has, in one transaction.

    Raises
    ------
    RepositoryExistsError
        If the schema holds anything; it stays as it was.
    """
    driver = connected(address, options)
    try:
        with driver.transaction():
            _claim(driver, address)
            for statement in (*NOTHING, *TABLES.split(";")):
                if statement.strip():
                    driver.execute(rewritten(statement).text)
            driver.execute(f"COMMENT ON TABLE attribute IS '{BY_KEY}'")
            driver.execute(f"COMMENT ON TABLE generation IS '{_STAMP}{SCHEMA_VERSION}'")
    except psycopg.Error as exc:
        raise_ours(exc, str(address))
    finally:
        driver.close()


def check_schema_absent(address: ServerAddress, options: ServerOptions) -> None:
    """Refuse a schema that holds something.

    Raises
    ------
    RepositoryExistsError
        If it does.
    """
    driver = connected(address, options, read_only=True)
    try:
        _is_made(driver, address)
    except psycopg.Error as exc:
        raise_ours(exc, str(address))
    finally:
        driver.close()


def drop_schema(address: ServerAddress, options: ServerOptions) -> None:
    """Remove a schema and all that is in it."""
    driver = connected(address, options)
    try:
        driver.execute(f"DROP SCHEMA IF EXISTS {_quoted(address.schema)} CASCADE")
    except psycopg.Error as exc:
        raise_ours(exc, str(address))
    finally:
        driver.close()


def _claim(driver: psycopg.Connection[Any], address: ServerAddress) -> None:
    """Make the schema unless it is there; refuse one that holds something."""
    if not _is_made(driver, address):
        driver.execute(f"CREATE SCHEMA {_quoted(address.schema)}")


def _is_made(driver: psycopg.Connection[Any], address: ServerAddress) -> bool:
    """Say whether a schema is there, and empty; refuse one that holds something."""
    held = driver.execute(
        "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid) FROM pg_namespace n WHERE nspname = $1",
        [address.schema],
    ).fetchone()
    if held is not None and held[0]:
        raise RepositoryExistsError(
            f"{address} holds tables already; choose another schema, or remove it: DROP SCHEMA {_quoted(address.schema)} CASCADE"
        )
    return held is not None


def open_pool(address: ServerAddress, options: ServerOptions, tally: Tally, *, read_only: bool) -> ServerPool:
    """Return the pool of connections to a schema, after a look at whether it is ours.

    Raises
    ------
    RepositoryNotFoundError
        If the schema is not there, or is another program's.
    ConfigurationError
        If a later version of Bunter made it.
    """
    where = str(address)

    def connection() -> ServerConnection:
        return ServerConnection(Session(partial(connected, address, options, read_only=read_only), where), tally, where)

    pool = ServerPool(connection, size=options.pool_size, limit_s=max(options.connect_timeout_s, 1.0))
    with pool.lend() as first:
        try:
            _check_stamp(first, address)
        except BaseException:
            first.close()
            raise
    return pool


def _check_stamp(connection: ServerConnection, address: ServerAddress) -> None:
    row = connection.raw.run(
        "SELECT obj_description(c.oid, 'pg_class') FROM pg_namespace n "
        "LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'generation' WHERE n.nspname = $1",
        [address.schema],
    ).fetchone()
    if row is None:
        raise RepositoryNotFoundError(
            f"there is no schema {address.schema!r} in {address}; check its name and the user's rights"
        )
    if not (row[0] or "").startswith(_STAMP):
        raise RepositoryNotFoundError(f"{address} is no Bunter registry; check the name of the schema")
    version = row[0].removeprefix(_STAMP)
    if not version.isdigit():
        raise DatabaseDamagedError(
            f"{address} has the stamp {row[0]!r}, which no Bunter wrote; restore it from a backup"
        )
    if int(version) > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{address} has database format {version}, this Bunter knows up to {SCHEMA_VERSION}; "
            "upgrade it with `pip install -U bunter`"
        )


def connected(address: ServerAddress, options: ServerOptions, *, read_only: bool = False) -> psycopg.Connection[Any]:
    """Open a connection of our settings."""
    try:
        driver = psycopg.connect(
            address.url,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            connect_timeout=max(1, round(options.connect_timeout_s)),
            application_name="bunter",
            client_encoding="utf8",
        )
    except psycopg.Error as exc:
        refused(exc, str(address))
    driver.prepare_threshold = None  # see `PlainStatements`
    adapt(driver.adapters)
    try:
        driver.execute(_settings(address, options, driver.info.server_version, read_only=read_only))
    except psycopg.Error as exc:
        driver.close()
        raise_ours(exc, str(address))
    except BaseException:
        driver.close()
        raise
    return driver


def _settings(address: ServerAddress, options: ServerOptions, version: int, *, read_only: bool) -> str:
    if version < _OLDEST_SERVER:
        raise ConfigurationError(f"{address} is PostgreSQL {version // 10000}; Bunter needs 13 or later")
    settings = {
        "search_path": f"{_quoted(address.schema)}, pg_temp",
        "statement_timeout": _milliseconds(options.statement_timeout_s),
        "idle_in_transaction_session_timeout": _milliseconds(_LONGEST_TRANSACTION_S),
        "cursor_tuple_fraction": "1.0",  # all rows of a stream are read
        "default_transaction_read_only": "on" if read_only else "off",
        "jit": "off",  # compiling takes longer than our statements
        "client_min_messages": "warning",
    }
    if version >= 140000:
        settings["idle_session_timeout"] = _milliseconds(options.idle_timeout_s)
    return "; ".join(f"SET {name} = {value}" for name, value in settings.items())


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
