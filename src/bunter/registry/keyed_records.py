"""Dimension records by values of some of their columns, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions import Records
from bunter.dimensions.records import stored_columns
from bunter.registry.layout import element_table

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import KeyedRecords
    from bunter.registry.roster import Roster

__all__ = ["keyed_records"]


def keyed_records(connection: Connection, roster: Roster, inquiry: KeyedRecords) -> pa.Table:
    """Answer `KeyedRecords`."""
    element = roster.universe[inquiry.element]
    kinds = stored_columns(element)
    rows = _rows(connection, element, list(kinds), inquiry) if element.has_table else []
    columns: dict[str, list[Any]] = {name: [row[place] for row in rows] for place, name in enumerate(kinds)}
    for name in (name for name, kind in kinds.items() if kind == "bool"):
        columns[name] = [None if value is None else bool(value) for value in columns[name]]
    table: pa.Table = Records(element, columns).to_arrow()
    return table


def _rows(connection: Connection, element: Any, names: list[str], inquiry: KeyedRecords) -> list[tuple[Any, ...]]:
    keys = list(inquiry.keys.values())
    shown = ", ".join(f'r."{name}"' for name in names)
    place = element_table(element)
    if len(keys[0]) == 1:
        equal = " AND ".join(f'r."{name}" = ?' for name in inquiry.keys)
        return connection.fetchall(f'SELECT {shown} FROM "{place}" r WHERE {equal}', [key[0] for key in keys])
    table = connection.upload("keyed_records", len(keys), zip(*keys, strict=True))
    equal = " AND ".join(f'r."{name}" = q.c{number}' for number, name in enumerate(inquiry.keys))
    return connection.fetchall(f'SELECT {shown} FROM {table} q JOIN "{place}" r ON {equal}')
