"""Arrow tables as the tables that users know: ids become text, instants times, encoded regions regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.errors import MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

__all__ = ["Tabular", "plain_rows", "portable", "to_astropy", "to_pandas", "to_polars"]

_FAR = 2**62  # ns: beyond the year 2116 in either direction an end is open
_TIMES = frozenset({"timespan_begin", "timespan_end", "ingest_date"})


class Tabular:
    """Rows that are an Arrow table, and from it any table that users know."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """Return all rows as a pyarrow table."""
        raise NotImplementedError

    def to_table(self) -> Table:
        """Return all rows as an astropy table; ids are text, times TAI, open ends masked."""
        return to_astropy(self.to_arrow())

    def to_pandas(self) -> Any:
        """Return all rows as a pandas data frame; ids are text, times TAI, open ends NaT."""
        return to_pandas(self.to_arrow())

    def to_polars(self) -> Any:
        """Return all rows as a polars data frame; ids are text, times TAI, open ends null."""
        return to_polars(self.to_arrow())


def _with_text_ids(table: pa.Table) -> pa.Table:
    from bunter.values import pyarrow

    pa = pyarrow()

    for place, column in enumerate(table.schema):
        if column.type == pa.binary(16):
            text = [None if value is None else str(UUID(bytes=value)) for value in table.column(place).to_pylist()]
            table = table.set_column(place, column.name, pa.array(text, pa.string()))
    return table


def _is_time(field: pa.Field) -> bool:
    return (field.metadata or {}).get(b"kind") == b"time" or field.name in _TIMES


def _is_region(field: pa.Field) -> bool:
    return (field.metadata or {}).get(b"kind") == b"region" or field.name == "region"


def _data_id_first(table: pa.Table) -> pa.Table:
    """Move what tells one dataset's artifact from another behind what tells what the dataset is."""
    behind = [name for name in table.column_names if name.rpartition(".")[2] in ("id", "run", "uri")]
    return table.select([name for name in table.column_names if name not in behind] + behind)


def _with_times(table: pa.Table) -> pa.Table:
    """Make instants timestamps in ns; an open end is null."""
    import pyarrow.compute as pc

    from bunter.values import pyarrow

    pa = pyarrow()

    for place, column in enumerate(table.schema):
        if _is_time(column) and column.type == pa.int64():
            values = table.column(place)
            near = pc.and_(pc.greater(values, -_FAR), pc.less(values, _FAR))
            bounded = pc.if_else(near, values, pa.scalar(None, pa.int64()))
            table = table.set_column(place, column.name, bounded.cast(pa.timestamp("ns")))
    return table


def to_astropy(table: pa.Table) -> Table:
    """Return an astropy table: nulls and open ends are masked, instants are `~astropy.time.Time` (TAI), regions `Region`."""
    from astropy.table import Table

    table = _with_text_ids(_data_id_first(table))
    result = Table()
    for field, column in zip(table.schema, table.columns, strict=True):
        result[field.name] = _astropy_column(field, column)
    return result


def _astropy_column(field: pa.Field, column: pa.ChunkedArray) -> Any:
    import numpy as np
    from astropy.table import MaskedColumn

    values = column.to_pylist()
    if _is_time(field):
        return _times(values)
    if _is_region(field):
        from bunter.geometry import Region

        regions = np.empty(len(values), dtype=object)
        regions[:] = [None if value is None else Region.decode(value) for value in values]
        return regions
    dtype = _dtype(field.type)
    if column.null_count == 0:
        return np.array(values, dtype=dtype)
    fill: Any = 0 if dtype in (int, float, bool) else "" if dtype is str else None
    filled = [fill if value is None else value for value in values]
    return MaskedColumn(filled, mask=[value is None for value in values], dtype=dtype)


def _dtype(kind: pa.DataType) -> type:
    from bunter.values import pyarrow

    types = pyarrow().types
    for test, dtype in (
        (types.is_boolean, bool),
        (types.is_integer, int),
        (types.is_floating, float),
        (types.is_string, str),
    ):
        if test(kind):
            return dtype
    return object


def _times(values: list[int | None]) -> Any:
    """Return instants in ns TAI as one array of times; nulls and open ends are masked."""
    import numpy as np
    from astropy.time import Time

    opened = [value is None or abs(value) > _FAR for value in values]
    instants = np.array([0 if gone else value for value, gone in zip(values, opened, strict=True)], dtype=np.int64)
    days, rest = np.divmod(instants, 86_400_000_000_000)
    times = Time(2440587.5 + days, rest / 86_400_000_000_000, format="jd", scale="tai")
    times.format = "isot"
    if any(opened):
        times[np.array(opened)] = np.ma.masked
    return times


def to_pandas(table: pa.Table) -> Any:
    """Return a pandas data frame; instants are timestamps (TAI), an open end is NaT; MissingExtraError without pandas."""
    try:
        return _with_times(_with_text_ids(_data_id_first(table))).to_pandas()
    except ImportError as exc:
        raise MissingExtraError("pandas is not installed; `pip install 'bunter[pandas]'` brings it") from exc


def to_polars(table: pa.Table) -> Any:
    """Return a polars data frame; instants are timestamps (TAI), an open end is null; MissingExtraError without polars."""
    try:
        import polars as pl
    except ImportError as exc:
        raise MissingExtraError("polars is not installed; `pip install 'bunter[polars]'` brings it") from exc
    return pl.from_arrow(_with_times(_with_text_ids(_data_id_first(table))))


def portable(table: pa.Table) -> pa.Table:
    """Return a table that any program understands: ids as text, instants as timestamps (TAI), open ends null."""
    return _with_times(_with_text_ids(_data_id_first(table)))


def plain_rows(table: pa.Table, *, chosen: bool = False) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return column names and rows as text and numbers for printing; times become ISO TAI.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    chosen : bool
        Whether somebody chose the columns: they then keep their order, and regions are IVOA positions. Otherwise regions are
        left out.
    """
    from bunter.values import pyarrow

    pa = pyarrow()
    table = _with_text_ids(table if chosen else _data_id_first(table))
    kept = [field for field in table.schema if chosen or not pa.types.is_binary(field.type)]
    columns = [_plain_column(field, table.column(field.name).to_pylist()) for field in kept]
    return [field.name for field in kept], list(zip(*columns, strict=True)) if columns else []


def _plain_column(field: pa.Field, values: list[Any]) -> list[Any]:
    from bunter.values import format_instant

    if _is_time(field):
        return [None if value is None or abs(value) > _FAR else format_instant(_shown(value)) for value in values]
    if _is_region(field):
        from bunter.geometry import Region

        return [None if value is None else Region.decode(value).to_pos() for value in values]
    return values


def _shown(instant: int) -> int:
    """Round down to microseconds: a moment ends one nanosecond after it begins, which nobody wants to read."""
    return instant - instant % 1000
