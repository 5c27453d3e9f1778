"""Indexes of header cards and user metadata, made on request: values in a table of their own, found by number or text.

Values are kept beside the documents instead of in an index of an expression, as a header's value stands in one of two
documents; one table serves both databases, and no statement changes the schema.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.database.json_text import json_text
from bunter.errors import MissingIndexError
from bunter.registry.annotation_sql import annotation_sql
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.dataset.annotations import (
        Annotation,
        CreateMetadataIndex,
        DropMetadataIndex,
        MetadataIndexes,
    )
    from bunter.registry.roster import Roster

__all__ = [
    "IndexRow",
    "create_metadata_index",
    "drop_metadata_index",
    "index_new",
    "indexed_fields",
    "indexes_of",
    "metadata_indexes",
]


@dataclass(frozen=True, slots=True)
class IndexRow:
    """An index with its number and that of its dataset type."""

    number: int
    type: int
    source: Annotation
    path: tuple[str, ...]


def indexed_fields(connection: Connection) -> list[IndexRow]:
    """Return all indexes."""
    rows = connection.fetchall("SELECT number, type, source, path FROM metadata_index ORDER BY number")
    return [IndexRow(number, kind, source, tuple(json.loads(path))) for number, kind, source, path in rows]


def indexes_of(roster: Roster, connection: Connection) -> Mapping[tuple[int, str, tuple[str, ...]], int]:
    """Return numbers of indexes by type, source and path, remembered with the roster: making one counts as a change of it."""
    known: dict[tuple[int, str, tuple[str, ...]], int] | None = roster.plans.get("metadata indexes")
    if known is None:
        known = {(row.type, row.source, row.path): row.number for row in indexed_fields(connection)}
        roster.plans["metadata indexes"] = known
    return known


def create_metadata_index(tx: Transaction, roster: Roster, change: CreateMetadataIndex) -> bool:
    """Index a field and fill the index; say whether it is new."""
    field = change.field
    kind = roster.type_row(field.dataset_type)
    wanted = (kind.number, field.source, json.dumps(field.path, ensure_ascii=False))
    if tx.fetchone("SELECT 1 FROM metadata_index WHERE type = ? AND source = ? AND path = ?", wanted) is not None:
        return False
    tx.touch()
    row = tx.fetchone("INSERT INTO metadata_index (type, source, path) VALUES (?, ?, ?) RETURNING number", wanted)
    assert row is not None, "an inserted row has a number"
    _fill(tx, IndexRow(row[0], kind.number, field.source, field.path), f"{kind.layout.datasets} o")
    return True


def drop_metadata_index(tx: Transaction, roster: Roster, change: DropMetadataIndex) -> None:
    """Drop an index.

    Raises
    ------
    MissingIndexError
        If there is none.
    """
    field = change.field
    kind = roster.type_row(field.dataset_type)
    wanted = (kind.number, field.source, json.dumps(field.path, ensure_ascii=False))
    sql = "DELETE FROM metadata_index WHERE type = ? AND source = ? AND path = ? RETURNING number"
    row = tx.fetchone(sql, wanted)
    if row is None:
        raise MissingIndexError(
            f"{field} is not indexed; `bunter index-metadata REPO --list` shows which cards and values are"
        )
    tx.touch()
    tx.execute("DELETE FROM metadata_value WHERE field = ?", (row[0],))


def index_new(
    tx: Transaction, roster: Roster, fields: Iterable[IndexRow], ids: Sequence[bytes], *, again: bool = False
) -> None:
    """Enter values of datasets that have just been written into the indexes; ``again`` if they may be in them."""
    mine = list(fields)
    if not mine or not ids:
        return
    table = tx.upload("indexed", 1, [(id_,) for id_ in ids])
    if again:
        numbers = ", ".join(str(row.number) for row in mine)
        among = f"id IN (SELECT c0 FROM {table})"
        tx.execute(f"DELETE FROM metadata_value WHERE field IN ({numbers}) AND {among}")
    for row in mine:
        if row.type in roster.by_number:
            _fill(tx, row, f"{table} q JOIN dataset o ON o.id = q.c0")


def _fill(tx: Transaction, row: IndexRow, source: str) -> None:
    spelling = json_text(tx)
    number = annotation_sql(spelling, row.source, "o.id", "?1", "float")
    text = annotation_sql(spelling, row.source, "o.id", "?1", "str")
    found = f"SELECT o.id, {number} AS number, {text} AS text FROM {source} WHERE o.type = {row.type}"
    tx.execute(
        "INSERT INTO metadata_value (field, id, number, text) "
        f"SELECT {row.number}, f.id, f.number, f.text FROM ({found}) f WHERE f.number IS NOT NULL OR f.text IS NOT NULL",
        (spelling.path(row.path),),
    )


def metadata_indexes(connection: Connection, roster: Roster, inquiry: MetadataIndexes) -> pa.Table:
    """Answer `MetadataIndexes`."""
    del inquiry
    pa = pyarrow()
    counts: dict[int, int] = dict(connection.fetchall("SELECT field, count(*) FROM metadata_value GROUP BY field"))
    rows: list[tuple[Any, ...]] = [
        (roster.by_number[row.type].dataset_type.name, row.source, list(row.path), counts.get(row.number, 0))
        for row in indexed_fields(connection)
        if row.type in roster.by_number
    ]
    kinds = {"dataset_type": pa.string(), "source": pa.string(), "path": pa.list_(pa.string()), "rows": pa.int64()}
    return pa.table(
        {name: pa.array([row[place] for row in rows], kind) for place, (name, kind) in enumerate(kinds.items())}
    )
