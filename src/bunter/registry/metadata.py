"""User metadata of datasets: set, merged, returned with its history."""

from __future__ import annotations

import json
from itertools import repeat
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset.metadata import merged
from bunter.errors import DatasetNotFoundError
from bunter.registry.layout import LIVE, lived
from bunter.registry.metadata_index import index_new, indexed_fields
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.dataset.annotations import MetadataOf, SetMetadata
    from bunter.registry.roster import Roster

__all__ = ["metadata_of", "remove_metadata", "set_metadata"]


def set_metadata(tx: Transaction, roster: Roster, change: SetMetadata) -> int:
    """Give datasets metadata; return for how many that changes anything.

    Raises
    ------
    DatasetNotFoundError
        If one of the datasets is not there.
    """
    now = tx.next_change()
    given = zip(
        change.ids, change.documents if len(change.documents) > 1 else repeat(change.documents[0]), strict=False
    )
    wanted: dict[bytes, Mapping[str, Any]] = {}
    for id_, document in given:
        wanted[id_] = merged(wanted[id_], document) if id_ in wanted else document
    table = tx.upload("described", 1, [(id_,) for id_ in wanted])
    _refuse_unknown(tx, table)
    sql = f"SELECT id, document FROM metadata WHERE {lived()} AND id IN (SELECT c0 FROM {table})"
    old = {id_: json.loads(document) for id_, document in tx.fetchall(sql)}
    new = {
        id_: merged({}, document) if change.replace else merged(old.get(id_, {}), document)
        for id_, document in wanted.items()
    }
    changed = [id_ for id_, document in new.items() if document != old.get(id_, {})]
    _retire(tx, [id_ for id_ in changed if id_ in old], now)
    rows = [(id_, _json(new[id_]), now) for id_ in sorted(changed) if new[id_]]
    tx.executemany("INSERT INTO metadata (id, document, added) VALUES (?, ?, ?)", rows)
    fields = [each for each in indexed_fields(tx) if each.source == "metadata"]
    index_new(tx, roster, fields, changed, again=True)
    return len(changed)


def _refuse_unknown(tx: Transaction, table: str) -> None:
    sql = f"SELECT c0 FROM {table} q WHERE NOT EXISTS (SELECT 1 FROM dataset o WHERE o.id = q.c0) LIMIT 1"
    if (row := tx.fetchone(sql)) is not None:
        raise DatasetNotFoundError(
            f"there is no dataset {UUID(bytes=bytes(row[0]))}; metadata is given to datasets that are registered"
        )


def _retire(tx: Transaction, ids: list[bytes], now: int) -> None:
    """End what held until now; what this very change has set is replaced."""
    if not ids:
        return
    table = tx.upload("described", 1, [(id_,) for id_ in ids])
    mine = f"retired = {LIVE} AND id IN (SELECT c0 FROM {table})"
    tx.execute(f"DELETE FROM metadata WHERE {mine} AND added = {now}")
    tx.execute(f"UPDATE metadata SET retired = {now} WHERE {mine}")


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def remove_metadata(tx: Transaction, gone: str) -> None:
    """Remove the metadata, and all its history, of datasets whose ids were uploaded; and their origins."""
    for table in ("metadata", "metadata_value", "origin"):
        tx.execute(f"DELETE FROM {table} WHERE id IN (SELECT c0 FROM {gone})")


def metadata_of(connection: Connection, roster: Roster, inquiry: MetadataOf) -> pa.Table:
    """Answer `MetadataOf`."""
    pa = pyarrow()
    source, parameters = connection.inline_ids(inquiry.ids)
    holds = "TRUE" if inquiry.history else lived("m", roster.as_of)
    rows = connection.fetchall(
        'SELECT m.id, m.document, m.added, m.retired, a.committed, a."user" FROM metadata m JOIN change a ON a.n = m.added '
        f"WHERE m.id IN (SELECT w.id FROM {source} w) AND {holds} ORDER BY m.id, m.added",
        parameters,
    )
    names = ("id", "document", "change", "retired", "time", "user")
    kinds = (pa.binary(16), pa.string(), pa.int64(), pa.int64(), pa.int64(), pa.string())
    rows = [(*row[:3], None if row[3] == LIVE else row[3], *row[4:]) for row in rows]
    return pa.table(
        {
            name: pa.array([row[place] for row in rows], kind)
            for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
        }
    )
