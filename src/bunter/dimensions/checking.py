"""Columns of values checked against an element's definition: whole columns at once where their type permits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions.moments import TIME_NAMES, bounds_of
from bunter.dimensions.values import coerced
from bunter.errors import DimensionNameError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions.column import Column
    from bunter.dimensions.element import Element

__all__ = ["checked_columns"]


def checked_columns(element: Element, given: Mapping[str, Any], *, partial: bool = False) -> dict[str, list[Any]]:
    """Return columns as `bunter.dimensions.Records` holds them.

    Parameters
    ----------
    element : Element
        What the rows are records of.
    given : Mapping
        Columns as users have them, by the names of fields; see `bunter.dimensions.tables.columns_of`.
    partial : bool
        Whether columns that are not given are left out; by default they are filled with unknown values.

    Raises
    ------
    DimensionNameError
        If the element has no such field, or a key is not given.
    DimensionValueError
        If a value is of the wrong type, too long, or missing; names the row, counted from 0.
    """
    named = _by_column(element, given)
    for name in element.required:
        if name not in named:
            raise DimensionNameError(f"records of {element.name!r} need a column {_shown(element, name)!r}")
    size = len(named[element.required[-1]])
    columns: dict[str, list[Any]] = {}
    for column in element.columns:
        if column.kind == "timespan":
            if not partial or any(name in named for name in TIME_NAMES):
                columns["timespan_begin"], columns["timespan_end"] = bounds_of(element.name, named, size)
        elif column.name in named:
            columns[column.name] = _checked(element, column, named[column.name])
        elif not partial:
            columns[column.name] = coerced(element.name, column, [None] * size)
    return columns


def _by_column(element: Element, given: Mapping[str, Any]) -> dict[str, Any]:
    """Name columns as tables do; ``id`` or ``name`` becomes the name of the dimension."""
    times = TIME_NAMES if element.temporal else ()
    known = {*element.field_names, *times}
    named: dict[str, Any] = {}
    for name, values in given.items():
        if name not in known:
            raise DimensionNameError(f"{element.name!r} has no field {name!r}{near(name, known)}; leave the column out")
        own = element.field(name).name if name not in times else name
        if own in named:
            raise DimensionNameError(f"{element.name!r} is given {own!r} twice, also as {name!r}; leave one out")
        named[own] = values
    return named


def _shown(element: Element, name: str) -> str:
    return element.key.name if element.key is not None and name == element.name else name


def _checked(element: Element, column: Column, values: Any) -> list[Any]:
    found = _at_once(column, values)
    return coerced(element.name, column, _listed(column, values)) if found is None else found


def _listed(column: Column, values: Any) -> Sequence[Any]:
    if hasattr(values, "to_pylist"):
        found: list[Any] = values.to_pylist()
    elif hasattr(values, "mask") or hasattr(values, "tolist"):
        plain = values.tolist()
        found = [value.decode() if isinstance(value, bytes) and column.kind == "str" else value for value in plain]
    else:
        found = list(values)
    if column.kind in {"int", "float"} and any(map(_is_nan, found)):
        found = [None if _is_nan(value) else value for value in found]
    return found


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN


def _at_once(column: Column, values: Any) -> list[Any] | None:
    """Check a column of one fitting type without looking at its values one by one; None if that cannot be told."""
    from bunter.values.arrow import pyarrow, values_of

    pa = pyarrow()
    array = _array(values)
    if array is None or (array.null_count and not column.nullable):
        return None
    try:
        fitting = _fitting(column, array)
    except pa.ArrowException:
        return None
    return None if fitting is None else values_of(fitting)


def _array(values: Any) -> Any:
    """Return what can be had as an Arrow array of plain values; None for the rest."""
    from bunter.values.arrow import pyarrow

    pa = pyarrow()
    if hasattr(values, "chunks"):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    if hasattr(values, "unit"):
        values = _without_unit(values)
    if getattr(getattr(values, "dtype", None), "kind", "O") in "iufbU":
        mask = getattr(values, "mask", None)
        plain = getattr(values, "data", values) if mask is not None else values
        return pa.array(plain, mask=None if mask is None or not getattr(mask, "shape", ()) else mask)
    return None


def _without_unit(values: Any) -> Any:
    """Return a column with a unit as plain numbers: times in seconds, angles in degrees, the rest as it is."""
    from astropy import units as u

    for unit in (u.s, u.deg):
        if values.unit is not None and values.unit.is_equivalent(unit) and values.unit != unit:
            factor = values.unit.to(unit)
            values = (
                values.value * factor if hasattr(values, "value") and not hasattr(values, "mask") else values * factor
            )
            break
    return getattr(values, "value", values)


def _fitting(column: Column, array: Any) -> Any:
    """Return the array in the column's own type, if all of its values may stand there."""
    import pyarrow.compute as pc

    from bunter.values.arrow import pyarrow

    pa = pyarrow()
    kind = array.type
    if column.kind == "int" and pa.types.is_integer(kind):
        return array.cast(pa.int64())
    if column.kind == "int" and pa.types.is_floating(kind):  # what pandas makes of integers with gaps
        return pc.if_else(pc.is_nan(array), pa.scalar(None, kind), array).cast(pa.int64()) if column.nullable else None
    if column.kind == "float" and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        numbers = array.cast(pa.float64())
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    if column.kind == "bool" and pa.types.is_boolean(kind):
        return array
    if column.kind == "str" and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return array.cast(pa.string()) if _are_texts(column, array) else None
    return None


def _are_texts(column: Column, array: Any) -> bool:
    import pyarrow.compute as pc

    longest = pc.max(pc.utf8_length(array)).as_py() or 0
    if column.length is not None and longest > column.length:
        return False
    if column.nullable:
        return True
    shortest = pc.min(pc.utf8_length(array)).as_py()
    return shortest != 0 and pc.all(pc.utf8_is_printable(array)).as_py() is not False
