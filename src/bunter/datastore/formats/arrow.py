"""Tables to Arrow and back without loss: units, descriptions, meta, masks, dtypes and shapes travel in the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.gathering import Gathered, gathered
from bunter.datastore.formats.table_library import kind_of
from bunter.datastore.formats.units import frame_with_units, schema_with_units, table_with_units, units_of
from bunter.errors import FormatError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from astropy.table import Table

__all__ = ["astropy_from_groups", "from_arrow", "is_astropy", "to_arrow"]

_TABLE = b"bunter.table"
_COLUMN = b"bunter.column"
_FACTS = frozenset({"unit", "description", "format", "meta"})


def to_arrow(obj: Any) -> pa.Table:
    """Turn a table of any library into an Arrow table."""
    import pyarrow as pa

    kind = kind_of(obj)
    if kind == "arrow":
        return obj
    if kind == "astropy":
        return _astropy_to_arrow(obj)
    if kind == "pandas":
        return pa.Table.from_pandas(obj)
    if kind == "polars":
        return obj.to_arrow()
    raise FormatError(
        f"a {type(obj).__name__} is no table; give an astropy Table, a pandas DataFrame or an Arrow table"
    )


def from_arrow(table: pa.Table, want: str) -> Any:
    """Turn an Arrow table into one of a library; ``want`` as `kind_of` gives it, empty for what it was when written."""
    metadata = table.schema.metadata or {}
    want = want or _was(table.schema)
    if want == "arrow":
        return table.cast(schema_with_units(table.schema)) if _TABLE in metadata else table
    if want == "astropy":
        made = _arrow_to_astropy(table, json.loads(metadata[_TABLE]) if _TABLE in metadata else {})
        return made if _TABLE in metadata else table_with_units(made, units_of(table.schema))
    try:
        if want == "pandas":
            return frame_with_units(table.to_pandas(), units_of(table.schema))
        import polars as pl

        return pl.from_arrow(table)
    except ImportError as exc:
        raise MissingExtraError(f"{want} is not installed; `pip install bunter[{want}]` brings it") from exc


def _was(schema: pa.Schema) -> str:
    metadata = schema.metadata or {}
    return "astropy" if _TABLE in metadata else "pandas" if b"pandas" in metadata else "arrow"


def is_astropy(schema: pa.Schema, want: str) -> bool:
    """Whether `from_arrow` makes an astropy table of one with this schema."""
    return (want or _was(schema)) == "astropy"


def astropy_from_groups(schema: pa.Schema, rows: int, groups: Iterable[pa.Table]) -> Table:
    """Make an astropy table of groups of rows, of which only one is in memory at a time; see `from_arrow`."""
    notes = json.loads((schema.metadata or {}).get(_TABLE, b"{}"))
    columns = gathered(schema, rows, groups)
    made = []
    for field, column in zip(schema, columns, strict=True):
        note = _note(field)
        made.append(_to_column(field.name, note, *_from_gathered(field, note, column)))
    return _astropy(schema.names, made, notes)


def _from_gathered(field: pa.Field, note: dict[str, Any], column: Gathered) -> tuple[Any, Any]:
    import pyarrow as pa

    if column.values is None:
        return _from_array(pa.chunked_array(column.chunks, field.type), note)
    return _finished(column.values, column.mask, (len(column.values),), note)


def _astropy_to_arrow(table: Table) -> pa.Table:
    import pyarrow as pa

    notes: dict[str, Any] = {"class": type(table).__name__}
    if any(not _is_plain(column) for column in table.itercols()):
        table, notes["header"] = _without_mixins(table)
    else:
        notes["meta"] = _meta_note(table.meta)
    arrays, fields = [], []
    for column in table.itercols():
        array, note = _column_to_arrow(column)
        arrays.append(array)
        fields.append(pa.field(column.name, array.type, metadata={_COLUMN: json.dumps(note).encode()}))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata={_TABLE: json.dumps(notes).encode()}))


def _is_plain(column: Any) -> bool:
    from astropy.table import Column

    return isinstance(column, Column)


def _meta_note(meta: Any) -> Any:
    """Meta as JSON, or as astropy's YAML where JSON would change it."""
    plain = dict(meta)
    try:
        text = json.dumps(plain)
        if json.loads(text) == plain:
            return {"json": plain}
    except (TypeError, ValueError):
        pass
    from astropy.io.misc import yaml

    return {"yaml": yaml.dump(plain)}


def _read_meta(note: Any) -> dict[str, Any]:
    if not note:
        return {}
    if "json" in note:
        return dict(note["json"])
    from astropy.io.misc import yaml

    return dict(yaml.load(note["yaml"]))  # astropy's safe loader: knows units, times and coordinates, and nothing else


def _without_mixins(table: Table) -> tuple[Table, list[str]]:
    """Turn quantities, times and coordinates into plain columns, and a header that tells how to put them back."""
    from astropy.table import meta, serialize

    plain = serialize.represent_mixins_as_columns(table)
    return plain, list(meta.get_yaml_from_table(plain))


def _column_to_arrow(column: Any) -> tuple[pa.Array, dict[str, Any]]:
    import numpy as np

    data = np.ma.getdata(column).view(np.ndarray)
    mask = np.ma.getmaskarray(column).view(np.ndarray) if isinstance(column, np.ma.MaskedArray) else None
    note: dict[str, Any] = {"dtype": data.dtype.str, "masked": mask is not None}
    if data.dtype.kind == "O":
        if not all(isinstance(value, str | bytes | type(None)) for value in data.flat):
            raise FormatError(f"column {column.info.name!r} holds Python objects; give it a plain dtype")
    elif not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    if data.ndim > 1:
        note["shape"] = list(data.shape[1:])
        if mask is not None:
            note["mask"] = True
    note |= _column_notes(column)
    return _to_array(data, mask), note


def _column_notes(column: Any) -> dict[str, Any]:
    note: dict[str, Any] = {}
    if column.unit is not None:
        note["unit"] = column.unit.to_string()
    for name in ("description", "format"):
        if getattr(column, name) is not None:
            note[name] = str(getattr(column, name))
    if column.meta:
        note["meta"] = _meta_note(column.meta)
    return note


def _to_array(data: Any, mask: Any) -> pa.Array:
    """Arrow array of a column; a column of shape (N, m, ...) becomes lists of fixed length."""
    import pyarrow as pa

    from bunter.datastore.formats.buffers import array_of

    if data.dtype.kind == "c":  # as pairs of numbers: Arrow has no complex ones
        data = data.view(data.real.dtype).reshape((*data.shape, 2))
        mask = None if mask is None else mask[..., None].repeat(2, axis=-1)
    flat = array_of(data.reshape(-1), None if mask is None else mask.reshape(-1))
    for size in reversed(data.shape[1:]):
        flat = pa.FixedSizeListArray.from_arrays(flat, size)
    return flat


def _arrow_to_astropy(table: pa.Table, notes: dict[str, Any]) -> Table:
    schema = table.schema
    columns = []
    for chunks, field in zip(table.columns, schema, strict=True):
        note = _note(field)
        columns.append(_to_column(field.name, note, *_from_array(chunks, note)))
    return _astropy(schema.names, columns, notes)


def _astropy(names: list[str], columns: list[Any], notes: dict[str, Any]) -> Table:
    from astropy.table import QTable, Table

    kind = QTable if notes.get("class") == "QTable" else Table
    plain = Table(columns, names=names, copy=False)
    if "header" in notes:
        return _with_mixins(plain, notes["header"], kind)
    plain.meta.update(_read_meta(notes.get("meta")))
    return plain if kind is Table else QTable(plain, copy=False)


def _with_mixins(plain: Table, header_lines: list[str], kind: type[Table]) -> Table:
    """Put quantities, times and coordinates back together."""
    from astropy.table import meta, serialize

    header = meta.get_header_from_yaml(header_lines)
    if header.get("meta"):
        plain.meta.update(header["meta"])
    whole = serialize._construct_mixins_from_columns(plain)  # noqa: SLF001 - astropy's own readers call it so
    return kind(whole, copy=False)


def _note(field: pa.Field) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((field.metadata or {}).get(_COLUMN, b"{}"))
    return found


def _to_column(name: str, note: dict[str, Any], data: Any, mask: Any) -> Any:
    """Make a column; of one without mask and facts the table itself makes a column of the values."""
    if mask is None and _FACTS.isdisjoint(note):
        return data
    from astropy.table import Column, MaskedColumn

    options = {
        "name": name,
        "unit": note.get("unit"),
        "description": note.get("description"),
        "format": note.get("format"),
        "meta": _read_meta(note.get("meta")) or None,
    }
    if mask is not None:
        return MaskedColumn(data, mask=mask, copy=False, **options)
    return Column(data, copy=False, **options)


def _from_array(chunks: pa.ChunkedArray, note: dict[str, Any]) -> tuple[Any, Any]:
    """Values and mask (None where there is none) of a column."""
    import numpy as np
    import pyarrow as pa

    from bunter.datastore.formats.buffers import values_of

    array = chunks.combine_chunks() if chunks.num_chunks != 1 else chunks.chunk(0)
    shape: list[int] = []
    while pa.types.is_fixed_size_list(array.type):
        shape.append(array.type.list_size)
        array = array.flatten()
    data, mask = values_of(array, np.dtype(note["dtype"]) if "dtype" in note else None)
    if data.dtype.kind == "O" and mask is not None and note.get("dtype") != "|O":
        data[mask] = b"" if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type) else ""
    return _finished(data, mask, (len(chunks), *shape), note)


def _finished(data: Any, mask: Any, full: tuple[int, ...], note: dict[str, Any]) -> tuple[Any, Any]:
    """Values and mask as the column had them."""
    import numpy as np

    if note.get("masked") and mask is None:
        mask = np.zeros(len(data), bool)
    if not note.get("masked") and data.dtype.kind == "O" and note.get("dtype") == "|O":
        mask = None
    return _shaped(data, mask, full, note)


def _shaped(data: Any, mask: Any, full: tuple[int, ...], note: dict[str, Any]) -> tuple[Any, Any]:
    import numpy as np

    dtype = np.dtype(note["dtype"]) if "dtype" in note else None
    if dtype is None and data.dtype.kind == "O" and all(isinstance(value, str) for value in data):
        dtype = np.dtype(f"<U{max((len(value) for value in data), default=1)}")
    data = data.reshape(full)
    mask = None if mask is None else mask.reshape(full)
    if dtype is not None and dtype.kind == "c":
        data = np.ascontiguousarray(data).view(dtype.newbyteorder("=")).reshape(full[:-1])
        return data, None if mask is None else mask[..., 0]
    if dtype is not None and data.dtype != dtype:
        data = data.astype(dtype)
    elif not data.flags.writeable:
        data = data.copy()
    return data, mask
