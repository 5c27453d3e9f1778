"""Tables of query results as the columns that graph building works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.graph.keys import Dictionary
from bunter.values import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.graph.keys import Array

__all__ = ["bytes_column", "identities", "key_column", "value_column"]


def key_column(table: pa.Table, name: str) -> Array | Dictionary:
    """Column of a dimension's values: int64, or a dictionary for texts and wherever there are nulls."""
    pa = pyarrow()
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # a table without batches
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_integer(column.type) and not column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    values = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Dictionary(np.asarray(values or [], None if values else np.int64), codes)


def value_column(table: pa.Table, name: str) -> Any:
    """Column of metadata as a masked array; texts and bytes as objects."""
    column = table.column(name)
    missing = np.asarray(column.is_null().to_numpy(), bool)
    if column.null_count or column.type.id in _object_kinds():
        values = column.to_pylist()
        fill: Any = next((type(value)() for value in values if value is not None), 0)
        filled = [fill if value is None else value for value in values]
        kind = object if isinstance(fill, bytes) else None
        array = np.empty(len(filled), object) if kind else np.asarray(filled)
        if kind:
            array[:] = filled
        return np.ma.masked_array(array, missing)
    return np.ma.masked_array(column.to_numpy(), missing)


def _object_kinds() -> set[int]:
    pa = pyarrow()
    return {kind.id for kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.bool_())}


def bytes_column(table: pa.Table, name: str) -> list[bytes | None]:
    """Column of bytes as a list."""
    found: list[bytes | None] = table.column(name).to_pylist()
    return found


def identities(table: pa.Table, name: str = "id") -> Array:
    """Column of ids as ``(n, 16) uint8``."""
    return np.frombuffer(b"".join(table.column(name).to_pylist()), np.uint8).reshape(-1, 16)
