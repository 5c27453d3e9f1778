"""Whether the values in data IDs and records are known: checked for all rows at once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bunter.errors import DimensionValueError, InconsistentDataIdError
from bunter.registry.layout import element_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.database import Connection
    from bunter.dimensions import DimensionGroup, Element, Records, Universe

__all__ = ["require_named", "require_parents", "require_values"]

_FEW = 4


def require_values(connection: Connection, dimensions: DimensionGroup, values: Mapping[str, Sequence[Any]]) -> None:
    """Refuse data IDs with values that no dimension record has.

    Parameters
    ----------
    connection : Connection
        Where to look.
    dimensions : DimensionGroup
        Dimensions of the data IDs.
    values : mapping of str to sequence
        Columns of the required dimensions.

    Raises
    ------
    DimensionValueError
        If a value is unknown; names the first one.
    """
    checked = _checked_elements(dimensions)
    if _all_there(connection, dimensions, [values[name] for name in dimensions.required]):
        return
    for element, names in checked:
        _require(connection, element, names, (values[name] for name in names), "datasets that have it")


def _all_there(connection: Connection, dimensions: DimensionGroup, columns: Sequence[Sequence[Any]]) -> bool:
    """Say of one data ID, in one statement, that it is known: where it is not, more is to be found out."""
    if not columns or len(columns[0]) != 1 or (sql := _exist(dimensions)) is None:
        return False
    (known,) = connection.fetchone(sql, [column[0] for column in columns]) or (None,)
    return known is not None


@cache
def _exist(dimensions: DimensionGroup) -> str | None:
    """Return a statement for one data ID, None where a single look would not be less than one for each element."""
    checked = _checked_elements(dimensions)
    if len(checked) < 2 or any(element.skypix for element, _ in checked):
        return None
    place = {name: number for number, name in enumerate(dimensions.required, 1)}
    looks = [
        _exists(dimensions.universe, element.name, names, tuple(f"?{place[name]}" for name in names))
        for element, names in checked
    ]
    return f"SELECT {' + '.join(f'({look})' for look in looks)}"


def require_parents(connection: Connection, records: Records) -> None:
    """Refuse records that speak of others which are not there.

    Raises
    ------
    InconsistentDataIdError
        If a required or implied value is unknown; names the first one.
    """
    require_named(connection, records.element, records.columns)


def require_named(connection: Connection, element: Element, given: Mapping[str, Sequence[Any]]) -> None:
    """Refuse columns of an element's records, not always all of them, that speak of others which are not there."""
    for parent in _parents(element):
        names = parent.required if parent.has_table else (parent.name,)
        if parent.name not in given:
            continue
        columns = [given[name] for name in names]
        try:
            _require(connection, parent, names, columns, f"{element.name} records that have it")
        except DimensionValueError as exc:
            raise InconsistentDataIdError(str(exc)) from exc


@cache
def _checked_elements(dimensions: DimensionGroup) -> tuple[tuple[Element, tuple[str, ...]], ...]:
    """Pick the elements whose records imply that all others are there."""
    universe = dimensions.universe
    required = [universe[name] for name in dimensions.required]
    finest = [e for e in required if not any(e.name in other.requires for other in required)]
    return tuple((e, e.required if e.has_table else (e.name,)) for e in finest)


@cache
def _parents(element: Element) -> tuple[Element, ...]:
    universe = element.universe
    required = [universe[name] for name in element.requires]
    finest = [parent for parent in required if not any(parent.name in other.requires for other in required)]
    implied = [universe[name] for name in element.implies if universe[name].implied_union_target != element.name]
    return (*finest, *implied)


def _require(
    connection: Connection, element: Element, names: tuple[str, ...], columns: Iterable[Sequence[Any]], what_for: str
) -> None:
    rows = set(zip(*columns, strict=True))
    if any(None in row for row in rows):  # an implied value may be unknown
        rows = {row for row in rows if None not in row}
    absent = _absent_pixel(element, rows) if element.skypix else _absent_row(connection, element, names, rows)
    if absent is not None:
        said = ", ".join(f"{name}={value!r}" for name, value in zip(names, absent, strict=True))
        where = f"pixels of {element.name} are {_pixels(element)}" if element.skypix else _advice(element, what_for)
        raise DimensionValueError(f"no {element.name} with {said}; {where}")


def _advice(element: Element, what_for: str) -> str:
    name = element.implied_union_target or element.name
    return f"insert the {name} record before {what_for}, or see `bunter query-dimension-records REPO {name}`"


def _absent_row(
    connection: Connection, element: Element, names: tuple[str, ...], rows: set[tuple[Any, ...]]
) -> tuple[Any, ...] | None:
    if len(rows) <= _FEW:
        sql = _exists(element.universe, element.name, names, ("?",) * len(names))
        return next((row for row in rows if connection.fetchone(sql, row) is None), None)
    table = connection.upload("presence", len(names), rows)
    return connection.fetchone(_missing(element.universe, element.name, names, table))


@cache
def _exists(universe: Universe, name: str, names: tuple[str, ...], values: tuple[str, ...]) -> str:
    conditions = " AND ".join(f'"{column}" = {value}' for column, value in zip(names, values, strict=True))
    return f'SELECT 1 FROM "{_table(universe, name)}" WHERE {conditions} LIMIT 1'


@cache
def _missing(universe: Universe, name: str, names: tuple[str, ...], table: str) -> str:
    conditions = " AND ".join(f'r."{column}" = q.c{place}' for place, column in enumerate(names))
    known = f'SELECT 1 FROM "{_table(universe, name)}" r WHERE {conditions}'
    return f"SELECT * FROM {table} q WHERE NOT EXISTS ({known}) LIMIT 1"


def _table(universe: Universe, name: str) -> str:
    element = universe[name]
    return element_table(universe[element.implied_union_target] if element.implied_union_target else element)


def _pixels(element: Element) -> str:
    first, last = _pixel_range(element.name)
    return f"{first} to {last}"


def _pixel_range(name: str) -> tuple[int, int]:
    level = int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))
    if name.startswith("htm"):
        return 8 << 2 * level, (16 << 2 * level) - 1
    return 0, (12 << 2 * level) - 1


def _absent_pixel(element: Element, rows: Iterable[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    first, last = _pixel_range(element.name)
    return next((row for row in rows if not first <= row[0] <= last), None)
