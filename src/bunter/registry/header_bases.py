"""Bases of stored headers: one that was kept earlier serves those that come later, one by one, as well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bunter.dataset.header import HeaderBase, repacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Transaction
    from bunter.dataset.annotations import HeaderRow

__all__ = ["on_earlier_bases"]

_FEW = 4  # headers for which a base of their own costs more than it saves
_LOOKED_AT = 16


def on_earlier_bases(
    tx: Transaction, bases: Sequence[tuple[str, bytes]], rows: Sequence[HeaderRow]
) -> tuple[list[HeaderRow], list[tuple[int, HeaderRow]]]:
    """Pack headers beside bases that are kept already, where one has most of the same cards.

    Only bases that few of the rows share are replaced: those of many pay for themselves.

    Parameters
    ----------
    tx : Transaction
        Counts the new uses of the bases that it finds.
    bases : sequence of (str, bytes)
        Cards and packed text of the bases that came with the rows.
    rows : sequence of HeaderRow
        Headers, beside these.

    Returns
    -------
    left : list of HeaderRow
        Rows that stay with the bases they came with.
    moved : list of (int, HeaderRow)
        Numbers of earlier bases, and rows beside these.
    """
    shared: dict[int, list[HeaderRow]] = {}
    for row in rows:
        shared.setdefault(row.base, []).append(row)
    few = [place for place, mine in shared.items() if len(mine) <= _FEW]
    if not few:
        return list(rows), []
    known = {
        number: json.loads(cards)
        for number, cards in tx.fetchall(
            f"SELECT number, cards FROM header_base ORDER BY number DESC LIMIT {_LOOKED_AT}"
        )
    }
    moved: list[tuple[int, HeaderRow]] = []
    for place in few:
        number = _most_alike(json.loads(bases[place][0]), known)
        packed = None if number is None else _claimed(tx, number, len(shared[place]))
        if number is not None and packed is not None:
            other = HeaderBase.stored(known[number], packed)
            moved += [(number, repacked(row, bases[place], other)) for row in shared.pop(place)]
    return [row for mine in shared.values() for row in mine], moved


def _most_alike(cards: dict[str, Any], known: dict[int, dict[str, Any]]) -> int | None:
    """Return the base that has the most of these cards, if that is more than half; the latest of several."""
    alike = {number: sum(other.get(name) == value for name, value in cards.items()) for number, other in known.items()}
    best = max(alike, key=lambda number: (alike[number], number), default=None)
    return best if best is not None and 2 * alike[best] > len(cards) else None


def _claimed(tx: Transaction, number: int, uses: int) -> bytes | None:
    """Count uses of a base before anything relies on it; None if it went with its last header meanwhile."""
    row = tx.fetchone("UPDATE header_base SET uses = uses + ? WHERE number = ? RETURNING packed", (uses, number))
    return None if row is None else bytes(row[0])
