"""What was changed about the repository itself: formats and universes, with the numbers of the changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bunter.values import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import Migrations
    from bunter.registry.roster import Roster

__all__ = ["migrations"]


def migrations(connection: Connection, _roster: Roster, _inquiry: Migrations) -> pa.Table:
    """See `bunter.dataset.inquiries.Migrations`."""
    pa = pyarrow()
    rows = connection.fetchall(
        'SELECT m.change, c.committed, c."user", m.kind, m.title, m.detail FROM migration m JOIN change c ON c.n = m.change '
        "ORDER BY m.change, m.kind, m.title"
    )
    schema = pa.schema(
        [
            ("change", pa.int64()),
            ("time", pa.int64()),
            ("user", pa.string()),
            ("kind", pa.string()),
            ("title", pa.string()),
            ("detail", pa.list_(pa.string())),
        ]
    )
    return pa.Table.from_pylist(
        [dict(zip(schema.names, (*row[:5], json.loads(row[5])), strict=True)) for row in rows], schema=schema
    )
