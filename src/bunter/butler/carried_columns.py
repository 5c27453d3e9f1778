"""Columns that stand beside the data IDs of a user's table, carried through to the rows that match them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.errors import DimensionValueError
from bunter.values import parse_instant, pyarrow
from bunter.values.arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pyarrow as pa

__all__ = ["Beside"]


class Beside:
    """Adds the columns of a user's table to rows of a result, by the data ID that both have.

    Of rows of the table that say the same data ID the first one counts. A column whose name the result has already is
    called ``given.<name>``. There is nothing to add where result and table share no dimension.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns of the result.
    keys : mapping of str to sequence
        Columns of the table that are dimensions.
    others : mapping of str to object
        The other columns: of Arrow, numpy, astropy or pandas, or lists.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns of the result with those of the table.

    Raises
    ------
    DimensionValueError
        If a column has another length, or values that Arrow has no type for.
    """

    def __init__(self, schema: pa.Schema, keys: Mapping[str, Sequence[object]], others: Mapping[str, Any]) -> None:
        names = set(schema.names)
        self._keys = tuple(name for name in keys if name in names)
        shared = [keys[name] for name in self._keys]
        self._columns = [_arrow(name, column) for name, column in others.items()] if shared else []
        rows = len(shared[0]) if shared else 0
        for name, column in zip(others, self._columns, strict=False):
            if len(column) != rows:
                raise DimensionValueError(f"column {name!r} has {len(column)} values beside {rows} data IDs")
        self._places = {} if not self._columns else _first_places(shared, rows)
        self.schema = schema
        for name, column in zip(others, self._columns, strict=False):
            field = pyarrow().field(
                f"given.{name}" if name in names else str(name), column.type, metadata=_kind(others[name])
            )
            self.schema = self.schema.append(field)

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows of the result with the columns of the table."""
        if not self._columns:
            return batch
        pa = pyarrow()
        wanted = _rows([values_of(batch.column(name)) for name in self._keys])
        places = pa.array(list(map(self._places.get, wanted)), pa.int64())
        return pa.RecordBatch.from_arrays(
            [*batch.columns, *(column.take(places) for column in self._columns)], schema=self.schema
        )


def _rows(columns: Sequence[Sequence[Any]]) -> Sequence[Hashable]:
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _first_places(columns: Sequence[Sequence[Any]], rows: int) -> dict[Hashable, int]:
    """Return the first place of each data ID: what comes first is written last."""
    return dict(zip(reversed(_rows(columns)), range(rows - 1, -1, -1), strict=True))


def _arrow(name: str, column: Any) -> pa.Array:
    pa = pyarrow()
    try:
        if isinstance(column, pa.ChunkedArray):
            return column.combine_chunks()
        if isinstance(column, pa.Array):
            return column
        if hasattr(column, "iloc"):
            return pa.Array.from_pandas(column)
        if isinstance(column, list | tuple):
            return pa.array(column)
        return _of_numpy(column)
    except (pa.ArrowException, TypeError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise DimensionValueError(f"column {name!r} beside the data IDs cannot be carried along: {said}") from error


def _of_numpy(column: Any) -> pa.Array:
    import numpy as np

    pa = pyarrow()
    if hasattr(column, "jd1"):  # a column of times
        return pa.array([parse_instant(each) for each in column], pa.int64())
    array = np.ma.asarray(getattr(column, "value", column) if hasattr(column, "unit") else column)
    if array.dtype.kind in "biuf" and array.ndim == 1:
        mask = np.ma.getmaskarray(array)
        return pa.array(np.ma.getdata(array), mask=mask if mask.any() else None)
    return pa.array(array.tolist())


def _kind(column: Any) -> dict[str, str] | None:
    return {"kind": "time"} if hasattr(column, "jd1") else None
