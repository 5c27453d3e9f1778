"""Validity ranges in CALIBRATION collections."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset import CollectionType
from bunter.errors import CollectionTypeError, ConflictingDefinitionError
from bunter.registry.layout import LIVE
from bunter.registry.memberships import Members, collection_of, gather
from bunter.values import Timespan
from bunter.values.packed_ids import in_lots

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Transaction
    from bunter.dataset.changes import Certify, Decertify
    from bunter.registry.collections import CollectionRow
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["certify", "decertify"]

_SHOWN = 3


def certify(tx: Transaction, roster: Roster, change: Certify) -> None:
    """Declare datasets valid for a time; those that are certified for exactly this time stay as they are."""
    collection = collection_of(roster, change.collection, CollectionType.CALIBRATION, "certify")
    if change.timespan.is_empty:
        raise ConflictingDefinitionError("a calibration cannot be certified for an empty timespan; give begin < end")
    for members in chain.from_iterable(gather(tx, roster, lot) for lot in in_lots(change.ids)):
        if not members.kind.dataset_type.is_calibration:
            name = members.kind.dataset_type.name
            raise CollectionTypeError(
                f"dataset type {name!r} is not a calibration and has no validity range; register it with is_calibration"
            )
        _refuse_twins(members, collection)
        known = _check_overlaps(tx, collection, members, change.timespan)
        begin, end = change.timespan.bounds
        fresh = [(*row[2:], begin, end, row[0], row[1]) for row in members.rows if row[0] not in known]
        _insert(tx, members.kind, collection, fresh)


def _refuse_twins(members: Members, collection: CollectionRow) -> None:
    first: dict[tuple[Any, ...], bytes] = {}
    for row in members.rows:
        if first.setdefault(row[2:], row[0]) != row[0]:
            names = members.kind.dataset_type.dimensions.required
            raise ConflictingDefinitionError(
                f"two {members.kind.dataset_type.name!r} for {dict(zip(names, row[2:], strict=True))} cannot be valid at "
                f"once in {collection.name!r}: {UUID(bytes=first[row[2:]])} and {UUID(bytes=row[0])}; certify one of them"
            )


def _check_overlaps(tx: Transaction, collection: CollectionRow, members: Members, timespan: Timespan) -> set[bytes]:
    """Refuse ranges that overlap those that are there; return the ids that have exactly this range already."""
    kind = members.kind
    names = kind.dataset_type.dimensions.required
    table = tx.upload("new", len(names) + 2, members.rows)
    equal = "".join(f' AND t."{name}" = q.c{place}' for place, name in enumerate(names, 2))
    begin, end = timespan.bounds
    sql = (
        f"SELECT t.id = q.c0 AND t.timespan_begin = ? AND t.timespan_end = ?, q.*, t.timespan_begin, "
        f"t.timespan_end FROM {table} q CROSS JOIN {kind.layout.calibrations} t WHERE t.type = ? AND t.collection = ? "
        f"AND t.retired = {LIVE}{equal} AND t.timespan_begin < ? AND t.timespan_end > ?"
    )
    found = tx.fetchall(sql, (begin, end, kind.number, collection.number, end, begin))
    if others := [row for row in found if not row[0]]:
        said = "; ".join(
            f"{dict(zip(names, row[3:-2], strict=True))} is certified for {Timespan.from_bounds(row[-2], row[-1])}"
            for row in others[:_SHOWN]
        )
        more = f"; and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise ConflictingDefinitionError(
            f"cannot certify {kind.dataset_type.name!r} in {collection.name!r} for {timespan}: {said}{more}. "
            "Decertify that range first"
        )
    return {row[1] for row in found}


def _insert(tx: Transaction, kind: TypeRow, collection: CollectionRow, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows of (values ..., begin, end, id, run)."""
    tail = (kind.number, collection.number, tx.next_change())
    names = [*kind.dataset_type.dimensions.required, "timespan_begin", "timespan_end", "id", "run"]
    tx.bulk_insert(kind.layout.calibrations, [*names, "type", "collection", "added"], [(*row, *tail) for row in rows])


def decertify(tx: Transaction, roster: Roster, change: Decertify) -> None:
    """Cut a time out of validity ranges; what is left of each, before and after, stays valid."""
    collection = collection_of(roster, change.collection, CollectionType.CALIBRATION, "decertify")
    kind = roster.type_row(change.dataset_type)
    rows = _overlapping(tx, kind, collection, change)
    _retire(tx, kind, collection, rows)
    pieces = (
        (*values, *piece.bounds, id_, run)
        for *values, begin, end, id_, run, _ in rows
        for piece in Timespan.from_bounds(begin, end).difference(change.timespan)
    )
    _insert(tx, kind, collection, pieces)


def _overlapping(tx: Transaction, kind: TypeRow, collection: CollectionRow, change: Decertify) -> list[tuple[Any, ...]]:
    """Find rows (values ..., begin, end, id, run, added) that share a time with the one to cut out."""
    names = kind.dataset_type.dimensions.required
    begin, end = change.timespan.bounds
    source, equal = f"{kind.layout.calibrations} t", ""
    if change.data_ids is not None:
        table = tx.upload(
            "new", max(1, len(names)), [tuple(row) or (None,) for row in dict.fromkeys(map(tuple, change.data_ids))]
        )
        source = f"{table} q CROSS JOIN {source}"
        equal = "".join(f' AND t."{name}" = q.c{place}' for place, name in enumerate(names))
    columns = ", ".join(
        [*(f't."{name}"' for name in names), "t.timespan_begin", "t.timespan_end", "t.id", "t.run", "t.added"]
    )
    sql = (
        f"SELECT {columns} FROM {source} WHERE t.type = ? AND t.collection = ? AND t.retired = {LIVE}{equal} "
        "AND t.timespan_begin < ? AND t.timespan_end > ?"
    )
    return tx.fetchall(sql, (kind.number, collection.number, end, begin))


def _retire(tx: Transaction, kind: TypeRow, collection: CollectionRow, rows: Sequence[tuple[Any, ...]]) -> None:
    now = tx.next_change()
    names = kind.dataset_type.dimensions.required
    mine = "".join(f' AND "{name}" = ?' for name in names) + " AND timespan_begin = ?"
    where = f"WHERE type = {kind.number} AND collection = {collection.number} AND retired = {LIVE}{mine}"
    keys = [(row[: len(names) + 1], row[-1]) for row in rows]
    table = kind.layout.calibrations
    tx.executemany(f"DELETE FROM {table} {where}", [key for key, added in keys if added == now])
    tx.executemany(f"UPDATE {table} SET retired = {now} {where}", [key for key, added in keys if added != now])
