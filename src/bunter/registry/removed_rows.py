"""Datasets that a change removed, and what is still known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset import DatasetColumns
from bunter.dataset.changes import AddDatasets
from bunter.registry.annotations import remove_annotations
from bunter.registry.reversal import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Connection, Transaction
    from bunter.registry.reversal import Reversal
    from bunter.registry.roster import TypeRow

__all__ = ["forget_beside", "names_of", "present", "reverse_removals"]


def reverse_removals(connection: Connection, found: Reversal, *, kept: bool) -> None:
    """Add the datasets again that a change removed, if their files are kept; places that others have are conflicts."""
    sql = "SELECT type, run, count(*) FROM removed_dataset WHERE removed = ? GROUP BY type, run ORDER BY type, run"
    for number, run, count in connection.fetchall(sql, (found.number,)):
        what, where = _names(connection, number, run)
        if not kept:
            found.conflicts.append(
                f"{count} {what!r} of {where!r} are not kept; datastore.trash_days in bunter.yaml, or --keep-days, says for how "
                "many days what is removed should be"
            )
        elif (kind := found.kinds.get(number)) is None:
            found.conflicts.append(
                f"the dataset type {what!r} was removed after {count} datasets of it; undo its removal first"
            )
        elif run not in found.names:
            found.conflicts.append(
                f"the run {where!r} was removed after {count} {what!r} of it; undo its removal first"
            )
        else:
            _bring_back(connection, found, kind, run, number)


def _names(connection: Connection, kind: int, run: int) -> tuple[str, str]:
    [(what,)] = connection.fetchall("SELECT name FROM dataset_type WHERE number = ?", (kind,))
    [(where,)] = connection.fetchall("SELECT name FROM collection WHERE number = ?", (run,))
    return what, where


def _bring_back(connection: Connection, found: Reversal, kind: TypeRow, run: int, number: int) -> None:
    """Add the datasets of one type and run; ``number`` is that of the type as it was then."""
    name, catalog = found.names[run], found.roster.collections
    required = kind.dataset_type.dimensions.required
    names = "".join(f', r."{key}"' for key in required)
    same = "".join(f' AND o."{key}" = r."{key}"' for key in required)
    now = catalog.row(name).number if name in catalog else -1
    taken = f"SELECT 1 FROM {kind.layout.datasets} o WHERE o.type = {kind.number} AND o.run = {now}{same}"
    sql = (
        f"SELECT EXISTS ({taken}), r.id{names} FROM {kind.layout.removed} r WHERE r.type = ? AND r.run = ? "
        "AND r.removed = ? AND NOT EXISTS (SELECT 1 FROM dataset o WHERE o.id = r.id) ORDER BY r.id"
    )
    rows = connection.fetchall(sql, (number, run, found.number))
    free = [row[1:] for row in rows if not row[0]]
    what = kind.dataset_type.name
    if occupied := len(rows) - len(free):
        found.conflicts.append(f"{occupied} {what!r} cannot come back: {name!r} has others for their data IDs by now")
    if free:
        ids, *columns = zip(*free, strict=True)
        values: dict[str, Sequence[Any]] = dict(zip(required, columns, strict=True))
        found.datasets.append(AddDatasets(DatasetColumns(kind.dataset_type, name, list(ids), values)))
        found.counts[what, name] = len(ids)
        found.ids.update(ids)
        found.steps.append(Step("run", name, f"{len(ids)} {what!r} back"))


def present(connection: Connection, ids: Sequence[bytes]) -> set[bytes]:
    """Pick the ids of datasets that there are."""
    asked = connection.upload("asked", 1, ((id_,) for id_ in ids))
    return {id_ for (id_,) in connection.fetchall(f"SELECT id FROM dataset WHERE id IN (SELECT c0 FROM {asked})")}


def names_of(connection: Connection, ids: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
    """Return dataset type and run of datasets that are there, or were; empty texts for unknown ones."""
    asked = connection.upload("asked", 1, ((id_,) for id_ in ids))
    named = (
        "SELECT q.c0, t.name, k.name FROM {asked} q JOIN {table} r ON r.id = q.c0 "
        "JOIN dataset_type t ON t.number = r.type JOIN collection k ON k.number = r.run"
    )
    found = dict.fromkeys(ids, ("", ""))
    for table in ("removed_dataset", "dataset"):
        for id_, kind, run in connection.fetchall(named.format(asked=asked, table=table)):
            found[id_] = kind, run
    return found


def forget_beside(tx: Transaction, changes: Sequence[int], kept: Sequence[int]) -> None:
    """Remove headers and metadata of datasets that were removed, and can no longer be brought back.

    Parameters
    ----------
    tx : Transaction
        Where.
    changes : sequence of int
        Numbers of the changes that removed them.
    kept : sequence of int
        Numbers of those removals that can still be undone.
    """
    due = tx.upload("due_changes", 1, ((change,) for change in changes))
    still = tx.upload("kept_changes", 1, ((change,) for change in kept))
    rows = tx.fetchall(
        f"SELECT DISTINCT r.id FROM removed_dataset r WHERE r.removed IN (SELECT c0 FROM {due}) "
        "AND NOT EXISTS (SELECT 1 FROM dataset o WHERE o.id = r.id) AND NOT EXISTS "
        f"(SELECT 1 FROM removed_dataset s WHERE s.id = r.id AND s.removed IN (SELECT c0 FROM {still}))"
    )
    if rows:
        remove_annotations(tx, tx.upload("forgotten", 1, rows))
