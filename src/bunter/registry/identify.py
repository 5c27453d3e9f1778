"""Datasets found by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset import DatasetRef
from bunter.dimensions import DataCoordinate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Connection
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["get_many", "removed"]


def get_many(connection: Connection, roster: Roster, ids: Sequence[bytes]) -> list[DatasetRef | None]:
    """Return the datasets with these ids, None where there is none."""
    if len(ids) == 1:
        return [_get_one(connection, roster, ids[0])]
    table = connection.upload("ids", 1, ((id_,) for id_ in ids))
    types = connection.fetchall(f"SELECT DISTINCT type FROM dataset WHERE id IN (SELECT c0 FROM {table})")  # noqa: S608
    found: dict[bytes, DatasetRef] = {}
    for (number,) in types:
        kind = roster.by_number[number]
        for id_, run, *values in connection.fetchall(_statement(kind, f"IN (SELECT c0 FROM {table})")):  # noqa: S608
            found[id_] = _ref(roster, kind, id_, run, values)
    return [found.get(id_) for id_ in ids]


def _get_one(connection: Connection, roster: Roster, id_: bytes) -> DatasetRef | None:
    row = connection.fetchone("SELECT type FROM dataset WHERE id = ?", (id_,))
    if row is None:
        return None
    kind = roster.by_number[row[0]]
    found = connection.fetchone(_statement(kind, "= ?"), (id_,))
    return None if found is None else _ref(roster, kind, id_, found[1], found[2:])


def _statement(kind: TypeRow, condition: str) -> str:
    names = "".join(f', "{name}"' for name in kind.dataset_type.dimensions.required)
    return f"SELECT id, run{names} FROM {kind.layout.datasets} WHERE type = {kind.number} AND id {condition}"  # noqa: S608


def _ref(roster: Roster, kind: TypeRow, id_: bytes, run: int, values: Sequence[Any]) -> DatasetRef:
    data_id = DataCoordinate(kind.dataset_type.dimensions, tuple(values))
    return DatasetRef(UUID(bytes=id_), kind.dataset_type, data_id, roster.collections.name(run))


def removed(connection: Connection, ids: Sequence[bytes]) -> list[bytes]:
    """Pick the ids of datasets that were there once and have been removed."""
    table = connection.upload("ids", 1, ((id_,) for id_ in ids))
    sql = f"SELECT DISTINCT id FROM removed_dataset WHERE id IN (SELECT c0 FROM {table})"  # noqa: S608
    return [id_ for (id_,) in connection.fetchall(sql)]
