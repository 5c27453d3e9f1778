"""Datasets added to runs and removed from them."""

from __future__ import annotations

from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.database import IntegrityError
from bunter.dataset import CollectionType
from bunter.errors import CollectionTypeError, ConflictingDatasetError
from bunter.registry.annotations import remove_annotations
from bunter.registry.layout import LIVE
from bunter.registry.presence import require_values
from bunter.values.packed_ids import LOT_IDS, PackedIds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Connection, Transaction
    from bunter.dataset.changes import AddDatasets, RemoveDatasets
    from bunter.registry.collections import CollectionRow
    from bunter.registry.layout import GroupLayout
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["add_datasets", "dataset_members", "remove_datasets"]

_ID_BYTES = 16
_NEW_DATASET = "INSERT INTO dataset (id, type, run, added) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


def add_datasets(tx: Transaction, roster: Roster, change: AddDatasets) -> list[bytes]:
    """Add datasets to a run; return the ids of those that were there before (only if conflicts are skipped)."""
    columns = change.columns
    kind = roster.type_row(columns.dataset_type)
    run = roster.collections.row(columns.run)
    if run.type is not CollectionType.RUN:
        raise CollectionTypeError(f"{columns.run!r} is a {run.type.name} collection; datasets are added to a RUN")
    if not columns.ids:
        return []
    _refuse_odd_ids(columns.ids)
    require_values(tx, columns.dataset_type.dimensions, columns.values)
    required = columns.dataset_type.dimensions.required
    rows: Iterable[tuple[Any, ...]] = zip(columns.ids, *(columns.values[name] for name in required), strict=True)
    skipped: list[bytes] = []
    if change.on_conflict == "skip":
        known = _known(tx, kind, run, rows := list(rows))
        skipped = [row[0] for row in rows if row[0] in known]
        rows = [row for row in rows if row[0] not in known]
    _insert(tx, kind, run, list(rows))
    return skipped


def _refuse_odd_ids(ids: Sequence[bytes]) -> None:
    if set(map(len, ids)) != {_ID_BYTES}:
        raise ConflictingDatasetError("a dataset id has 16 bytes; use `bunter.values.new_ids`, or `UUID.bytes`")


def _insert(tx: Transaction, kind: TypeRow, collection: CollectionRow, rows: list[tuple[Any, ...]]) -> None:
    if len(rows) == 1:
        _insert_one(tx, kind, collection, rows[0])
        return
    added, run = tx.next_change(), collection.number
    every: Iterable[tuple[Any, ...]] = zip(map(itemgetter(0), rows), repeat(kind.number), repeat(run), repeat(added))
    try:
        with tx.savepoint():
            tx.executemany("INSERT INTO dataset (id, type, run, added) VALUES (?, ?, ?, ?)", every)
            tx.executemany(_into(kind.layout.datasets, kind.dataset_type.dimensions.required, kind.number, run), rows)
    except IntegrityError as exc:
        raise _conflict(tx, kind, collection, rows) from exc


def _insert_one(tx: Transaction, kind: TypeRow, collection: CollectionRow, row: tuple[Any, ...]) -> None:
    """Add one dataset; what stands in its way is passed over by the database, so that no savepoint is needed."""
    ours = row[0], kind.number, collection.number, tx.next_change()
    if not tx.execute(_NEW_DATASET, ours).rowcount:
        raise _conflict(tx, kind, collection, [row])
    into = _into_or_not(kind.layout.datasets, kind.dataset_type.dimensions.required, kind.number, collection.number)
    if not tx.execute(into, row).rowcount:
        tx.execute("DELETE FROM dataset WHERE id = ?", row[:1])
        raise _conflict(tx, kind, collection, [row])


@lru_cache(maxsize=256)
def _into_or_not(table: str, names: tuple[str, ...], kind: int, run: int) -> str:
    return f"{_into(table, names, kind, run)} ON CONFLICT DO NOTHING"


@lru_cache(maxsize=256)
def _into(table: str, names: tuple[str, ...], kind: int, run: int) -> str:
    """Return the statement that adds rows of id and values to a run."""
    columns = "".join(f', "{name}"' for name in names)
    return f"INSERT INTO {table} (type, run, id{columns}) VALUES ({kind}, {run}, ?{', ?' * len(names)})"


def _known(connection: Connection, kind: TypeRow, run: CollectionRow, rows: list[tuple[Any, ...]]) -> set[bytes]:
    """Pick the ids of rows that are in the run with the same data ID; another meaning of an id is refused."""
    taken = _taken(connection, kind, run.number, rows)
    if any(there != id_ or not same for id_, there, same in taken):
        raise _conflict(connection, kind, run, rows)
    return {id_ for id_, _, _ in taken}


def _taken(
    connection: Connection, kind: TypeRow, run: int, rows: list[tuple[Any, ...]]
) -> list[tuple[bytes, bytes, bool]]:
    """Find what stands in the way: (id that is new, id that is there, whether type, run and data ID are equal)."""
    names = kind.dataset_type.dimensions.required
    table = connection.upload("new", 1 + len(names), rows)
    equal = " AND ".join(f'd."{name}" = q.c{place}' for place, name in enumerate(names, 1)) or "TRUE"
    by_key = (
        f"SELECT q.c0, d.id, TRUE FROM {table} q CROSS JOIN {kind.layout.datasets} d "
        f"WHERE d.type = {kind.number} AND d.run = {run} AND {equal}"
    )
    by_id = (
        f"SELECT q.c0, o.id, EXISTS (SELECT 1 FROM {kind.layout.datasets} d WHERE d.type = {kind.number} "
        f"AND d.run = {run} AND d.id = q.c0 AND {equal}) FROM {table} q CROSS JOIN dataset o WHERE o.id = q.c0"
    )
    return [(new, there, bool(same)) for new, there, same in connection.fetchall(f"{by_key} UNION {by_id}")]


def _conflict(
    connection: Connection, kind: TypeRow, run: CollectionRow, rows: list[tuple[Any, ...]]
) -> ConflictingDatasetError:
    names = kind.dataset_type.dimensions.required
    by_id = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
    what = kind.dataset_type.name
    for new, there, same in sorted(_taken(connection, kind, run.number, rows), key=lambda taken: taken[0] == taken[1]):
        if there == new and not same:
            return ConflictingDatasetError(f"dataset id {UUID(bytes=new)} is taken by another dataset; draw a new one")
        return ConflictingDatasetError(
            f"{run.name!r} has a {what!r} for {by_id[new]} already ({UUID(bytes=there)}); "
            "use another run, or remove that one first"
        )
    return ConflictingDatasetError(
        f"some of these {len(rows)} {what!r} for {run.name!r} are given twice; give each once"
    )


def dataset_members(connection: Connection, roster: Roster, runs: Sequence[str]) -> PackedIds:
    """Return the ids of all datasets in runs, ascending."""
    numbers = [roster.collections.row(name).number for name in runs]
    found = bytearray()
    for kind in roster.rows.values():
        for run in numbers:
            for source in kind.layout.sources:
                sql = f"SELECT id FROM {source} d WHERE type = ? AND run = ?"
                for rows in connection.stream(sql, (kind.number, run), LOT_IDS):
                    found += b"".join(map(itemgetter(0), rows))
    return PackedIds(found).distinct()


def remove_datasets(tx: Transaction, roster: Roster, change: RemoveDatasets) -> int:
    """Remove datasets, with their tags and validity ranges; return how many there were. Unknown ids are ignored."""
    now = tx.next_change()
    gone = tx.upload_ids(change.ids)
    types = tx.fetchall(f"SELECT DISTINCT type FROM dataset WHERE id IN (SELECT c0 FROM {gone})")
    for layout in {roster.by_number[number].layout for (number,) in types}:
        for table in (layout.tags, layout.calibrations):
            mine = f"retired = {LIVE} AND id IN (SELECT c0 FROM {gone})"
            tx.execute(f"DELETE FROM {table} WHERE {mine} AND added = {now}")
            tx.execute(f"UPDATE {table} SET retired = {now} WHERE {mine}")
        _keep_tombstones(tx, layout, gone)
        tx.execute(f"DELETE FROM {layout.datasets} WHERE id IN (SELECT c0 FROM {gone})")
    tx.execute(
        "INSERT INTO removed_dataset (id, type, run, added, removed) "
        f"SELECT id, type, run, added, {now} FROM dataset WHERE id IN (SELECT c0 FROM {gone}) AND added < {now}"
    )
    if not change.keep_days:
        remove_annotations(tx, gone)
    return int(tx.execute(f"DELETE FROM dataset WHERE id IN (SELECT c0 FROM {gone})").rowcount)


def _keep_tombstones(tx: Transaction, layout: GroupLayout, gone: str) -> None:
    """Remember the data IDs of datasets that others may have seen, for those who ask what there was."""
    now = tx.next_change()
    names = "".join(f', d."{name}"' for name in layout.dimensions.required)
    columns = "".join(f', "{name}"' for name in layout.dimensions.required)
    tx.execute(
        f"INSERT INTO {layout.removed} (type, run{columns}, id, added, removed) "
        f"SELECT d.type, d.run{names}, d.id, o.added, {now} FROM {gone} q CROSS JOIN {layout.datasets} d "
        f"CROSS JOIN dataset o WHERE d.id = q.c0 AND o.id = q.c0 AND o.added < {now}"
    )
