"""What changes have done, said in events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset.changes import (
    AddDatasets,
    Associate,
    Certify,
    Decertify,
    Disassociate,
    EditChain,
    RegisterCollection,
    RemoveCollection,
    RemoveDatasets,
    RenameCollection,
    SetChain,
    SetCollectionDoc,
    UnstoreDatasets,
)
from bunter.dataset.event import Event, TellEvents, listed_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Transaction
    from bunter.dataset.changes import Change
    from bunter.registry.roster import Roster

__all__ = ["tell_of"]

_COLLECTIONS: dict[type, str] = {
    RegisterCollection: "registered",
    RemoveCollection: "removed",
    RenameCollection: "renamed",
    SetCollectionDoc: "described",
    SetChain: "chained",
    EditChain: "chained",
    Associate: "associated",
    Disassociate: "disassociated",
    Certify: "certified",
    Decertify: "decertified",
}


def tell_of(tx: Transaction, roster: Roster, change: Change, result: Any) -> list[Event]:
    """Say in events what a change has done, after it; most changes have nothing to tell."""
    if isinstance(change, TellEvents):
        return list(change.events)
    if isinstance(change, AddDatasets):
        return _tell_added(change, result or ())
    if isinstance(change, RemoveDatasets):
        return _tell_gone(tx, roster, "datasets.removed", change.ids)
    if isinstance(change, UnstoreDatasets):
        return _tell_gone(tx, roster, "datasets.unstored", change.ids)
    if (what := _COLLECTIONS.get(type(change))) is None or (isinstance(change, RegisterCollection) and not result):
        return []
    return [Event("collection.changed", getattr(change, "name", None) or change.collection, _edited(change, what))]  # type: ignore[union-attr]


def _tell_added(change: AddDatasets, known: Sequence[bytes]) -> list[Event]:
    columns, left_out = change.columns, set(known)
    ids = [id_ for id_ in columns.ids if id_ not in left_out] if left_out else columns.ids
    document = {"dataset_type": columns.dataset_type.name, **listed_ids(ids)}
    return [Event("datasets.added", columns.run, document)] if ids else []


def _tell_gone(tx: Transaction, roster: Roster, kind: str, ids: Sequence[bytes]) -> list[Event]:
    """Group datasets by type and run, in the tombstones of this change or in the datasets."""
    asked = tx.upload("told", 1, ((id_,) for id_ in ids))
    is_removed = kind == "datasets.removed"
    source = f"removed_dataset r WHERE r.removed = {tx.next_change()} AND" if is_removed else "dataset r WHERE"
    rows = tx.fetchall(
        f"SELECT r.type, r.run, r.id FROM {source} r.id IN (SELECT c0 FROM {asked}) ORDER BY r.type, r.run, r.id"
    )
    groups: dict[tuple[int, int], list[bytes]] = {}
    for type_, run, id_ in rows:
        groups.setdefault((type_, run), []).append(id_)
    runs = {roster.collections.row(name).number: name for name in roster.collections}
    return [
        Event(kind, runs.get(run, ""), {"dataset_type": roster.by_number[type_].dataset_type.name, **listed_ids(found)})
        for (type_, run), found in groups.items()
    ]


def _edited(change: Change, what: str) -> dict[str, Any]:
    """Say what a change of a collection has done."""
    document: dict[str, Any] = {"what": what}
    for name in ("new_name", "doc", "how", "dataset_type"):
        if value := getattr(change, name, None):
            document[name] = value
    if (children := getattr(change, "children", None)) is not None:
        document["children"] = list(children)
    if (ids := getattr(change, "ids", None)) is not None:
        document |= listed_ids(ids)
    if isinstance(change, Certify | Decertify):
        document |= {"valid": [change.timespan.begin, change.timespan.end]}
    if isinstance(change, RegisterCollection):
        document["type"] = change.type.name
    return document
