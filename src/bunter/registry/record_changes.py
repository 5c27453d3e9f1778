"""Dimension records put into their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database import IntegrityError
from bunter.errors import ConflictingDefinitionError
from bunter.registry.layout import SKY_COLUMNS, element_columns, element_table
from bunter.registry.presence import require_parents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Transaction
    from bunter.dataset.changes import InsertRecords
    from bunter.dimensions import Element, Records
    from bunter.registry.roster import Roster

__all__ = ["insert_records", "sky_columns"]


def insert_records(tx: Transaction, _roster: Roster, change: InsertRecords) -> int:
    """Put records into their table; return how many were new, or replaced."""
    records = change.records
    element = records.element
    if not element.has_table:
        raise ConflictingDefinitionError(f"{element.name!r} has no records of its own{_instead(element)}")
    if not len(records):
        return 0
    require_parents(tx, records)
    try:
        with tx.savepoint():
            count = tx.executemany(_insertion(element, change.on_conflict), _rows(records))
    except IntegrityError as exc:
        raise _conflict(tx, records) from exc
    if change.on_conflict == "same":
        _refuse_difference(tx, records)
    if element.governor:  # defaults of data IDs depend on how many there are
        tx.touch()
    return count


def _instead(element: Element) -> str:
    if element.implied_union_target is not None:
        return f"; its values are those that {element.implied_union_target} records name"
    return "; its values are pixels of the sky"


def _columns(element: Element) -> tuple[str, ...]:
    return element_columns(element) + (tuple(SKY_COLUMNS) if element.spatial is not None else ())


def _insertion(element: Element, on_conflict: str) -> str:
    columns = _columns(element)
    names = ", ".join(f'"{name}"' for name in columns)
    sql = f'INSERT INTO "{element_table(element)}" ({names}) VALUES ({", ".join("?" * len(columns))})'
    if on_conflict == "fail":
        return sql
    key = ", ".join(f'"{name}"' for name in element.required)
    facts = ", ".join(f'"{name}" = excluded."{name}"' for name in columns if name not in element.required)
    if on_conflict == "replace" and facts:
        return f"{sql} ON CONFLICT ({key}) DO UPDATE SET {facts}"
    return f"{sql} ON CONFLICT ({key}) DO NOTHING"


def _rows(records: Records) -> Any:
    element = records.element
    columns = [records.columns[name] for name in element_columns(element)]
    if element.spatial is not None:
        columns += sky_columns(records.columns["region"])
    return zip(*columns, strict=True)


def sky_columns(regions: Sequence[bytes | None]) -> list[list[Any]]:
    """Work out the circles around the regions and their cells, in columns of SKY_COLUMNS."""
    import numpy as np

    from bunter.geometry import caps
    from bunter.geometry.cells import cells_of

    known = [place for place, region in enumerate(regions) if region is not None]
    circles = caps([region for region in regions if region is not None])
    columns = [*circles[:, :3].T, np.cos(circles[:, 3]), np.sin(circles[:, 3]), cells_of(circles)]
    if len(known) == len(regions):
        return [column.tolist() for column in columns]
    full = np.full((len(SKY_COLUMNS), len(regions)), None, dtype=object)
    for row, column in zip(full, columns, strict=True):
        row[known] = column.tolist()
    return [column.tolist() for column in full]


def _conflict(tx: Transaction, records: Records) -> ConflictingDefinitionError:
    element = records.element
    for names in (element.required, *((*element.requires, key.name) for key in element.alternate_keys)):
        table = tx.upload("new", len(names), records.tuples(names))
        equal = " AND ".join(f't."{name}" = q.c{place}' for place, name in enumerate(names))
        found = tx.fetchone(f'SELECT q.* FROM {table} q JOIN "{element_table(element)}" t ON {equal} LIMIT 1')
        twice = ", ".join(f"c{place}" for place in range(len(names)))
        found = found or tx.fetchone(f"SELECT {twice} FROM {table} GROUP BY {twice} HAVING count(*) > 1 LIMIT 1")
        if found is not None:
            said = ", ".join(f"{name}={value!r}" for name, value in zip(names, found, strict=True))
            return ConflictingDefinitionError(
                f"{element.name} with {said} is there already, or given twice; skip those that are there, or replace them"
            )
    return ConflictingDefinitionError(f"a value of these {element.name} records must not be empty, or conflicts")


def _refuse_difference(tx: Transaction, records: Records) -> None:
    element = records.element
    names = element_columns(element)
    facts = [name for name in names if name not in element.required]
    if not facts:
        return
    table = tx.upload("new", len(names), records.tuples(names))
    place = {name: f"q.c{n}" for n, name in enumerate(names)}
    equal = " AND ".join(f't."{name}" = {place[name]}' for name in element.required)
    differs = " OR ".join(f't."{name}" IS DISTINCT FROM {place[name]}' for name in facts)
    there = ", ".join(f't."{name}"' for name in names)
    sql = f'SELECT q.*, {there} FROM {table} q JOIN "{element_table(element)}" t ON {equal} WHERE {differs} LIMIT 1'
    if (found := tx.fetchone(sql)) is not None:
        raise _difference(element, names, found[: len(names)], found[len(names) :])


def _difference(
    element: Element, names: Sequence[str], new: Sequence[Any], there: Sequence[Any]
) -> ConflictingDefinitionError:
    said = ", ".join(f"{name}={value!r}" for name, value in zip(names, new, strict=True) if name in element.required)
    pairs = [
        f"{name} is {_short(old)}, not {_short(value)}"
        for name, old, value in zip(names, there, new, strict=True)
        if old != value
    ]
    return ConflictingDefinitionError(
        f"{element.name} with {said} differs from what is there: {'; '.join(pairs)}. Update it if the new values are right"
    )


def _short(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)
