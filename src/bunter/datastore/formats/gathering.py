"""Columns of a table filled group of rows by group of rows, so that no more than one group is in memory beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

__all__ = ["Gathered", "gathered"]


class Gathered:
    """A column that is filled from the first row on.

    Parameters
    ----------
    kind : DataType
        Its Arrow type. Numbers come into one array; of all else the Arrow arrays are kept.
    rows : int
        How many there will be.
    """

    def __init__(self, kind: pa.DataType, rows: int) -> None:
        import numpy as np
        import pyarrow as pa

        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        self.values: Any = np.empty(rows, kind.to_pandas_dtype()) if is_number else None
        self.mask: Any = None
        """Where there is no value, (rows,) bool; None if there is one everywhere."""
        self.chunks: list[Any] = []
        self._filled = 0

    def add(self, column: pa.ChunkedArray) -> None:
        """Take in the next rows."""
        if self.values is None:
            self.chunks += column.chunks
            return
        from bunter.datastore.formats.buffers import values_of

        for chunk in column.chunks:
            self._add_numbers(*values_of(chunk))

    def _add_numbers(self, values: Any, mask: Any) -> None:
        import numpy as np

        end = self._filled + len(values)
        self.values[self._filled : end] = values
        if mask is not None:
            if self.mask is None:
                self.mask = np.zeros(len(self.values), bool)
            self.mask[self._filled : end] = mask
        self._filled = end


def gathered(schema: pa.Schema, rows: int, groups: Iterable[pa.Table]) -> list[Gathered]:
    """Columns of a table that comes in groups of rows.

    Parameters
    ----------
    schema : Schema
        Columns and their types.
    rows : int
        Rows of all groups.
    groups : iterable of Table
        The groups, in order.
    """
    columns = [Gathered(field.type, rows) for field in schema]
    for group in groups:
        for index, column in enumerate(columns):
            column.add(group.column(index))
    return columns
