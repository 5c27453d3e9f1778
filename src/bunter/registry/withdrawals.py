"""What was taken away from collections and is not there again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.registry.layout import LIVE
from bunter.registry.snapshots import table_of
from bunter.values import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import WithdrawnCollections, WithdrawnMembers
    from bunter.registry.roster import Roster

__all__ = ["withdrawn_collections", "withdrawn_members"]


def withdrawn_collections(connection: Connection, roster: Roster, inquiry: WithdrawnCollections) -> pa.Table:
    """Answer `WithdrawnCollections`."""
    del inquiry
    pa = pyarrow()
    catalog = roster.collections
    names = connection.fetchall(
        f"SELECT name FROM collection WHERE retired < {LIVE} UNION SELECT name FROM collection_former"
    )
    links = connection.fetchall(
        "SELECT DISTINCT p.name, k.name FROM collection_chain l JOIN collection p ON p.number = l.parent "
        f"JOIN collection k ON k.number = l.child WHERE l.retired < {LIVE} AND p.retired = {LIVE}"
    )
    rows: list[tuple[Any, ...]] = [(name, None) for (name,) in names if name not in catalog]
    rows += [(parent, child) for parent, child in links if child not in catalog.row(parent).children]
    return table_of({"name": pa.string(), "child": pa.string()}, sorted(rows, key=lambda row: (row[0], row[1] or "")))


def withdrawn_members(connection: Connection, roster: Roster, inquiry: WithdrawnMembers) -> pa.Table:
    """Answer `WithdrawnMembers`."""
    pa = pyarrow()
    kind = roster.type_row(inquiry.dataset_type)
    mine = (
        f"t.type = {kind.number} AND t.retired < {LIVE} AND t.collection IN "
        f"(SELECT number FROM collection WHERE name = ? AND retired = {LIVE})"
    )
    again = f"o.id = t.id AND o.type = t.type AND o.collection = t.collection AND o.retired = {LIVE}"
    same = "o.timespan_begin = t.timespan_begin AND o.timespan_end = t.timespan_end"
    tags, ranges = kind.layout.tags, kind.layout.calibrations
    tagged = (
        f"SELECT DISTINCT t.id, NULL, NULL FROM {tags} t WHERE {mine} "
        f"AND NOT EXISTS (SELECT 1 FROM {tags} o WHERE {again})"
    )
    certified = (
        f"SELECT DISTINCT t.id, t.timespan_begin, t.timespan_end FROM {ranges} t WHERE {mine} "
        f"AND NOT EXISTS (SELECT 1 FROM {ranges} o WHERE {again} AND {same})"
    )
    rows = [row for body in (tagged, certified) for row in connection.fetchall(body, (inquiry.collection,))]
    schema = {"id": pa.binary(16), "timespan_begin": pa.int64(), "timespan_end": pa.int64()}
    return table_of(schema, rows)
