"""Mirrors as DuckDB files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from bunter.errors import ConfigurationError, DatabaseBusyError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

__all__ = ["DuckDBTarget"]

_BOOK = "bunter_mirror"


class DuckDBTarget:
    """A DuckDB file with a table for each view; an update is one transaction.

    Parameters
    ----------
    path : Path
        The file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: Any = None

    @property
    def _duck(self) -> Any:
        if self._open is None:
            try:
                import duckdb
            except ImportError as exc:
                raise MissingExtraError(
                    "a mirror in DuckDB needs duckdb; `pip install 'bunter[mirror]'` brings it, and a folder as the target "
                    "gives Parquet files without it"
                ) from exc
            try:
                self._open = duckdb.connect(str(self._path))
            except duckdb.IOException as exc:
                if "lock" in str(exc).lower():
                    raise DatabaseBusyError(f"{self._path} is open in another program; close it there first") from exc
                raise ConfigurationError(f"{self._path} is no DuckDB file; choose another name") from exc
            self._open.execute("BEGIN")
        return self._open

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._open is not None:
            self._open.close()  # what was not committed is taken back
            self._open = None

    def since(self, repository: str) -> int:
        """See `MirrorTarget`."""
        if not self._path.exists():
            return 0
        tables = self._tables()
        if _BOOK not in tables:
            if tables:
                raise ConfigurationError(f"{self._path} is no mirror and is not empty; choose another name")
            return 0
        ((known, change),) = self._duck.execute(f"SELECT repository, change FROM {_BOOK}").fetchall()  # noqa: S608 - our name
        if known != repository:
            raise ConfigurationError(f"{self._path} is a mirror of {known}, not of {repository}; choose another name")
        return int(change)

    def _tables(self) -> set[str]:
        return {name for (name,) in self._duck.execute("SELECT table_name FROM duckdb_tables()").fetchall()}

    def counts(self) -> dict[str, int]:
        """See `MirrorTarget`."""
        names = self._tables() - {_BOOK}
        return {name: self._duck.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0] for name in names}  # noqa: S608 - our names

    def forget(self, tables: Sequence[str], ids: set[bytes]) -> None:
        """See `MirrorTarget`."""
        import pyarrow as pa

        known = self._tables()
        self._duck.register("gone", pa.table({"id": pa.array(sorted(ids), pa.binary())}))
        for name in tables:
            if name in known:
                self._duck.execute(f'DELETE FROM "{name}" WHERE id_bytes IN (SELECT id FROM gone)')  # noqa: S608 - our names
        self._duck.unregister("gone")

    def append(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """See `MirrorTarget`."""
        if table not in self._tables():
            return self.replace(table, schema, batches)
        return self._insert(table, batches)

    def replace(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """See `MirrorTarget`."""
        self._duck.register("fresh", schema.empty_table())
        self._duck.execute(f'CREATE OR REPLACE TABLE "{table}" AS SELECT * FROM fresh')  # noqa: S608 - our names
        self._duck.unregister("fresh")
        return self._insert(table, batches)

    def _insert(self, table: str, batches: Iterable[pa.RecordBatch]) -> int:
        import pyarrow as pa

        rows = 0
        for batch in batches:
            self._duck.register("fresh", pa.Table.from_batches([batch]))
            self._duck.execute(f'INSERT INTO "{table}" SELECT * FROM fresh')  # noqa: S608 - our names
            self._duck.unregister("fresh")
            rows += batch.num_rows
        return rows

    def finish(self, repository: str, until: int, tables: Sequence[str]) -> None:
        """See `MirrorTarget`."""
        for name in self._tables() - set(tables) - {_BOOK}:
            self._duck.execute(f'DROP TABLE "{name}"')
        self._duck.execute(f"CREATE OR REPLACE TABLE {_BOOK} (repository TEXT, change BIGINT)")
        self._duck.execute(f"INSERT INTO {_BOOK} VALUES (?, ?)", [repository, until])  # noqa: S608 - our names
        self._duck.execute("COMMIT")
