"""Header cards of datasets: kept, returned, and named."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from bunter.dataset.header import unpacked
from bunter.registry.header_bases import on_earlier_bases
from bunter.registry.metadata_index import index_new, indexed_fields
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bunter.database import Connection, Transaction
    from bunter.dataset.annotations import AddHeaders, CardNames, CardValues, HeadersOf
    from bunter.registry.roster import Roster

__all__ = ["add_headers", "card_names", "card_values", "headers_of", "remove_headers"]

_LOOKED_AT = 5000


def add_headers(tx: Transaction, roster: Roster, change: AddHeaders) -> int:
    """Keep headers; return how many are new."""
    known = _known(tx, [row.id for row in change.rows])
    rows = [row for row in change.rows if row.id not in known]
    if not rows:
        return 0
    left, moved = on_earlier_bases(tx, change.bases, rows)
    uses = Counter(row.base for row in left)
    first = 1 + ((tx.fetchone("SELECT max(number) FROM header_base") or (None,))[0] or 0)
    numbers = {place: first + count for count, place in enumerate(sorted(uses))}
    tx.executemany(
        "INSERT INTO header_base (number, cards, packed, uses) VALUES (?, ?, ?, ?)",
        [(number, *change.bases[place], uses[place]) for place, number in numbers.items()],
    )
    tx.executemany(
        "INSERT INTO header (id, base, cards, packed, primary_size) VALUES (?, ?, ?, ?, ?)",
        sorted(
            (row.id, number, row.cards, row.packed, row.primary_size)
            for number, row in [*((numbers[row.base], row) for row in left), *moved]
        ),
    )
    fields = [each for each in indexed_fields(tx) if each.source == "header"]
    index_new(tx, roster, fields, [row.id for row in rows])
    return len(rows)


def _known(tx: Transaction, ids: Sequence[bytes]) -> set[bytes]:
    table = tx.upload("headed", 1, [(id_,) for id_ in ids])
    return {id_ for (id_,) in tx.fetchall(f"SELECT id FROM header WHERE id IN (SELECT c0 FROM {table})")}


def remove_headers(tx: Transaction, gone: str) -> None:
    """Remove the headers of datasets whose ids were uploaded, and bases that no other header uses."""
    mine = f"h.id IN (SELECT c0 FROM {gone})"
    used = tx.fetchall(f"SELECT h.base, count(*) FROM header h WHERE {mine} GROUP BY h.base")
    if not used:
        return
    tx.execute(f"DELETE FROM header WHERE id IN (SELECT c0 FROM {gone})")
    tx.executemany("UPDATE header_base SET uses = uses - ? WHERE number = ?", [(n, base) for base, n in used])
    tx.execute("DELETE FROM header_base WHERE uses <= 0")


def headers_of(connection: Connection, roster: Roster, inquiry: HeadersOf) -> pa.Table:
    """Answer `HeadersOf`."""
    del roster
    pa = pyarrow()
    source, parameters = connection.inline_ids(inquiry.ids)
    rows = connection.fetchall(
        f"SELECT h.id, h.base, h.packed, h.primary_size FROM header h WHERE h.id IN (SELECT w.id FROM {source} w)",
        parameters,
    )
    wanted = sorted({base for _, base, _, _ in rows})
    bases = connection.upload("bases", 1, [(base,) for base in wanted])
    packed: dict[int, bytes] = dict(
        connection.fetchall(f"SELECT number, packed FROM header_base WHERE number IN (SELECT c0 FROM {bases})")
    )
    texts = [unpacked(packed[base], own, size) for _, base, own, size in rows]
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.binary(16)),
            "primary": pa.array([text.primary for text in texts], pa.large_binary()),
            "own": pa.array([text.own for text in texts], pa.large_binary()),
        }
    )


def card_values(connection: Connection, roster: Roster, inquiry: CardValues) -> pa.Table:
    """Answer `CardValues`."""
    del roster
    pa = pyarrow()
    table = connection.upload("headed", 1, [(id_,) for id_ in inquiry.ids])
    mine = f"SELECT id, base, cards FROM header WHERE id IN (SELECT c0 FROM {table})"
    rows = connection.fetchall(mine)
    bases = connection.upload("bases", 1, [(base,) for base in sorted({row[1] for row in rows})])
    sql = f"SELECT number, cards FROM header_base WHERE number IN (SELECT c0 FROM {bases})"
    shared = {number: json.loads(cards) for number, cards in connection.fetchall(sql)}
    chosen = [_chosen(json.loads(cards), shared[base], inquiry.names) for _, base, cards in rows]
    return pa.table(
        {"id": pa.array([row[0] for row in rows], pa.binary(16)), "values": pa.array(chosen, pa.list_(pa.string()))}
    )


def _chosen(own: dict[str, Any], base: dict[str, Any], names: Sequence[str]) -> list[str | None]:
    found = (own[name] if name in own else base.get(name) for name in names)
    return [None if value is None else json.dumps(value) for value in found]


def card_names(connection: Connection, roster: Roster, inquiry: CardNames) -> pa.Table:
    """Answer `CardNames`."""
    pa = pyarrow()
    kind = roster.type_row(inquiry.dataset_type)
    mine = f"SELECT id FROM {kind.layout.datasets} WHERE type = {kind.number} LIMIT {_LOOKED_AT}"
    names: set[str] = set()
    if inquiry.source == "header":
        of = f"SELECT DISTINCT base FROM header WHERE id IN ({mine})"
        for (cards,) in connection.fetchall(f"SELECT cards FROM header_base WHERE number IN ({of})"):
            names.update(json.loads(cards))
    else:
        sql = f"SELECT DISTINCT document FROM metadata WHERE id IN ({mine})"
        for (document,) in connection.fetchall(sql):
            names.update(_paths(json.loads(document)))
    return pa.table({"name": pa.array(sorted(names), pa.string())})


def _paths(document: dict[str, object], before: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in document.items():
        found.add(before + key)
        if isinstance(value, dict):
            found |= _paths(value, f"{before}{key}.")
    return found
