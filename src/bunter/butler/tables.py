"""Arrow tables as the tables that users know: ids become text, all else stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.errors import MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

__all__ = ["plain_rows", "to_astropy", "to_pandas", "to_polars"]

_FAR = 2**62  # ns: beyond the year 2116 in either direction an end is open


def _with_text_ids(table: pa.Table) -> pa.Table:
    from bunter.values import pyarrow

    pa = pyarrow()

    for place, column in enumerate(table.schema):
        if column.type == pa.binary(16):
            text = [None if value is None else str(UUID(bytes=value)) for value in table.column(place).to_pylist()]
            table = table.set_column(place, column.name, pa.array(text, pa.string()))
    return table


def to_astropy(table: pa.Table) -> Table:
    """Return an astropy table; nulls are masked, regions stay bytes."""
    import numpy as np
    from astropy.table import MaskedColumn, Table

    result = Table()
    for name, column in zip(table.column_names, _with_text_ids(table).columns, strict=True):
        values = column.to_pylist()
        if column.null_count == 0 and values and not isinstance(values[0], bytes):
            result[name] = np.array(values)
        else:
            mask = [value is None for value in values]
            fill: Any = next((type(value)() for value in values if value is not None), "")
            dtype = object if isinstance(fill, bytes) else None
            result[name] = MaskedColumn([fill if value is None else value for value in values], mask=mask, dtype=dtype)
    return result


def to_pandas(table: pa.Table) -> Any:
    """Return a pandas data frame."""
    try:
        return _with_text_ids(table).to_pandas()
    except ImportError as exc:
        raise MissingExtraError("pandas is not installed; `pip install 'bunter[pandas]'` brings it") from exc


def to_polars(table: pa.Table) -> Any:
    """Return a polars data frame."""
    try:
        import polars as pl
    except ImportError as exc:
        raise MissingExtraError("polars is not installed; `pip install 'bunter[polars]'` brings it") from exc
    return pl.from_arrow(_with_text_ids(table))


def plain_rows(table: pa.Table) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return column names and rows as text and numbers for printing; regions are left out, times become ISO TAI."""
    from bunter.values import format_instant, pyarrow

    pa = pyarrow()
    table = _with_text_ids(table)
    kept = [column.name for column in table.schema if not pa.types.is_binary(column.type)]
    columns = []
    for name in kept:
        values = table.column(name).to_pylist()
        if name in ("timespan_begin", "timespan_end", "ingest_date"):
            values = [None if value is None or abs(value) > _FAR else format_instant(value) for value in values]
        columns.append(values)
    return kept, list(zip(*columns, strict=True)) if columns else []
