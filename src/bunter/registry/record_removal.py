"""Dimension records changed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database import IntegrityError
from bunter.errors import ConflictingDefinitionError, DimensionValueError, OrphanedRecordError
from bunter.registry.layout import SKY_COLUMNS, element_table
from bunter.registry.presence import require_named
from bunter.registry.record_changes import sky_columns
from bunter.registry.record_references import companions, references
from bunter.registry.relations import quoted
from bunter.values import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.database import Transaction
    from bunter.dataset.record_changes import RemoveRecords, UpdateRecords
    from bunter.dimensions import Element
    from bunter.registry.roster import Roster

__all__ = ["remove_records", "update_records"]


def update_records(tx: Transaction, roster: Roster, change: UpdateRecords) -> int:
    """Change fields of records; return how many records."""
    element = _stored(roster, change.element)
    columns = dict(change.columns)
    rows = len(columns[element.required[-1]])
    require_named(tx, element, columns)
    if "region" in columns:
        columns |= dict(zip(SKY_COLUMNS, sky_columns(columns["region"]), strict=True))
    fields = [name for name in columns if name not in element.required]
    values = zip(*(columns[name] for name in (*fields, *element.required)), strict=True)
    facts = ", ".join(f"{quoted(name)} = ?" for name in fields)
    which = " AND ".join(f"{quoted(name)} = ?" for name in element.required)
    _require_there(tx, element, columns)
    if fields and rows:
        try:
            with tx.savepoint():
                tx.executemany(f"UPDATE {quoted(element_table(element))} SET {facts} WHERE {which}", values)
        except IntegrityError as exc:
            alternates = ", ".join(column.name for column in element.alternate_keys)
            raise ConflictingDefinitionError(
                f"two {element.name} records would have the same {alternates or 'key'}; nothing was changed"
            ) from exc
    return rows


def remove_records(tx: Transaction, roster: Roster, change: RemoveRecords) -> int:
    """Remove records that nothing refers to, with those that travel with them; return how many of the element."""
    element = _stored(roster, change.element)
    rows = list(dict.fromkeys(zip(*(change.columns[name] for name in element.required), strict=True)))
    if not rows:
        return 0
    if found := [each for each in references(tx, roster, element, change.columns) if each.kind != "along"]:
        raise OrphanedRecordError(
            f"{counted(len(rows), f'{element.name} record')} cannot go: {' and '.join(map(str, found))} "
            f"refer to {'it' if len(rows) == 1 else 'them'}; remove these first"
        )
    for each in companions(element):
        _delete(tx, each, element.required, rows)
    count = _delete(tx, element, element.required, rows)
    if element.governor:
        tx.touch()
    return count


def _stored(roster: Roster, name: str) -> Element:
    element = roster.universe[name]
    if not element.has_table:
        raise ConflictingDefinitionError(f"{name!r} has no records of its own")
    return element


def _require_there(tx: Transaction, element: Element, columns: Mapping[str, Sequence[Any]]) -> None:
    rows = zip(*(columns[name] for name in element.required), strict=True)
    table = tx.upload("changed", len(element.required), rows)
    equal = " AND ".join(f"t.{quoted(name)} = q.c{place}" for place, name in enumerate(element.required))
    known = f"SELECT 1 FROM {quoted(element_table(element))} t WHERE {equal}"
    absent = tx.fetchone(f"SELECT * FROM {table} q WHERE NOT EXISTS ({known}) LIMIT 1")
    if absent is not None:
        said = ", ".join(f"{name}={value!r}" for name, value in zip(element.required, absent, strict=True))
        raise DimensionValueError(
            f"there is no {element.name} with {said} to change; insert it, "
            f"or see `bunter query-dimension-records REPO {element.name}`"
        )


def _delete(tx: Transaction, element: Element, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
    table = tx.upload("gone", len(names), rows)
    values = ", ".join(map(quoted, names))
    places = ", ".join(f"c{place}" for place in range(len(names)))
    gone = f"({values}) IN (SELECT {places} FROM {table})"
    return int(tx.execute(f"DELETE FROM {quoted(element_table(element))} WHERE {gone}").rowcount)
