"""Columns of views: data-ID values with what they imply, and the fields of dimension records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.registry.layout import element_table
from bunter.registry.relations import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.database.view_text import ViewText
    from bunter.dimensions import DimensionGroup, Element

__all__ = ["data_id_columns", "data_id_text", "data_id_values", "record_columns"]

_RESERVED = frozenset(
    {"run", "id", "id_bytes", "ingested", "ingested_ns", "change_number", "dataset_type", "type_number"}
)


def data_id_columns(group: DimensionGroup) -> tuple[list[str], list[str]]:
    """Return the columns of the dimensions of a group, and the joins that bring those that are implied."""
    values, joins = data_id_values(group)
    return [f"{value} AS {quoted(_column(name))}" for name, value in values.items()], joins


def data_id_values(group: DimensionGroup) -> tuple[dict[str, str], list[str]]:
    """Return SQL of each dimension of a group, for datasets ``d``, and the joins that bring those that are implied.

    The joins are outer ones over primary keys: a database leaves them out where nobody asks for their columns.
    """
    values = {name: f"d.{quoted(name)}" for name in group.required}
    joins: list[str] = []
    pending = [element for element in group.elements if element.implies and element.has_table]
    while ready := [element for element in pending if set(element.required) <= values.keys()]:
        for element in ready:
            pending.remove(element)
            new = [name for name in element.implies if name in group.implied and name not in values]
            if new:
                alias = f"r{len(joins)}"
                on = " AND ".join(f"{alias}.{quoted(name)} = {values[name]}" for name in element.required)
                joins.append(f"LEFT JOIN {quoted(element_table(element))} {alias} ON {on}")
                values |= {name: f"{alias}.{quoted(name)}" for name in new}
    return values, joins


def _column(name: str) -> str:
    return f"{name}_value" if name in _RESERVED else name


def data_id_text(group: DimensionGroup) -> str:
    """Return SQL of a data ID as one text, such as ``instrument=DECam, detector=3``."""
    comma = ", "
    parts = [f"'{comma if place else ''}{name}=' || d.{quoted(name)}" for place, name in enumerate(group.required)]
    return " || ".join(parts) or "''"


def record_columns(text: ViewText, element: Element) -> Iterator[str]:
    """Columns of an element's records: bytes as hexadecimal digits, times both as text and in ns."""
    for column in element.columns:
        name = quoted(column.name)
        if column.kind == "hash":
            yield f"{text.hex(f'r.{name}')} AS {name}"
        elif column.kind == "timespan":
            yield f"{text.instant('r.timespan_begin')} AS begin_tai"
            yield f"{text.instant('r.timespan_end')} AS end_tai"
            yield f"{text.bound('r.timespan_begin')} AS begin_ns"
            yield f"{text.bound('r.timespan_end')} AS end_ns"
        else:
            yield f"r.{name} AS {name}"
