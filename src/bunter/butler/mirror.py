"""Mirrors of a repository's books for other programs: Parquet files or a DuckDB file, brought up to date by change number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from bunter.errors import ConfigurationError
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    import pyarrow as pa

    from bunter.database import Connection, Database
    from bunter.registry import Registry
    from bunter.registry.mirror_source import MirrorTable

__all__ = ["MirrorReport", "MirrorTarget", "mirror_database", "open_target"]

_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What a mirror was brought to.

    Parameters
    ----------
    since, until : int
        The last change that it knew before (0 for none) and that it knows now.
    written : dict of str to int
        Rows written by table; tables without news are left out.
    removed : int
        Datasets taken out.
    """

    since: int
    until: int
    written: dict[str, int]
    removed: int


class MirrorTarget(Protocol):
    """Where a mirror is. Nothing of an update is seen before `finish`, and nothing at all if it does not come."""

    def since(self, repository: str) -> int:
        """Return the last change that the mirror knows; 0 for a new one. ConfigurationError for another repository's."""

    def counts(self) -> dict[str, int]:
        """Return the rows of each table that there is."""

    def forget(self, tables: Sequence[str], ids: set[bytes]) -> None:
        """Take the rows of datasets out of tables."""

    def append(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """Add rows to a table; return how many."""

    def replace(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """Give a table these rows and no others; return how many."""

    def finish(self, repository: str, until: int, tables: Sequence[str]) -> None:
        """Let the update be seen; tables that are not named go."""

    def __enter__(self) -> Self:
        """Begin an update."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Forget what was not finished."""


def open_target(target: str | Path) -> MirrorTarget:
    """Return the mirror at a path: a DuckDB file if it ends in .duckdb or .db, else a folder of Parquet files."""
    path = Path(target)
    if path.suffix in {".duckdb", ".db"}:
        from bunter.butler.mirror_duckdb import DuckDBTarget

        return DuckDBTarget(path)
    if path.is_file():
        raise ConfigurationError(f"{path} is a file; name a folder for Parquet, or a file that ends in .duckdb")
    from bunter.butler.mirror_parquet import ParquetTarget

    return ParquetTarget(path)


def mirror_database(
    database: Database, registry: Registry, location: str, target: MirrorTarget, *, dry_run: bool = False
) -> MirrorReport:
    """Bring a mirror to the present state of a repository, all tables as of one moment; memory is bounded."""
    from bunter.registry.mirror_source import last_change, mirror_tables

    with target, database.read(snapshot=True) as connection:
        since, until = target.since(location), last_change(connection)
        if since > until:
            raise ConfigurationError(
                f"the mirror knows change {since}, and {location} has only {until}: it is the mirror of another state; "
                "remove it and mirror again"
            )
        if since == until or dry_run:
            return MirrorReport(since, until, {}, 0)
        tables = mirror_tables(connection, registry.roster(connection))
        removed = _forget(connection, target, tables, since)
        written = {table.name: _update(connection, target, table, since) for table in tables}
        target.finish(location, until, [table.name for table in tables])
    return MirrorReport(since, until, {name: rows for name, rows in written.items() if rows}, removed)


def _forget(connection: Connection, target: MirrorTarget, tables: Sequence[MirrorTable], since: int) -> int:
    from bunter.registry.mirror_source import removed_since

    names, number = [table.name for table in tables if table.growth == "datasets"], 0
    for ids in removed_since(connection, since) if since else ():
        target.forget(names, set(ids))
        number += len(ids)
    return number


def _update(connection: Connection, target: MirrorTarget, table: MirrorTable, since: int) -> int:
    schema = _schema(table)
    if table.growth == "whole" or not since:
        return target.replace(table.name, schema, _batches(connection, table, schema, 0))
    written = target.append(table.name, schema, _batches(connection, table, schema, since))
    # Artifacts may go, or come, for datasets that were there: then the numbers differ, and the table is copied anew.
    (there,) = connection.fetchone(table.count) or (0,)
    if target.counts().get(table.name, 0) != there:
        return target.replace(table.name, schema, _batches(connection, table, schema, 0))
    return written


def _schema(table: MirrorTable) -> pa.Schema:
    pa = pyarrow()
    types = {
        "int64": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "binary": pa.binary(),
        "string": pa.string(),
    }
    return pa.schema([(name, types[kind]) for name, kind in table.columns.items()])


def _batches(connection: Connection, table: MirrorTable, schema: pa.Schema, since: int) -> Iterator[pa.RecordBatch]:
    pa = pyarrow()
    for rows in connection.stream(table.rows, {"since": since}, _BATCH):
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(_cast(values, field.type), field.type) for values, field in zip(columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(values: Sequence[Any], kind: pa.DataType) -> Sequence[Any]:
    pa = pyarrow()
    if pa.types.is_boolean(kind):
        return [None if value is None else bool(value) for value in values]
    return values
