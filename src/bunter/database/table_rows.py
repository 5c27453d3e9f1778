"""Rows of a table as Arrow record batches, and back, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database.cloning import Copied, RowSum, row_batches
from bunter.errors import DatabaseDamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from bunter.database.connection import Connection, Row, Transaction
    from bunter.database.shape import TableShape

__all__ = ["arrow_schema", "copy_rows", "rows_of"]


def arrow_schema(shape: TableShape) -> pa.Schema:
    """Return the columns of a table as Arrow has them."""
    import pyarrow as pa

    kinds = {
        "INTEGER": pa.int64(), "TEXT": pa.string(), "REAL": pa.float64(), "BLOB": pa.large_binary(), "BOOLEAN": pa.bool_(),
    }  # fmt: skip
    return pa.schema([(column.name, kinds[column.type]) for column in shape.columns])


def rows_of(connection: Connection, shape: TableShape, told: Callable[[Copied], None]) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a table, and at the end tell how many there were, and their fingerprint.

    Raises
    ------
    DatabaseDamagedError
        If a value is not of its column's type.
    """
    import pyarrow as pa

    schema = arrow_schema(shape)
    total = RowSum(shape)
    truths = [place for place, column in enumerate(shape.columns) if column.type == "BOOLEAN"]
    for rows in row_batches(connection, shape):
        total.add(rows)
        columns: list[Any] = list(zip(*rows, strict=True))
        for place in truths:
            columns[place] = [None if value is None else bool(value) for value in columns[place]]
        try:
            arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as exc:
            raise DatabaseDamagedError(
                f"table {shape.name} has a value that is not of its column's type ({exc}); see `bunter check`"
            ) from exc
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    told(total.result(shape.name))


def copy_rows(transaction: Transaction, shape: TableShape, batches: Iterable[pa.RecordBatch]) -> Copied:
    """Put rows into an empty table; return how many there were, and their fingerprint."""
    total = RowSum(shape)

    def rows() -> Iterator[Row]:
        for batch in batches:
            some = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
            total.add(some)
            yield from some

    transaction.copy(shape.name, shape.names, rows())
    return total.result(shape.name)
