"""Changes to collections and chains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import CollectionType, collection_name_problem
from bunter.dataset.changes import SetChain
from bunter.errors import (
    CollectionCycleError,
    CollectionInUseError,
    CollectionTypeError,
    ConflictingDefinitionError,
    MissingCollectionError,
    OrphanedRecordError,
)
from bunter.registry.layout import LIVE

if TYPE_CHECKING:
    from bunter.database import Transaction
    from bunter.dataset.changes import (
        EditChain,
        RegisterCollection,
        RemoveCollection,
        RenameCollection,
        SetCollectionDoc,
    )
    from bunter.registry.collections import CollectionCatalog, CollectionRow
    from bunter.registry.roster import Roster

__all__ = [
    "edit_chain",
    "register_collection",
    "remove_collection",
    "rename_collection",
    "set_chain",
    "set_collection_doc",
]


def register_collection(tx: Transaction, roster: Roster, change: RegisterCollection) -> bool:
    """Make a collection; say whether it is new."""
    if change.name in roster.collections:
        known = roster.collections.row(change.name)
        if known.type is not change.type:
            raise ConflictingDefinitionError(
                f"collection {change.name!r} is a {known.type.name}, not a {change.type.name}; choose another name"
            )
        return False
    if problem := collection_name_problem(change.name):
        raise ConflictingDefinitionError(problem)
    tx.execute(
        "INSERT INTO collection (name, type, doc, added) VALUES (?, ?, ?, ?)",
        (change.name, int(change.type), change.doc or "", tx.next_change()),
    )
    tx.touch()
    return True


def set_collection_doc(tx: Transaction, roster: Roster, change: SetCollectionDoc) -> None:
    """Say what a collection is for."""
    row = roster.collections.row(change.name)
    if row.doc != change.doc:
        _remember(tx, row)
        tx.execute("UPDATE collection SET doc = ? WHERE number = ?", (change.doc, row.number))
        tx.touch()


def rename_collection(tx: Transaction, roster: Roster, change: RenameCollection) -> None:
    """Give a collection another name; chains and datasets go by its number and need not be told."""
    row = roster.collections.row(change.name)
    if change.new_name == row.name:
        return
    if change.new_name in roster.collections:
        raise ConflictingDefinitionError(f"there is a collection {change.new_name!r} already; choose another name")
    if problem := collection_name_problem(change.new_name):
        raise ConflictingDefinitionError(problem)
    _remember(tx, row)
    tx.execute("UPDATE collection SET name = ? WHERE number = ?", (change.new_name, row.number))
    tx.touch()


def _remember(tx: Transaction, row: CollectionRow) -> None:
    """Keep the name and the documentation that others may have seen."""
    now = tx.next_change()
    tx.execute(
        "INSERT INTO collection_former (number, name, doc, retired) "
        "SELECT number, name, doc, ? FROM collection WHERE number = ? AND added < ? ON CONFLICT DO NOTHING",
        (now, row.number, now),
    )


def _restore(tx: Transaction, row: CollectionRow) -> None:
    """Take back a name that this change gave: nobody else has seen it."""
    mine = (row.number, tx.next_change())
    former = tx.fetchone("SELECT name, doc FROM collection_former WHERE number = ? AND retired = ?", mine)
    if former is not None:
        tx.execute("DELETE FROM collection_former WHERE number = ? AND retired = ?", mine)
        tx.execute("UPDATE collection SET name = ?, doc = ? WHERE number = ?", (*former, row.number))


def set_chain(tx: Transaction, roster: Roster, change: SetChain) -> None:
    """Give a chain new members; the old ones stay known as history."""
    catalog = roster.collections
    chain = _chain(catalog, change.name)
    children = [catalog.row(name) for name in dict.fromkeys(change.children)]
    _refuse_cycle(catalog, change.name, children)
    if tuple(child.name for child in children) != chain.children:
        _write_chain(tx, chain, children)


def _chain(catalog: CollectionCatalog, name: str) -> CollectionRow:
    chain = catalog.row(name)
    if chain.type is not CollectionType.CHAINED:
        raise CollectionTypeError(f"{name!r} is a {chain.type.name} collection; only a CHAINED one has members")
    return chain


def edit_chain(tx: Transaction, roster: Roster, change: EditChain) -> None:
    """Edit a chain as it stands now."""
    old = _chain(roster.collections, change.name).children
    rest = tuple(name for name in old if name not in change.children)
    if change.how == "remove" and (strangers := [name for name in change.children if name not in old]):
        raise MissingCollectionError(
            f"{', '.join(strangers)} not in chain {change.name!r}, which has {', '.join(old) or 'no members'}"
        )
    members = {"prepend": (*change.children, *rest), "extend": (*rest, *change.children), "remove": rest}[change.how]
    set_chain(tx, roster, SetChain(change.name, members))


def _refuse_cycle(catalog: CollectionCatalog, name: str, children: list[CollectionRow]) -> None:
    for child in children:
        if name in catalog.below(child.name):
            how = "itself" if child.name == name else f"{child.name!r}, which contains it"
            raise CollectionCycleError(f"chain {name!r} cannot contain {how}")


def _write_chain(tx: Transaction, chain: CollectionRow, children: list[CollectionRow]) -> None:
    """Retire links that are no more and add new ones at the ends; what an edit writes and keeps grows with the edit."""
    now = tx.next_change()
    sql = "SELECT child, position, added FROM collection_chain WHERE parent = ? AND retired = ? ORDER BY position"
    old = {child: (position, added) for child, position, added in tx.fetchall(sql, (chain.number, LIVE))}
    new = [child.number for child in children]
    first, last = _kept(list(old), new)
    kept = [old[child][0] for child in new[first:last]] or [0]
    gone = [old[child] for child in old.keys() - set(new[first:last])]
    mine = f"WHERE parent = {chain.number} AND retired = {LIVE} AND position = ?"
    tx.executemany(f"DELETE FROM collection_chain {mine}", [(place,) for place, added in gone if added == now])
    tx.executemany(
        f"UPDATE collection_chain SET retired = {now} {mine}",
        [(place,) for place, added in gone if added != now],
    )
    before = zip(range(kept[0] - first, kept[0]), new[:first], strict=True)
    after = enumerate(new[last:], kept[-1] + 1)
    links = [(chain.number, place, child, now) for place, child in (*before, *after)]
    tx.bulk_insert("collection_chain", ["parent", "position", "child", "added"], links)
    tx.touch()


def _kept(old: list[int], new: list[int]) -> tuple[int, int]:
    """Find the longest slice of the new members that stand in it as they stood in the old."""
    place = {child: number for number, child in enumerate(old)}
    best, first = (0, 0), 0
    for last, child in enumerate(new, 1):
        if child not in place:
            first = last
        elif last - 1 > first and place[child] < place[new[last - 2]]:
            first = last - 1
        best = max(best, (first, last), key=lambda found: found[1] - found[0])
    return best


def remove_collection(tx: Transaction, roster: Roster, change: RemoveCollection) -> None:
    """Remove a collection; its name is free afterwards, its history stays."""
    catalog = roster.collections
    row = catalog.row(change.name)
    if parents := catalog.parents(change.name):
        if not change.unlink_from_chains:
            raise CollectionInUseError(
                f"collection {change.name!r} is in {', '.join(parents)}; take it out of these chains first, "
                "or ask for it with unlink_from_chains"
            )
        for parent in parents:
            _unlink(tx, catalog, parent, change.name)
    _CLEAR[row.type](tx, roster, row)
    removed = tx.next_change()
    _restore(tx, row)
    tx.execute("DELETE FROM collection WHERE number = ? AND added = ?", (row.number, removed))
    tx.execute("UPDATE collection SET retired = ? WHERE number = ?", (removed, row.number))
    tx.touch()


def _unlink(tx: Transaction, catalog: CollectionCatalog, parent: str, name: str) -> None:
    chain = catalog.row(parent)
    _write_chain(tx, chain, [catalog.row(child) for child in chain.children if child != name])


def _refuse_filled_run(tx: Transaction, roster: Roster, row: CollectionRow) -> None:
    held = {}
    for kind in roster.rows.values():
        sql = f"SELECT count(*) FROM {kind.layout.datasets} WHERE type = ? AND run = ?"
        found = tx.fetchone(sql, (kind.number, row.number))
        if found is not None and found[0]:
            held[kind.dataset_type.name] = found[0]
    if held:
        said = ", ".join(f"{count} {name}" for name, count in held.items())
        raise OrphanedRecordError(f"run {row.name!r} holds {said}; remove these datasets first, or use remove_runs")


def _clear_tags(tx: Transaction, roster: Roster, row: CollectionRow) -> None:
    _clear(tx, roster, row, "tags")


def _clear_calibrations(tx: Transaction, roster: Roster, row: CollectionRow) -> None:
    _clear(tx, roster, row, "calibrations")


def _clear(tx: Transaction, roster: Roster, row: CollectionRow, which: str) -> None:
    now = tx.next_change()
    for kind in roster.rows.values():
        table = getattr(kind.layout, which)
        mine = "type = ? AND collection = ? AND retired = ?"
        parameters = (kind.number, row.number, LIVE)
        tx.execute(f"DELETE FROM {table} WHERE {mine} AND added = ?", (*parameters, now))
        tx.execute(f"UPDATE {table} SET retired = ? WHERE {mine}", (now, *parameters))


def _clear_chain(tx: Transaction, _roster: Roster, row: CollectionRow) -> None:
    _write_chain(tx, row, [])


_CLEAR = {
    CollectionType.RUN: _refuse_filled_run,
    CollectionType.TAGGED: _clear_tags,
    CollectionType.CALIBRATION: _clear_calibrations,
    CollectionType.CHAINED: _clear_chain,
}
