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
    from bunter.dataset.changes import EditChain, RegisterCollection, RemoveCollection, SetCollectionDoc
    from bunter.registry.collections import CollectionCatalog, CollectionRow
    from bunter.registry.roster import Roster

__all__ = ["edit_chain", "register_collection", "remove_collection", "set_chain", "set_collection_doc"]


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
    number = roster.collections.row(change.name).number
    tx.execute("UPDATE collection SET doc = ? WHERE number = ?", (change.doc, number))
    tx.touch()


def set_chain(tx: Transaction, roster: Roster, change: SetChain) -> None:
    """Give a chain new members; the old ones stay known as history."""
    catalog = roster.collections
    chain = catalog.row(change.name)
    if chain.type is not CollectionType.CHAINED:
        raise CollectionTypeError(f"{change.name!r} is a {chain.type.name} collection; only a CHAINED one has members")
    children = [catalog.row(name) for name in dict.fromkeys(change.children)]
    _refuse_cycle(catalog, change.name, children)
    if tuple(child.name for child in children) != chain.children:
        _write_chain(tx, chain, children)


def edit_chain(tx: Transaction, roster: Roster, change: EditChain) -> None:
    """Edit a chain as it stands now."""
    old = roster.collections.row(change.name).children
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
    added = tx.next_change()
    tx.execute(
        "DELETE FROM collection_chain WHERE parent = ? AND retired = ? AND added = ?", (chain.number, LIVE, added)
    )
    _retire_chain(tx, chain)
    tx.bulk_insert(
        "collection_chain",
        ["parent", "position", "child", "added"],
        [(chain.number, position, child.number, added) for position, child in enumerate(children)],
    )
    tx.touch()


def _retire_chain(tx: Transaction, chain: CollectionRow) -> None:
    tx.execute(
        "UPDATE collection_chain SET retired = ? WHERE parent = ? AND retired = ?",
        (tx.next_change(), chain.number, LIVE),
    )


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
    tx.execute("DELETE FROM collection WHERE number = ? AND added = ?", (row.number, removed))
    tx.execute("UPDATE collection SET retired = ? WHERE number = ?", (removed, row.number))
    tx.touch()


def _unlink(tx: Transaction, catalog: CollectionCatalog, parent: str, name: str) -> None:
    chain = catalog.row(parent)
    _write_chain(tx, chain, [catalog.row(child) for child in chain.children if child != name])


def _refuse_filled_run(tx: Transaction, roster: Roster, row: CollectionRow) -> None:
    held = {}
    for kind in roster.rows.values():
        sql = f"SELECT count(*) FROM {kind.layout.datasets} WHERE type = ? AND run = ?"  # noqa: S608 - our names
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
        tx.execute(f"DELETE FROM {table} WHERE {mine} AND added = ?", (*parameters, now))  # noqa: S608
        tx.execute(f"UPDATE {table} SET retired = ? WHERE {mine}", (now, *parameters))  # noqa: S608


def _clear_chain(tx: Transaction, _roster: Roster, row: CollectionRow) -> None:
    _write_chain(tx, row, [])


_CLEAR = {
    CollectionType.RUN: _refuse_filled_run,
    CollectionType.TAGGED: _clear_tags,
    CollectionType.CALIBRATION: _clear_calibrations,
    CollectionType.CHAINED: _clear_chain,
}
