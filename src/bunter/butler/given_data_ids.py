"""Data IDs that a user has in a table of some kind, as columns to be joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions import DataCoordinate
from bunter.dimensions.coordinate import coerce_key
from bunter.errors import DimensionNameError, DimensionValueError, near
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.dimensions import Universe

__all__ = ["given_data_ids", "read_table"]


def read_table(path: str) -> Any:
    """Read a table of data IDs from a file: CSV, Parquet, or what astropy knows by its ending (ECSV, FITS, VOTable).

    Raises
    ------
    DimensionValueError
        If it cannot be read; the sentence names the file.
    """
    try:
        if path.endswith((".parquet", ".pq")):
            from pyarrow import parquet

            return parquet.read_table(path)
        from astropy.table import Table

        return Table.read(path, format="ascii.csv" if path.endswith(".csv") else None)
    except Exception as error:  # readers of all kinds, each with errors of its own
        raise DimensionValueError(f"cannot read data IDs from {path}: {' '.join(str(error).split())[:200]}") from error


def given_data_ids(table: Any, universe: Universe) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Return the dimensions among the columns of a table, checked, and the other columns as they are.

    Parameters
    ----------
    table : table, mapping of columns, or iterable of data IDs
        An Arrow, astropy, pandas or polars table, the results of a query, a mapping from names to columns, or mappings and
        `DataCoordinate` one per row.
    universe : Universe
        The dimensions.

    Returns
    -------
    dimensions : dict of str to list
        Values by dimension, one per row.
    others : dict of str to object
        Columns that are no dimensions.

    Raises
    ------
    DimensionNameError
        If no column is a dimension.
    DimensionValueError
        If a value is none of its dimension, or a row lacks one.
    """
    columns = _columns(table)
    known = {name: values for name, values in columns.items() if _is_dimension(name, universe)}
    if not known:
        names = ", ".join(columns) or "none"
        hint = next((found for name in columns if (found := near(str(name), universe.dimensions))), "")
        raise DimensionNameError(f"no column of the data IDs is a dimension; there are {names}{hint}")
    sizes = {name: len(values) for name, values in known.items()}
    if len(set(sizes.values())) > 1:
        raise DimensionValueError(f"the columns of the data IDs have different lengths: {sizes}")
    others = {str(name): values for name, values in columns.items() if name not in known}
    return {name: _checked(name, values, universe) for name, values in known.items()}, others


def _is_dimension(name: object, universe: Universe) -> bool:
    return isinstance(name, str) and name in universe and universe[name].is_dimension


def _columns(table: Any) -> Mapping[Any, Any]:
    if hasattr(table, "to_arrow") and not hasattr(table, "column_names"):  # results of a query, polars
        table = table.to_arrow()
    if hasattr(table, "column_names"):
        return {name: table.column(name) for name in table.column_names}
    if hasattr(table, "colnames") or hasattr(table, "iloc"):  # astropy, pandas
        return {name: table[name] for name in (table.colnames if hasattr(table, "colnames") else table.columns)}
    if isinstance(table, DataCoordinate) or not hasattr(table, "items"):
        return _transposed([table] if isinstance(table, DataCoordinate) else table)
    columns: Mapping[Any, Any] = table
    if columns and all(isinstance(value, str | int) for value in columns.values()):
        return _transposed([columns])
    return columns


def _transposed(rows: Iterable[Any]) -> dict[Any, list[Any]]:
    found = [row.mapping if isinstance(row, DataCoordinate) else getattr(row, "data_id", row) for row in rows]
    mappings: Sequence[Mapping[Any, Any]] = [row.mapping if isinstance(row, DataCoordinate) else row for row in found]
    if not mappings:
        return {}
    if not all(hasattr(row, "keys") for row in mappings):
        raise DimensionValueError("data IDs are given as a table, or as mappings from dimension to value")
    names = dict.fromkeys(name for row in mappings for name in row)
    return {name: [row.get(name) for row in mappings] for name in names}


def _checked(name: str, values: Any, universe: Universe) -> list[Any]:
    """Check the distinct values of a column; there are few, whatever the number of rows."""
    listed = _listed(values)
    column = universe.key_column(name)
    if None in (distinct := set(listed)):
        raise DimensionValueError(f"row {listed.index(None)} of the data IDs has no value for {name!r}")
    fitting = {value: coerce_key(name, column.kind, column.length, _whole(value)) for value in distinct}
    if all(type(value) is type(fit) for value, fit in fitting.items()):
        return listed
    return [fitting[value] for value in listed]


def _whole(value: Any) -> Any:
    """Take a float that is whole for an int, since pandas makes floats of ints beside missing values."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _listed(values: Any) -> list[Any]:
    if hasattr(values, "to_pylist"):
        pa = pyarrow()
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        found: list[Any] = values.to_pylist()
        return found
    if hasattr(values, "mask"):  # astropy's masked columns know None by their own word
        import numpy as np

        hidden = np.ma.getmaskarray(np.ma.asarray(values))
        return [None if gone else value for value, gone in zip(values.tolist(), hidden.tolist(), strict=True)]
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)
