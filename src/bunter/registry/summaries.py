"""What collections hold, counted: exact, and by few statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType
from bunter.registry.relations import quoted
from bunter.registry.snapshots import table_of
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import Summaries
    from bunter.registry.layout import GroupLayout
    from bunter.registry.roster import Roster

__all__ = ["Holdings", "holdings", "summaries"]


@dataclass(frozen=True, slots=True)
class Holdings:
    """What collections hold, as SELECTs that others may count or join.

    Parameters
    ----------
    keys : tuple of str
        Columns that tell one row of a summary from another: collection, type and the governors.
    selections : list of str
        SELECTs of the keys and ``id``: one row for each dataset and collection.
    """

    keys: tuple[str, ...]
    selections: list[str]

    @property
    def columns(self) -> list[str]:
        """The keys as SQL identifiers."""
        return [quoted(name) for name in self.keys]


def holdings(roster: Roster, inquiry: Summaries) -> Holdings:
    """Compose one SELECT for each dimension group, whatever the number of collections."""
    rows = [roster.collections.row(name) for name in inquiry.collections]
    by_type = {each: ", ".join(str(row.number) for row in rows if row.type is each) for each in CollectionType}
    named = _governors(roster)
    layouts = {row.layout.number: row.layout for row in roster.rows.values()}.values()
    parts = [list(_held(layout, by_type, named, together=inquiry.together)) for layout in layouts]
    return Holdings(
        ("collection", "type", *named), [_united(each, distinct=inquiry.together) for each in parts if each]
    )


def _governors(roster: Roster) -> tuple[str, ...]:
    universe = next((layout.dimensions.universe for layout in roster.layouts.values()), None)
    return () if universe is None else tuple(e.name for e in universe.elements.values() if e.governor)


def _united(parts: list[str], *, distinct: bool) -> str:
    body = " UNION ALL ".join(parts)
    return f"SELECT DISTINCT * FROM ({body}) u" if distinct and len(parts) > 1 else body


def _held(
    layout: GroupLayout, by_type: Mapping[CollectionType, str], named: tuple[str, ...], *, together: bool
) -> Iterator[str]:
    """Select from the table of each type of collection; a dataset certified for several ranges is one."""
    values = "".join(
        f", d.{quoted(name)} AS {quoted(name)}" if name in layout.dimensions.required else f", NULL AS {quoted(name)}"
        for name in named
    )
    tables = [(CollectionType.RUN, source) for source in layout.sources]
    tables += [(CollectionType.TAGGED, layout.tags), (CollectionType.CALIBRATION, layout.calibrations)]
    for kind, table in tables:
        if numbers := by_type[kind]:
            number = "d.run" if kind is CollectionType.RUN else "d.collection"
            living = "" if kind is CollectionType.RUN else f" AND {layout.living('d')}"
            several = together or kind is CollectionType.CALIBRATION
            yield (
                f"SELECT {'DISTINCT ' if several else ''}{0 if together else number} AS collection, d.type AS type{values}, "
                f"d.id AS id FROM {table} d WHERE {number} IN ({numbers}){living}"
            )


def summaries(
    connection: Connection, roster: Roster, inquiry: Summaries, sizes: Mapping[tuple[Any, ...], int] | None = None
) -> pa.Table:
    """Answer `Summaries`; the bytes are what those have found who know the artifacts, by the keys of the holdings."""
    pa = pyarrow()
    held = holdings(roster, inquiry)
    place = {roster.collections.row(name).number: number for number, name in enumerate(inquiry.collections)}
    rows = []
    for collection, kind, *values, number in _counts(connection, held):
        name = None if inquiry.together else roster.collections.name(collection)
        size = None if sizes is None else sizes.get((collection, kind, *values), 0)
        rows.append((place.get(collection, 0), roster.by_number[kind].dataset_type.name, values, name, number, size))
    rows.sort(key=lambda row: (row[0], row[1], [value or "" for value in row[2]]))
    schema = {
        "collection": pa.string(),
        "dataset_type": pa.string(),
        **dict.fromkeys(held.keys[2:], pa.string()),
        "datasets": pa.int64(),
        "bytes": pa.int64(),
    }
    return table_of(schema, [(name, kind, *values, number, size) for _, kind, values, name, number, size in rows])


def _counts(connection: Connection, held: Holdings) -> Iterator[tuple[Any, ...]]:
    keys = ", ".join(held.columns)
    parts = [f"SELECT {keys}, count(*) AS datasets FROM ({sql}) h GROUP BY {keys}" for sql in held.selections]
    if parts:
        found: dict[tuple[Any, ...], int] = {}
        for *key, number in connection.fetchall(" UNION ALL ".join(parts)):
            found[tuple(key)] = found.get(tuple(key), 0) + number
        yield from ((*key, number) for key, number in found.items())
