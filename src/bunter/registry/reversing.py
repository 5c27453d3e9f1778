"""What undoes a change: the changes that make anew what it removed, and take away what it made, as things stand now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.registry.removed_rows import reverse_removals
from bunter.registry.reversal import Reversal
from bunter.registry.reversed_collections import reverse_collections
from bunter.registry.reversed_members import reverse_members
from bunter.registry.reversed_types import reverse_types

if TYPE_CHECKING:
    from bunter.database import Connection
    from bunter.registry.roster import Roster

__all__ = ["reversal"]


def reversal(connection: Connection, roster: Roster, number: int, *, kept: bool) -> Reversal:
    """Say how a change is undone.

    Parameters
    ----------
    connection : Connection
        In a snapshot or a transaction.
    roster : Roster
        What there is now.
    number : int
        Number of the change.
    kept : bool
        Whether the files of the datasets that it removed are kept, so that these can come back.
    """
    found = Reversal(number, roster)
    reverse_types(connection, found)
    reverse_collections(connection, found)
    reverse_removals(connection, found, kept=kept)
    reverse_members(connection, found)
    _name_additions(connection, found)
    return found


def _name_additions(connection: Connection, found: Reversal) -> None:
    """Datasets that a change added stay: to remove them is a deed of its own, which says what goes along."""
    sql = (
        "SELECT t.name, k.name, count(*) FROM dataset d JOIN dataset_type t ON t.number = d.type "
        "JOIN collection k ON k.number = d.run WHERE d.added = ? GROUP BY t.name, k.name ORDER BY 1, 2"
    )
    for kind, run, count in connection.fetchall(sql, (found.number,)):
        found.conflicts.append(
            f"it added {count} {kind!r} to {run!r}, which undoing does not take away; `bunter prune-datasets REPO {run} "
            f"-d {kind}` or `bunter remove-runs REPO {run}` does"
        )
