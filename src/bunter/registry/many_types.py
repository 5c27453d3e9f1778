"""Datasets of many types at once, by data IDs: one statement for a dimension group whatever the number of types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType
from bunter.registry.attach import Attachments
from bunter.registry.catalog import BunterCatalog
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import Among
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["among"]


def among(connection: Connection, roster: Roster, inquiry: Among) -> pa.Table:
    """Answer `Among`."""
    kinds = [roster.type_row(name) for name in inquiry.dataset_types]
    group = kinds[0].dataset_type.dimensions
    rows: Iterable[tuple[Any, ...]] = ()
    if inquiry.rows and inquiry.collections:
        table = connection.upload("among", len(inquiry.keys), inquiry.rows)
        parts = list(_parts(roster, kinds, inquiry, table))
        rows = connection.fetchall(" UNION ALL ".join(parts)) if parts else ()
    order = {roster.collections.row(name).number: place for place, name in enumerate(inquiry.collections)}
    chosen = _chosen(rows, order, find_first=inquiry.find_first)
    place_of = {kind.number: place for place, kind in enumerate(kinds)}
    chosen.sort(key=lambda row: (place_of[row[0]], row[4:], order[row[3]]))
    names = ("type", "id", "run", "collection", *group.required)
    columns: dict[str, Any] = {name: [row[place] for row in chosen] for place, name in enumerate(names)}
    if chosen:
        Attachments(connection, BunterCatalog(roster, connection), group, group.required)(columns)
    return _table(roster, group, columns)


def _parts(roster: Roster, kinds: Sequence[TypeRow], inquiry: Among, table: str) -> Iterator[str]:
    """Select from the table of each type of collection."""
    layout = kinds[0].layout
    rows = [roster.collections.row(name) for name in inquiry.collections]
    numbers = {each: [row.number for row in rows if row.type is each] for each in CollectionType}
    values = "".join(f', d."{name}"' for name in layout.dimensions.required)
    # The data IDs come first: they are few, and each finds its datasets by key.
    join = " AND ".join(f'd."{name}" = q.c{place}' for place, name in enumerate(inquiry.keys))
    every = _listed(kind.number for kind in kinds)
    timed = _listed(kind.number for kind in kinds if kind.dataset_type.is_calibration)
    held = f"d.type, d.id, d.run, d.run{values}"
    member = f"d.type, d.id, d.run, d.collection{values}"
    living = f" AND {layout.living('d')}"
    for source in layout.sources:
        if runs := numbers[CollectionType.RUN]:
            where = f"d.type IN ({every}) AND d.run IN ({_listed(runs)})"
            yield f"SELECT {held} FROM {table} q CROSS JOIN {source} d WHERE {join} AND {where}"
    if tags := numbers[CollectionType.TAGGED]:
        where = f"d.type IN ({every}) AND d.collection IN ({_listed(tags)}){living}"
        yield f"SELECT {member} FROM {table} q CROSS JOIN {layout.tags} d WHERE {join} AND {where}"
    if timed and (certified := numbers[CollectionType.CALIBRATION]):
        where = f"d.type IN ({timed}) AND d.collection IN ({_listed(certified)}){living}"
        yield f"SELECT DISTINCT {member} FROM {table} q CROSS JOIN {layout.calibrations} d WHERE {join} AND {where}"


def _chosen(rows: Iterable[tuple[Any, ...]], order: dict[int, int], *, find_first: bool) -> list[tuple[Any, ...]]:
    """Keep, for each type and data ID, what the first collection has."""
    if not find_first:
        return list(rows)
    best: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        key = (row[0], *row[4:])
        known = best.get(key)
        if known is None or order[row[3]] < order[known[3]]:
            best[key] = row
    return list(best.values())


def _table(roster: Roster, group: Any, columns: dict[str, Any]) -> pa.Table:
    pa = pyarrow()
    kinds = {"int": pa.int64(), "str": pa.string(), "hash": pa.binary()}
    name = roster.collections.name
    arrays: dict[str, Any] = {
        "dataset_type": pa.array(
            [roster.by_number[number].dataset_type.name for number in columns["type"]], pa.string()
        ),
        "id": pa.array(columns["id"], pa.binary(16)),
        "run": pa.array([name(number) for number in columns["run"]], pa.string()),
        "collection": pa.array([name(number) for number in columns["collection"]], pa.string()),
    }
    for key in group.data_id_keys:
        values = columns.get(key, [])
        arrays[key] = (
            values if isinstance(values, pa.Array) else pa.array(values, kinds[group.universe.key_column(key).kind])
        )
    return pa.table(arrays)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
