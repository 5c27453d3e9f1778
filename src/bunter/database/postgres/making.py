"""Schemas that are being made: whoever makes one holds its lock, and a stamp says for what until that is done."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from bunter import effects
from bunter.database.connection import IntegrityError
from bunter.database.postgres.failures import raise_ours
from bunter.database.postgres.nothing import NOTHING
from bunter.database.postgres.rewriting import rewritten
from bunter.database.postgres.server import connected
from bunter.database.postgres.shapes import BY_KEY
from bunter.database.postgres.stamp import SchemaState, Stamp, quoted_name, quoted_text
from bunter.database.sqlite import TABLES
from bunter.errors import RepositoryExistsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bunter.database.connection import Connection
    from bunter.database.server_address import ServerAddress
    from bunter.database.server_options import ServerOptions

__all__ = [
    "check_schema_absent",
    "clear_leavings",
    "create_schema",
    "define_schema",
    "drop_schema",
    "is_same_schema",
    "making_schema",
    "settle_schema",
]

_LOCK_CLASS = 0x42756E6D  # beside that of writers: who makes a schema is none yet
_FILL_CLASS = 0x42756E66  # of the transaction, which may outlive its maker a little
_PATIENCE_S = 3  # in which a server notices that a client has died
_RANDOM_BITS = 62


def create_schema(address: ServerAddress, options: ServerOptions) -> None:
    """Make the schema and the tables that every database has, in one transaction.

    Raises
    ------
    RepositoryExistsError
        If the schema holds anything; it stays as it was.
    """
    with making_schema(address, options) as driver:
        clear_leavings(driver, address, None)
        try:
            with driver.transaction():
                define_schema(driver.execute, address, None)
        except psycopg.Error as exc:
            raise_ours(exc, str(address))


def check_schema_absent(address: ServerAddress, options: ServerOptions, claim: str | None = None) -> None:
    """Refuse a schema that holds something, unless it was left by a making for the same that was killed.

    Raises
    ------
    RepositoryExistsError
        If it does.
    """
    driver = connected(address, options, read_only=True)
    try:
        _refuse_others(SchemaState.look(driver.execute, address.schema), address, claim)
    except psycopg.Error as exc:
        raise_ours(exc, str(address))
    finally:
        driver.close()


def drop_schema(address: ServerAddress, options: ServerOptions) -> None:
    """Remove a schema and all that is in it."""
    driver = connected(address, options)
    try:
        driver.execute(f"DROP SCHEMA IF EXISTS {quoted_name(address.schema)} CASCADE")
    except psycopg.Error as exc:
        raise_ours(exc, str(address))
    finally:
        driver.close()


@contextmanager
def making_schema(address: ServerAddress, options: ServerOptions) -> Iterator[psycopg.Connection[Any]]:
    """Keep others from making a schema, with a connection whose end, however it comes, lets them.

    Raises
    ------
    RepositoryExistsError
        If another program makes it now.
    """
    driver = connected(address, options)
    try:
        _take_lock(driver, address)
        yield driver
    finally:
        driver.close()


def _take_lock(driver: psycopg.Connection[Any], address: ServerAddress) -> None:
    try:
        if driver.info.server_version >= 140000:
            driver.execute("SET idle_session_timeout = 0")  # a load may take long
        driver.execute(f"SET lock_timeout = '{_PATIENCE_S}s'")
        driver.execute("SELECT pg_advisory_lock($1::int, hashtext($2))", [_LOCK_CLASS, address.schema])
        driver.execute("SELECT pg_advisory_lock($1::int, hashtext($2))", [_FILL_CLASS, address.schema])
        driver.execute("SELECT pg_advisory_unlock($1::int, hashtext($2))", [_FILL_CLASS, address.schema])
        driver.execute("SET lock_timeout = 0")
    except psycopg.errors.LockNotAvailable as exc:
        raise RepositoryExistsError(
            f"another program makes {address} now; choose another schema, or try again when it is done"
        ) from exc
    except psycopg.Error as exc:
        raise_ours(exc, str(address))


def clear_leavings(driver: psycopg.Connection[Any], address: ServerAddress, claim: str | None) -> None:
    """Remove what a making for the same that was killed has left; the schema itself, which may have been there, stays.

    Raises
    ------
    RepositoryExistsError
        If the schema holds anything else.
    """
    try:
        state = SchemaState.look(driver.execute, address.schema)
        _refuse_others(state, address, claim)
        if state is None or not state.size:
            return
        effects.checkpoint("clear schema")
        with driver.transaction():
            for statement in _removals(driver, address.schema):
                driver.execute(statement)
    except psycopg.Error as exc:
        raise_ours(exc, str(address))


def _removals(driver: psycopg.Connection[Any], schema: str) -> list[str]:
    kinds = {"VIEW": "v", "TABLE": "r"}
    statements = []
    for kind, code in kinds.items():
        rows = driver.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) "
            "AND relkind::text = $2 ORDER BY relname",
            [schema, code],
        ).fetchall()
        if names := ", ".join(f"{quoted_name(schema)}.{quoted_name(name)}" for (name,) in rows):
            statements.append(f"DROP {kind} {names} CASCADE")
    return [*statements, f"DROP TYPE IF EXISTS {quoted_name(schema)}.nothing CASCADE"]


def _refuse_others(state: SchemaState | None, address: ServerAddress, claim: str | None) -> None:
    if state is None or not state.size:
        return
    found = None if state.stamp is None else state.stamp.claim
    if claim is not None and found == claim:
        return
    removal = f"DROP SCHEMA {quoted_name(address.schema)} CASCADE"
    if found is not None:
        raise RepositoryExistsError(
            f"{address} was made for {found}, which was not finished: the same command there completes it; choose another "
            f"schema, or, if that is given up, remove it: {removal}"
        )
    raise RepositoryExistsError(f"{address} holds tables already; choose another schema, or remove it: {removal}")


def define_schema(run: Callable[[str], Any], address: ServerAddress, claim: str | None) -> None:
    """Make the schema, where it is not there, and the tables that every database has; inside a transaction.

    Raises
    ------
    RepositoryExistsError
        If somebody has made it in the meantime.
    """
    try:
        run(f"SELECT pg_advisory_xact_lock({_FILL_CLASS}, hashtext({quoted_text(address.schema)}))")
        there = run(f"SELECT 1 FROM pg_namespace WHERE nspname = {quoted_text(address.schema)}").fetchone()
        if there is None:  # who may fill a schema may not always make one, not even if it is there
            run(f"CREATE SCHEMA {quoted_name(address.schema)}")
        for statement in (*NOTHING, *TABLES.split(";")):
            if statement.strip():
                run(rewritten(statement).text)
    except (
        IntegrityError,
        psycopg.errors.UniqueViolation,
        psycopg.errors.DuplicateObject,
        psycopg.errors.DuplicateSchema,
    ) as exc:
        raise RepositoryExistsError(f"{address} is made by another program; choose another schema") from exc
    run(f"COMMENT ON TABLE attribute IS '{BY_KEY}'")
    run(Stamp(claim=claim).statement())


def settle_schema(driver: psycopg.Connection[Any], address: ServerAddress) -> None:
    """Say that what a schema was made for is done: it is a repository's from now on."""
    effects.checkpoint("settle schema")
    try:
        driver.execute(Stamp().statement())
    except psycopg.Error as exc:
        raise_ours(exc, str(address))


def is_same_schema(one: Connection, other: Connection, names: tuple[str, str]) -> bool:
    """Whether two connections to servers, each in a transaction, see one schema, whatever their addresses."""
    number = secrets.randbits(_RANDOM_BITS)
    other.fetchone("SELECT pg_advisory_xact_lock(?)", (number,))
    row = one.fetchone("SELECT pg_try_advisory_xact_lock(?)", (number,))
    return row is not None and not row[0] and names[0] == names[1]
