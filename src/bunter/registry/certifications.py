"""Validity ranges with their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.registry.layout import LIVE
from bunter.registry.snapshots import table_of
from bunter.values import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import Certifications
    from bunter.registry.roster import Roster

__all__ = ["certifications"]


def certifications(connection: Connection, roster: Roster, inquiry: Certifications) -> pa.Table:
    """Answer `Certifications`; rows are in the order of the change that added them, then of data ID and time."""
    pa = pyarrow()
    kind = roster.type_row(inquiry.dataset_type)
    rows_of = map(roster.collections.row, roster.collections.flatten(inquiry.collections))
    numbers = {row.number: row.name for row in rows_of if row.type is CollectionType.CALIBRATION}
    dimensions = kind.dataset_type.dimensions
    names = "".join(f', t."{name}"' for name in dimensions.required)
    seen = "TRUE" if roster.as_of is None else f"t.added <= {roster.as_of}"
    known = LIVE if roster.as_of is None else roster.as_of + 1
    sql = (
        f"SELECT t.id, t.run, t.collection, t.timespan_begin, t.timespan_end{names}, t.added, a.committed, "
        f'a."user", t.retired, r.committed, r."user" FROM {kind.layout.calibrations} t JOIN change a ON a.n = t.added '
        f"LEFT JOIN change r ON r.n = t.retired WHERE t.type = {kind.number} AND {seen} "
        f"AND t.collection IN ({', '.join(map(str, numbers)) or 'NULL'}) ORDER BY t.added{names}, t.timespan_begin"
    )
    schema = {
        "id": pa.binary(16),
        "run": pa.string(),
        "collection": pa.string(),
        "timespan_begin": pa.int64(),
        "timespan_end": pa.int64(),
        **{
            name: pa.int64() if dimensions.universe.key_column(name).kind == "int" else pa.string()
            for name in dimensions.required
        },
        "added": pa.int64(),
        "added_time": pa.int64(),
        "added_by": pa.string(),
        "retired": pa.int64(),
        "retired_time": pa.int64(),
        "retired_by": pa.string(),
    }
    name = roster.collections.name
    rows = []
    for id_, run, collection, *rest, retired, when, who in connection.fetchall(sql):
        end = (retired, when, who) if retired < known else (None, None, None)
        rows.append((id_, name(run), numbers[collection], *rest, *end))
    return table_of(schema, rows)
