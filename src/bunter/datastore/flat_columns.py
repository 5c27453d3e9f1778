"""Columns of arrays as columns that a database can have."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from bunter.errors import FormatError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["flat_columns"]

_FEW = 16
"""Arrays of so many elements at most have a column for each."""


def flat_columns(table: pa.Table) -> pa.Table:
    """Return a table of numbers, truths, texts and bytes.

    Arrays of one length, at most 16 elements, become columns ``name_0``, ``name_1`` ...; the elements of an array of several axes are counted
    in the order of C. Other arrays become texts in JSON. What is neither is left out.

    Parameters
    ----------
    table : pyarrow.Table
        With columns of any type.

    Raises
    ------
    FormatError
        If an element of an array would have the name of another column.
    """
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for field in table.schema:
        flat = _flat(field, table[field.name])
        if twice := columns.keys() & flat.keys():
            raise FormatError(f"the table has two columns that would be called {min(twice)!r}; rename one of them")
        columns |= flat
    return pa.table(columns)


def _flat(field: pa.Field, column: pa.ChunkedArray) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types as of

    if _is_plain(field.type):
        return {field.name: column}
    if of.is_fixed_size_list(field.type) and _is_plain(field.type.value_type) and field.type.list_size <= _FEW:
        return {f"{field.name}_{i}": pc.list_element(column, i) for i in range(field.type.list_size)}
    if _is_list(field.type):
        return {field.name: pa.array(map(_text, column.to_pylist()), pa.string())}
    return {}


def _is_plain(kind: Any) -> bool:
    from pyarrow import types as of

    checks = (of.is_boolean, of.is_integer, of.is_floating, of.is_string, of.is_large_string, of.is_binary)
    return any(check(kind) for check in checks)


def _is_list(kind: Any) -> bool:
    """Whether it is a list of numbers, truths or texts, or of such lists."""
    from pyarrow import types as of

    if not (of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind)):
        return False
    inner = kind.value_type
    return _is_list(inner) or (_is_plain(inner) and not of.is_binary(inner))


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
