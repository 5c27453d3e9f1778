"""Datasets found by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset import DatasetRef
from bunter.dimensions import DataCoordinate
from bunter.registry.layout import lived

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.database import Connection
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["get_many", "removed", "younger"]


def get_many(connection: Connection, roster: Roster, ids: Sequence[bytes]) -> list[DatasetRef | None]:
    """Return the datasets with these ids, None where there is none."""
    if len(ids) == 1:
        return [_get_one(connection, roster, ids[0])]
    table = connection.upload("ids", 1, ((id_,) for id_ in ids))
    wanted = f"IN (SELECT c0 FROM {table})"
    types = {number for sql in _types(roster, wanted) for (number,) in connection.fetchall(sql)}
    found: dict[bytes, DatasetRef] = {}
    for kind in (roster.by_number[number] for number in types):
        for sql in _statements(kind, wanted):
            for id_, run, *values in connection.fetchall(sql):
                found[id_] = _ref(roster, kind, id_, run, values)
    return [found.get(id_) for id_ in ids]


def _get_one(connection: Connection, roster: Roster, id_: bytes) -> DatasetRef | None:
    row = _first(connection, _types(roster, "= ?"), id_)
    if row is None:
        return None
    kind = roster.by_number[row[0]]
    found = _first(connection, _statements(kind, "= ?"), id_)
    return None if found is None else _ref(roster, kind, id_, found[1], found[2:])


def _first(connection: Connection, statements: Iterable[str], id_: bytes) -> tuple[Any, ...] | None:
    rows = (connection.fetchone(sql, (id_,)) for sql in statements)
    return next((row for row in rows if row is not None), None)


def _types(roster: Roster, condition: str) -> Iterator[str]:
    """Ask for the numbers of types of datasets that there are, or were then."""
    if roster.as_of is None:
        yield f"SELECT DISTINCT type FROM dataset WHERE id {condition}"
    else:
        yield f"SELECT DISTINCT type FROM dataset WHERE id {condition} AND added <= {roster.as_of}"
        gone = lived("", roster.as_of, "removed")
        yield f"SELECT DISTINCT type FROM removed_dataset WHERE id {condition} AND {gone}"


def _statements(kind: TypeRow, condition: str) -> Iterator[str]:
    names = "".join(f', "{name}"' for name in kind.dataset_type.dimensions.required)
    for source in kind.layout.sources:
        yield f"SELECT id, run{names} FROM {source} d WHERE type = {kind.number} AND id {condition}"


def _ref(roster: Roster, kind: TypeRow, id_: bytes, run: int, values: Sequence[Any]) -> DatasetRef:
    data_id = DataCoordinate(kind.dataset_type.dimensions, tuple(values))
    return DatasetRef(UUID(bytes=id_), kind.dataset_type, data_id, roster.collections.name(run))


def younger(connection: Connection, roster: Roster, ids: Sequence[bytes]) -> list[bytes]:
    """Pick the ids of datasets that were added after the moment that the roster tells of."""
    if roster.as_of is None:
        return []
    table = connection.upload("ids", 1, ((id_,) for id_ in ids))
    sql = f"SELECT id FROM dataset WHERE id IN (SELECT c0 FROM {table}) AND added > ?"
    return [id_ for (id_,) in connection.fetchall(sql, (roster.as_of,))]


def removed(connection: Connection, ids: Sequence[bytes]) -> list[bytes]:
    """Pick the ids of datasets that were there once and have been removed."""
    table = connection.upload("ids", 1, ((id_,) for id_ in ids))
    sql = f"SELECT DISTINCT id FROM removed_dataset WHERE id IN (SELECT c0 FROM {table})"
    return [id_ for (id_,) in connection.fetchall(sql)]
