"""Conversions between table types, and of figures to pictures. Units and metadata survive where both types hold them."""

from __future__ import annotations

import json
from typing import Any

_UNIT = b"unit"
_META = b"bunter.meta"


def arrow_from_astropy(table: Any) -> Any:
    """Arrow table of an astropy one: units in the fields' metadata, the table's plain metadata as JSON."""
    import numpy as np

    from bunter.values import pyarrow

    pa = pyarrow()

    arrays, fields = [], []
    for column in table.itercols():
        values = np.ma.getdata(np.asanyarray(getattr(column, "value", column)))
        array = _arrow_array(values, getattr(column, "mask", None))
        unit = None if column.unit is None else {_UNIT: str(column.unit).encode()}
        arrays.append(array)
        fields.append(pa.field(column.info.name, array.type, metadata=unit))
    meta = {_META: json.dumps(dict(table.meta), default=str).encode()} if table.meta else None
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=meta))


def _arrow_array(values: Any, mask: Any) -> Any:
    import numpy as np

    from bunter.values import pyarrow

    pa = pyarrow()

    if values.ndim > 1:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if values.dtype.kind == "f" and values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("="))
    return pa.array(values.tolist() if values.dtype.kind in "UO" else values, mask=mask)


def astropy_from_arrow(table: Any) -> Any:
    """Astropy table of an Arrow one; columns with nulls become masked ones."""
    from astropy.table import Table

    columns = {field.name: _column(table.column(field.name), field) for field in table.schema}
    meta = (table.schema.metadata or {}).get(_META)
    return Table(columns, meta=json.loads(meta) if meta else None, copy=False)


def _column(chunked: Any, field: Any) -> Any:
    import numpy as np

    from bunter.values import pyarrow

    pa = pyarrow()
    from astropy.table import Column, MaskedColumn

    unit = (field.metadata or {}).get(_UNIT)
    unit = unit.decode() if unit else None
    array = chunked.combine_chunks()
    if pa.types.is_fixed_size_list(array.type):
        values = array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)
        return Column(values, unit=unit)
    if array.null_count:
        mask = array.is_null().to_numpy(zero_copy_only=False)
        filler: Any = "" if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) else 0
        filled = array.fill_null(pa.scalar(filler).cast(array.type)) if not pa.types.is_null(array.type) else array
        return MaskedColumn(_plain(filled.to_numpy(zero_copy_only=False)), mask=mask, unit=unit)
    values = _plain(array.to_numpy(zero_copy_only=False))
    return Column(values if len(values) else np.asarray(values), unit=unit)


def _plain(values: Any) -> Any:
    if values.dtype == object and len(values) and all(isinstance(value, str) for value in values):
        return values.astype(str)
    return values


def arrow_from_pandas(frame: Any) -> Any:
    """Arrow table of a pandas one, index included."""
    from bunter.values import pyarrow

    pa = pyarrow()

    return pa.Table.from_pandas(frame)


def pandas_from_arrow(table: Any) -> Any:
    """Pandas table of an Arrow one."""
    return table.to_pandas()


def astropy_from_pandas(frame: Any) -> Any:
    """Astropy table of a pandas one; a named index becomes a column."""
    from astropy.table import Table

    return Table.from_pandas(frame, index=frame.index.name is not None)


def pandas_from_astropy(table: Any) -> Any:
    """Pandas table of an astropy one; units and metadata have no place there."""
    return table.to_pandas()


def arrow_from_polars(frame: Any) -> Any:
    """Arrow table of a polars one."""
    return frame.to_arrow()


def pandas_from_polars(frame: Any) -> Any:
    """Pandas table of a polars one."""
    return pandas_from_arrow(arrow_from_polars(frame))


def polars_from_arrow(table: Any) -> Any:
    """Polars table of an Arrow one; units and metadata have no place there."""
    import polars as pl

    return pl.from_arrow(table)


def polars_from_astropy(table: Any) -> Any:
    """Polars table of an astropy one; units and metadata have no place there."""
    return polars_from_arrow(arrow_from_astropy(table))


def polars_from_pandas(frame: Any) -> Any:
    """Polars table of a pandas one; an index with values of its own becomes a column."""
    return polars_from_arrow(arrow_from_pandas(frame))


def astropy_from_polars(frame: Any) -> Any:
    """Astropy table of a polars one."""
    return astropy_from_arrow(frame.to_arrow())


def png_from_figure(figure: Any) -> bytes:
    """PNG of a figure, the same bytes for the same figure."""
    import io

    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
