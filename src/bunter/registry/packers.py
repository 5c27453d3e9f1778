"""Layouts of packers, kept for as long as their numbers may be met."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bunter.dimensions import Layout, Packer
from bunter.errors import ConflictingDefinitionError
from bunter.registry.layout import LIVE
from bunter.values import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.dataset.inquiries import Packers
    from bunter.dataset.repository_changes import DefinePacker
    from bunter.registry.roster import Roster

__all__ = ["define_packer", "packers"]


def define_packer(tx: Transaction, roster: Roster, change: DefinePacker) -> bool:
    """Keep a layout; say whether it is new, or wider than the one that is there."""
    layout = Layout.from_dict(change.layout)
    Packer(layout, roster.universe)
    fixed, text = json.dumps(dict(layout.fixed)), json.dumps(layout.to_dict())
    where = "WHERE name = ? AND fixed = ? AND retired = ?"
    known = tx.fetchone(f"SELECT layout FROM packer {where}", (layout.name, fixed, LIVE))
    if known is not None:
        old = Layout.from_dict(json.loads(known[0]))
        if old == layout:
            return False
        if not layout.extends(old):
            raise ConflictingDefinitionError(
                f"packer {layout.name!r} is {Packer(old, roster.universe)!r}, and numbers may be about that would mean "
                f"something else in {Packer(layout, roster.universe)!r}; define another packer, under a new name"
            )
        tx.execute(f"UPDATE packer SET retired = ? {where}", (tx.next_change(), layout.name, fixed, LIVE))
    row = (layout.name, fixed, text, tx.next_change())
    tx.bulk_insert("packer", ["name", "fixed", "layout", "added"], [row])
    return True


def packers(connection: Connection, _roster: Roster, inquiry: Packers) -> pa.Table:
    """See `bunter.dataset.inquiries.Packers`."""
    pa = pyarrow()
    names = ["name", "fixed", "layout", "change", "time"]
    rows = connection.fetchall(
        "SELECT p.name, p.fixed, p.layout, p.added, c.committed FROM packer p JOIN change c ON c.n = p.added "
        "WHERE p.retired = ? AND (p.name = ? OR ? = '') ORDER BY p.name, p.fixed",
        (LIVE, inquiry.name, inquiry.name),
    )
    kinds = [pa.string(), pa.string(), pa.string(), pa.int64(), pa.int64()]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)})
