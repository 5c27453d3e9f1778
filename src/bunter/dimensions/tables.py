"""Tables of every kind, taken apart into columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bunter.errors import DimensionValueError

if TYPE_CHECKING:
    from bunter.dimensions.element import Element

__all__ = ["columns_of", "is_table"]


def is_table(given: object, element: Element) -> bool:
    """Say whether something is a table of rows: of astropy, Arrow, pandas, polars, NumPy, or a mapping of columns.

    A mapping is one row unless one of the element's keys in it is a list or an array.
    """
    if isinstance(given, Mapping):
        names = (*element.required, *([element.key.name] if element.key else []))
        return any(_is_column(given.get(name)) for name in names)
    return _is_arrow(given) or _is_frame(given) or _has_names(given)


def columns_of(given: Any) -> dict[str, Any]:
    """Return the columns of a table by name: Arrow arrays where possible, else lists or astropy's columns.

    Raises
    ------
    DimensionValueError
        If columns are of different lengths, or there is nothing to tell columns by.
    """
    if isinstance(given, Mapping):
        columns = dict(given)
    elif _is_arrow(given):
        columns = {name: given.column(place) for place, name in enumerate(given.schema.names)}
    elif _is_frame(given):
        columns = {str(name): _series(given[name]) for name in given.columns}
    else:
        names = getattr(given, "colnames", None) or given.dtype.names
        columns = {name: given[name] for name in names}
    lengths = {name: len(column) for name, column in columns.items() if _is_column(column)}
    if len(set(lengths.values())) > 1:
        raise DimensionValueError(
            f"columns have different lengths: {', '.join(f'{name} has {length}' for name, length in lengths.items())}"
        )
    size = next(iter(lengths.values()), 0)
    return {name: column if name in lengths else [column] * size for name, column in columns.items()}


def _is_column(given: object) -> bool:
    if isinstance(given, list):
        return True
    array = hasattr(given, "to_pylist") or hasattr(given, "__array__") or hasattr(given, "jd1")
    return array and hasattr(given, "__len__") and not isinstance(given, str | bytes)


def _is_arrow(given: object) -> bool:
    return hasattr(given, "schema") and hasattr(given, "num_rows")


def _is_frame(given: object) -> bool:
    return type(given).__name__ == "DataFrame" and type(given).__module__.partition(".")[0] in {"pandas", "polars"}


def _has_names(given: object) -> bool:
    return hasattr(given, "colnames") or bool(getattr(getattr(given, "dtype", None), "names", None))


def _series(series: Any) -> Any:
    """Return a column of a data frame as an Arrow array; as a list if it holds other objects."""
    from bunter.values.arrow import pyarrow

    pa = pyarrow()
    try:
        return series.to_arrow() if hasattr(series, "to_arrow") else pa.Array.from_pandas(series)
    except (pa.ArrowException, TypeError, ValueError):
        return [None if value is None or value != value else value for value in series]  # noqa: PLR0124 - NaN
    except BaseException as error:  # polars raises a panic for columns of objects
        if type(error).__name__ != "PanicException":
            raise
        return list(series)
