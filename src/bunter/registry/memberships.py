"""Datasets in TAGGED collections, and what tags and validity ranges have in common."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset import CollectionType
from bunter.errors import CollectionTypeError, ConflictingDefinitionError, DatasetNotFoundError
from bunter.registry.layout import LIVE
from bunter.values.packed_ids import in_lots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Transaction
    from bunter.dataset.changes import Associate, Disassociate
    from bunter.registry.collections import CollectionRow
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["Members", "associate", "collection_of", "disassociate", "gather"]


@dataclass(frozen=True, slots=True)
class Members:
    """Datasets of one type: rows of (id, run, values of the required dimensions ...)."""

    kind: TypeRow
    rows: list[tuple[Any, ...]]


def collection_of(roster: Roster, name: str, wanted: CollectionType, deed: str) -> CollectionRow:
    """Return a collection of the type that the deed needs."""
    row = roster.collections.row(name)
    if row.type is not wanted:
        raise CollectionTypeError(f"{name!r} is a {row.type.name} collection; {deed} needs a {wanted.name} one")
    return row


def gather(tx: Transaction, roster: Roster, ids: Sequence[bytes]) -> list[Members]:
    """Look up what the ids are, by dataset type.

    Raises
    ------
    DatasetNotFoundError
        If an id is unknown.
    """
    table = tx.upload("ids", 1, ((id_,) for id_ in dict.fromkeys(ids)))
    unknown = f"SELECT c0 FROM {table} WHERE c0 NOT IN (SELECT id FROM dataset) LIMIT 1"
    if (row := tx.fetchone(unknown)) is not None:
        raise DatasetNotFoundError(f"no dataset has the id {UUID(bytes=row[0])}; it may have been removed")
    types = tx.fetchall(f"SELECT DISTINCT d.type FROM {table} q JOIN dataset d ON d.id = q.c0")
    found = []
    for (number,) in types:
        kind = roster.by_number[number]
        names = "".join(f', d."{name}"' for name in kind.dataset_type.dimensions.required)
        sql = (
            f"SELECT d.id, d.run{names} FROM {table} q CROSS JOIN {kind.layout.datasets} d "
            "WHERE d.id = q.c0 AND d.type = ?"
        )
        found.append(Members(kind, tx.fetchall(sql, (number,))))
    return found


def associate(tx: Transaction, roster: Roster, change: Associate) -> None:
    """Put datasets into a TAGGED collection; those that are in it stay as they are."""
    collection = collection_of(roster, change.collection, CollectionType.TAGGED, "associate")
    for members in chain.from_iterable(gather(tx, roster, lot) for lot in in_lots(change.ids)):
        _refuse_conflicts(tx, collection, members)
        kind = members.kind
        names = ["id", "run", *kind.dataset_type.dimensions.required, "type", "collection", "added"]
        tail = (kind.number, collection.number, tx.next_change())
        columns = ", ".join(f'"{name}"' for name in names)
        tx.executemany(
            f"INSERT INTO {kind.layout.tags} ({columns}) VALUES ({', '.join('?' * len(names))}) ON CONFLICT DO NOTHING",
            [(*row, *tail) for row in members.rows],
        )


def _refuse_conflicts(tx: Transaction, collection: CollectionRow, members: Members) -> None:
    kind = members.kind
    names = kind.dataset_type.dimensions.required
    first: dict[tuple[Any, ...], bytes] = {}
    for row in members.rows:
        if first.setdefault(row[2:], row[0]) != row[0]:
            raise _two(kind, row[2:], collection.name, (first[row[2:]], row[0]))
    table = tx.upload("new", len(names) + 2, members.rows)
    equal = "".join(f' AND t."{name}" = q.c{place}' for place, name in enumerate(names, 2))
    sql = (
        f"SELECT t.id, q.* FROM {table} q CROSS JOIN {kind.layout.tags} t "
        f"WHERE t.type = ? AND t.collection = ? AND t.retired = {LIVE}{equal} AND t.id != q.c0 LIMIT 1"
    )
    if (found := tx.fetchone(sql, (kind.number, collection.number))) is not None:
        there, new, _, *values = found
        raise _two(kind, tuple(values), collection.name, (there, new))


def _two(
    kind: TypeRow, values: tuple[Any, ...], collection: str, ids: tuple[bytes, bytes]
) -> ConflictingDefinitionError:
    said = dict(zip(kind.dataset_type.dimensions.required, values, strict=True))
    first, second = (UUID(bytes=id_) for id_ in ids)
    return ConflictingDefinitionError(
        f"{collection!r} cannot hold two {kind.dataset_type.name!r} for {said}: {first} and {second}; "
        "disassociate one of them"
    )


def disassociate(tx: Transaction, roster: Roster, change: Disassociate) -> None:
    """Take datasets out of a TAGGED collection; those that are not in it are ignored."""
    collection = collection_of(roster, change.collection, CollectionType.TAGGED, "disassociate")
    for lot in in_lots(change.ids):
        _disassociate(tx, roster, collection, lot)


def _disassociate(tx: Transaction, roster: Roster, collection: CollectionRow, ids: Sequence[bytes]) -> None:
    now = tx.next_change()
    table = tx.upload("ids", 1, ((id_,) for id_ in ids))
    types = tx.fetchall(f"SELECT DISTINCT type FROM dataset WHERE id IN (SELECT c0 FROM {table})")
    for layout in {roster.by_number[number].layout for (number,) in types}:
        mine = f"collection = {collection.number} AND retired = {LIVE} AND id IN (SELECT c0 FROM {table})"
        tx.execute(f"DELETE FROM {layout.tags} WHERE {mine} AND added = {now}")
        tx.execute(f"UPDATE {layout.tags} SET retired = {now} WHERE {mine}")
