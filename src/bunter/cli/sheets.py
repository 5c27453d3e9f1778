"""Results on their way out: Arrow tables batch by batch, cut at a limit, with columns of all when put one below the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from bunter.butler.results import Results

__all__ = ["Sheet", "Window", "united"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one result.

    Parameters
    ----------
    name : str
        What tells it from other results that are printed together: a dataset type; empty if it stands alone.
    results : Results
        The rows.
    finish : callable, optional
        Adds columns to each table of rows.
    """

    name: str
    results: Results[Any]
    finish: Callable[[pa.Table], pa.Table] | None = None

    def tables(self, window: Window) -> Iterator[pa.Table]:
        """Yield the rows that the window leaves, batch by batch; nothing is held but one batch."""
        import pyarrow as pa

        if window.left == 0 and not window.warns:
            return
        for batch in window.asked(self.results).to_reader():
            table = window.cut(pa.Table.from_batches([batch]))
            if table.num_rows:
                yield self._finished(table)

    def schema(self) -> pa.Schema:
        """Return the columns of the tables."""
        return self._finished(self.results.to_reader().schema.empty_table()).schema

    def _finished(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        table = table if self.finish is None else self.finish(table)
        if not self.name:
            return table
        return table.add_column(0, "dataset_type", pa.repeat(pa.scalar(self.name), table.num_rows))


@dataclass(slots=True)
class Window:
    """How many rows may still be printed.

    Parameters
    ----------
    limit : int
        At most this many; 0 for all. With a minus sign the same, and it is told if there were more.
    """

    limit: int
    left: int | None = field(init=False)
    shown: int = field(init=False, default=0)
    was_cut: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.left = abs(self.limit) or None

    @property
    def warns(self) -> bool:
        """Whether it is told if there were more."""
        return self.limit < 0

    def asked(self, results: Results[Any]) -> Results[Any]:
        """Ask for no more rows than may be printed, and one more to know whether there are more."""
        return results if self.left is None else results.limit(self.left + self.warns)

    def cut(self, table: pa.Table) -> pa.Table:
        """Take the rows that may be printed from a table."""
        if self.left is not None:
            self.was_cut |= table.num_rows > self.left
            table = table.slice(0, self.left)
            self.left -= table.num_rows
        self.shown += table.num_rows
        return table


def united(sheets: Iterable[Sheet], window: Window) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """Put sheets one below the other, with all columns of all; what a sheet does not have is null."""
    import pyarrow as pa

    every = list(sheets)
    schemas = [sheet.schema() for sheet in every]
    schema = _ordered(pa.unify_schemas(schemas)) if len(every) > 1 else schemas[0]

    def tables() -> Iterator[pa.Table]:
        for sheet in every:
            for table in sheet.tables(window):
                yield _filled(table, schema)

    return schema, tables()


def _ordered(schema: pa.Schema) -> pa.Schema:
    """Keep what tells artifacts apart behind the data IDs."""
    import pyarrow as pa

    behind = ("id", "run", "uri")
    fields = list(schema)
    return pa.schema([f for f in fields if f.name not in behind] + [f for f in fields if f.name in behind])


def _filled(table: pa.Table, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = [
        table.column(each.name) if each.name in table.column_names else pa.nulls(table.num_rows, each.type)
        for each in schema
    ]
    return pa.table(columns, schema=schema)
