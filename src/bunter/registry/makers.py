"""Which activities made datasets first, where these came from another repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.database.migrations import table_names
from bunter.registry.snapshots import table_of
from bunter.values import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.dataset.annotations import ActivitiesOf, AddMakers, MakersOf
    from bunter.registry.roster import Roster

__all__ = ["activities_of", "add_makers", "makers_of"]

_TABLE = "CREATE TABLE dataset_maker (id BLOB NOT NULL PRIMARY KEY, activity BLOB NOT NULL) WITHOUT ROWID"
_FACTS = ("kind", "label", "began", "ended", "outcome", "user", "host", "process", "code", "command", "facts")
_WHOLE = {"number", "began", "ended", "process"}


def add_makers(tx: Transaction, roster: Roster, change: AddMakers) -> None:
    """Remember who made datasets that came as this change does; of those that were made here it is known better."""
    del roster
    if not change.rows:
        return
    if "dataset_maker" not in table_names(tx):
        tx.execute(_TABLE)
    names = ", ".join(f'"{name}"' for name in ("id", *_FACTS))
    places = ", ".join("?" * (len(_FACTS) + 1))
    tx.executemany(
        f"INSERT INTO activity ({names}) VALUES ({places}) ON CONFLICT (id) DO NOTHING",
        sorted(change.activities),
    )
    table = tx.upload("makers", 2, change.rows)
    tx.execute(
        f"INSERT INTO dataset_maker (id, activity) SELECT q.c0, q.c1 FROM {table} q JOIN dataset d ON d.id = q.c0 "
        "JOIN change c ON c.n = d.added JOIN activity a ON a.number = c.activity WHERE a.kind = "
        "(SELECT m.kind FROM change n JOIN activity m ON m.number = n.activity WHERE n.n = ?) ON CONFLICT (id) DO NOTHING",
        (tx.next_change(),),
    )


def makers_of(connection: Connection, roster: Roster, inquiry: MakersOf) -> pa.Table:
    """Answer `MakersOf`."""
    del roster
    pa = pyarrow()
    source, parameters = connection.inline_ids(inquiry.ids)
    own = (
        f"SELECT d.id, a.id AS activity FROM {source} w CROSS JOIN dataset d JOIN change c ON c.n = d.added "
        "JOIN activity a ON a.number = c.activity WHERE d.id = w.id"
    )
    found: dict[bytes, bytes] = dict(connection.fetchall(own, parameters))
    if "dataset_maker" in table_names(connection):
        source, parameters = connection.inline_ids(inquiry.ids)
        sql = f"SELECT m.id, m.activity FROM {source} w CROSS JOIN dataset_maker m WHERE m.id = w.id"
        found |= {id_: activity for id_, activity in connection.fetchall(sql, parameters) if id_ in found}
    return table_of({"id": pa.binary(16), "activity": pa.binary(16)}, sorted(found.items()))


def activities_of(connection: Connection, roster: Roster, inquiry: ActivitiesOf) -> pa.Table:
    """Answer `ActivitiesOf`."""
    del roster
    pa = pyarrow()
    asked = connection.upload("asked", 1, ((id_,) for id_ in inquiry.ids))
    last = "(SELECT max(c.committed) FROM change c WHERE c.activity = a.number)"
    listed = ", ".join(f"coalesce(a.ended, {last})" if name == "ended" else f'a."{name}"' for name in _FACTS)
    sql = f"SELECT a.id, a.number, {listed} FROM {asked} q JOIN activity a ON a.id = q.c0"
    schema = {"id": pa.binary(16)} | {
        name: pa.int64() if name in _WHOLE else pa.string() for name in ("number", *_FACTS)
    }
    return table_of(schema, connection.fetchall(sql))
