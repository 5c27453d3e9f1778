"""Schemas on a server: opening them, and telling ours from others."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from bunter.database.postgres.connection import ServerConnection
from bunter.database.postgres.failures import raise_ours, refused
from bunter.database.postgres.pool import ServerPool
from bunter.database.postgres.session import Session
from bunter.database.postgres.stamp import SchemaState, Stamp, quoted_name
from bunter.database.postgres.values import adapt
from bunter.database.sqlite import SCHEMA_VERSION
from bunter.errors import ConfigurationError, DatabaseDamagedError, ReadOnlyError, RepositoryNotFoundError

if TYPE_CHECKING:
    from bunter.database.connection import Tally
    from bunter.database.server_address import ServerAddress
    from bunter.database.server_options import ServerOptions

__all__ = ["connected", "open_pool", "pool_of"]

_OLDEST_SERVER = 130000
_LONGEST_TRANSACTION_S = 600


def open_pool(address: ServerAddress, options: ServerOptions, tally: Tally, *, read_only: bool) -> ServerPool:
    """Return the pool of connections to a schema, after a look at whether it is ours.

    Raises
    ------
    RepositoryNotFoundError
        If the schema is not there, or is another program's.
    ConfigurationError
        If a later version of Bunter made it.
    """
    pool = pool_of(address, options, tally, read_only=read_only)
    with pool.lend() as first:
        try:
            stamp = _checked_stamp(first, address)
        except BaseException:
            first.close()
            raise
        if stamp.claim is not None and not read_only:
            _settle(first)
    return pool


def pool_of(address: ServerAddress, options: ServerOptions, tally: Tally, *, read_only: bool) -> ServerPool:
    """Return the pool of connections to a schema that may not be there yet."""
    where = str(address)

    def connection() -> ServerConnection:
        return ServerConnection(Session(partial(connected, address, options, read_only=read_only), where), tally, where)

    return ServerPool(connection, size=options.pool_size, limit_s=max(options.connect_timeout_s, 1.0))


def _checked_stamp(connection: ServerConnection, address: ServerAddress) -> Stamp:
    state = SchemaState.look(connection.raw.run, address.schema)
    if state is None:
        raise RepositoryNotFoundError(
            f"there is no schema {address.schema!r} in {address}; check its name and the user's rights"
        )
    if (stamp := state.stamp) is None:
        raise RepositoryNotFoundError(f"{address} is no Bunter registry; check the name of the schema")
    if not stamp.version.isdigit():
        raise DatabaseDamagedError(
            f"{address} has the stamp {str(stamp)!r}, which no Bunter wrote; restore it from a backup"
        )
    if int(stamp.version) > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{address} has database format {stamp.version}, this Bunter knows up to {SCHEMA_VERSION}; "
            "upgrade it with `pip install -U bunter`"
        )
    return stamp


def _settle(connection: ServerConnection) -> None:
    """Let the schema be a repository's whose maker was killed when only this was left to do."""
    with suppress(ReadOnlyError):  # the schema is another user's, who will do it
        connection.raw.run(Stamp().statement())


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
        "search_path": f"{quoted_name(address.schema)}, pg_temp",
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
