"""Tables of the several libraries: conversion between them, parts, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.arrow import from_arrow, to_arrow
from bunter.datastore.formats.table_library import kind_of, wanted_kind
from bunter.datastore.formats.units import frame_with_units, table_with_units, units_of_frame, units_of_table
from bunter.errors import FormatError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["rows_of", "same_columns", "same_tables", "selected", "table_component", "to_wanted"]


def to_wanted(obj: Any, python_type: str) -> Any:
    """Convert a table to the library of ``python_type``, as far as that is a wish about tables."""
    want, have = wanted_kind(python_type), kind_of(obj)
    if not want or want == have:
        return obj
    if not have:
        raise FormatError(
            f"a {type(obj).__name__} is no table; give an astropy Table, a pandas DataFrame or an Arrow table"
        )
    if want == "astropy" and have == "pandas":
        from astropy.table import Table

        return table_with_units(Table.from_pandas(obj), units_of_frame(obj))
    if want == "pandas" and have == "astropy":
        return frame_with_units(obj.to_pandas(), units_of_table(obj))
    return from_arrow(to_arrow(obj), want)


def rows_of(rows: Any) -> tuple[int, int]:
    """First row and the one behind the last, as ``(begin, end)`` gives them; FormatError for anything else."""
    try:
        begin, end = (int(row) for row in rows)
    except (TypeError, ValueError) as exc:
        raise FormatError(f"rows is (begin, end), counted from 0, not {rows!r}") from exc
    if not 0 <= begin <= end:
        raise FormatError(f"rows is (begin, end), counted from 0, not ({begin}, {end})")
    return begin, end


def selected(table: Any, parameters: Any) -> Any:
    """Columns and rows of an astropy table that are asked for; FormatError for other parameters."""
    if unknown := set(parameters) - {"columns", "rows"}:
        more = "; filters are for tables kept as Parquet" if "filters" in unknown else ""
        raise FormatError(
            f"a table is read with the parameters columns and rows, not {', '.join(sorted(unknown))}{more}"
        )
    if (rows := parameters.get("rows")) is not None:
        begin, end = rows_of(rows)
        table = table[begin:end]
    if (columns := parameters.get("columns")) is None:
        return table
    names = [columns] if isinstance(columns, str) else list(columns)
    if missing := [name for name in names if name not in table.colnames]:
        raise FormatError(f"the table has no column {', '.join(missing)}; it has {', '.join(table.colnames)}")
    return table[names]


def table_component(table: Any, component: str) -> object:
    """Return ``columns`` (names), ``rowcount``, ``schema`` (types by column) or ``meta`` of a table."""
    kind = kind_of(table)
    if component == "rowcount":
        return int(table.num_rows if kind == "arrow" else len(table))
    if component == "columns":
        names = {"astropy": "colnames", "arrow": "column_names"}.get(kind, "columns")
        return [str(name) for name in getattr(table, names)]
    if component == "schema":
        return {field.name: str(field.type) for field in to_wanted(table, "pyarrow:Table").schema}
    if component == "meta" and kind == "astropy":
        return dict(table.meta)
    raise FormatError(f"a table has no component {component!r}; there are columns, rowcount, schema and meta")


def same_tables(old: Table, new: Table) -> bool:
    """Whether two astropy tables have equal columns, units, meta and values, NaN with NaN."""
    if old.colnames != new.colnames or len(old) != len(new) or dict(old.meta) != dict(new.meta):
        return False
    return all(same_columns(old[name], new[name]) for name in old.colnames)


def same_columns(one: Any, two: Any) -> bool:
    """Whether two columns have equal dtype, unit, mask and values, NaN with NaN."""
    import numpy as np

    if getattr(one, "unit", None) != getattr(two, "unit", None) or type(one) is not type(two):
        return False
    if not isinstance(one, np.ndarray):
        return bool(np.all(one == two))
    if one.dtype != two.dtype or one.shape != two.shape:
        return False
    mask = np.ma.getmaskarray(one)
    if not np.array_equal(mask, np.ma.getmaskarray(two)):
        return False
    old, new = (np.asarray(np.ma.getdata(column))[~mask] for column in (one, two))
    return bool(np.array_equal(old, new, equal_nan=one.dtype.kind in "fc"))
