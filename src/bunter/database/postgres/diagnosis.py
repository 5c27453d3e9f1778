"""What a PostgreSQL server allows, and how it answers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from bunter import effects
from bunter.database.postgres.server import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.database.server_address import ServerAddress
    from bunter.database.server_options import ServerOptions

__all__ = ["diagnose_server"]

_ROUND_TRIPS = 20


def diagnose_server(address: ServerAddress, options: ServerOptions) -> Iterator[tuple[str, float | bool | str]]:
    """Yield what was found of a server, by name; nothing stays there.

    Yields
    ------
    tuple[str, float or bool or str]
        ``version``; ``schema`` and ``create``: whether the schema exists, and whether one may be made; ``write``: whether tables may
        be made in it, which is tried; ``skew``: seconds by which its clock is ahead of ours; ``latency``: seconds for one question.
    """
    with closing(connected(address, options)) as driver:
        yield "version", str(driver.info.parameter_status("server_version"))
        sql = "SELECT count(*) FROM information_schema.schemata WHERE schema_name = $1"
        row = driver.execute(sql, (address.schema,)).fetchone()
        exists = bool(row and row[0])
        yield "schema", exists
        row = driver.execute("SELECT has_database_privilege(current_database(), 'CREATE')").fetchone()
        yield "create", bool(row and row[0])
        if exists:
            row = driver.execute("SELECT has_schema_privilege($1, 'CREATE')", (address.schema,)).fetchone()
            yield "write", bool(row and row[0])
        before = effects.now_ns()
        row = driver.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        after = effects.now_ns()
        yield "skew", float(row[0] if row else 0.0) - (before + after) / 2e9
        begin = effects.monotonic()
        for _ in range(_ROUND_TRIPS):
            driver.execute("SELECT 1").fetchone()
        yield "latency", (effects.monotonic() - begin) / _ROUND_TRIPS
        driver.rollback()
