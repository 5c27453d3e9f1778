"""Statements that insert one row, made to insert many: a statement costs SQLite more than the row it carries."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["wide_insertions"]

_INSERT = re.compile(
    r"(?P<head>\s*INSERT\s[^?]*?\bVALUES\s*)(?P<row>\([^()]*\))(?P<tail>\s*(?:ON\s+CONFLICT\b[^?]*)?)",
    re.IGNORECASE | re.DOTALL,
)
_ROWS = 100
_VALUES = 2000
_PART = 10_000


def wide_insertions(sql: str, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, Iterable[Sequence[Any]]]]:
    """Split rows into parts, each with the statement that inserts it; other statements get all rows as they are.

    Parameters
    ----------
    sql : str
        A statement for one row.
    rows : iterable of sequence
        Values of each row.

    Yields
    ------
    str, iterable of sequence
        What ``executemany`` takes.
    """
    if (found := _widened(sql)) is None:
        yield sql, rows
        return
    wide, width, several = found
    remaining = iter(rows)
    while part := list(islice(remaining, _PART)):
        whole = len(part) // several * several
        if whole and set(map(len, part)) == {width}:  # a row of another length must not shift those after it
            values = chain.from_iterable(islice(part, whole))
            yield wide, zip(*[values] * (several * width), strict=True)
            part = part[whole:]
        if part:
            yield sql, part


@lru_cache(maxsize=256)
def _widened(sql: str) -> tuple[str, int, int] | None:
    """Return the statement for several rows, how many values a row takes, and for how many rows."""
    found = _INSERT.fullmatch(sql)
    width = 0 if found is None else found["row"].count("?")
    if found is None or not width or re.search(r"\?\d|[':]", found["row"]):
        return None
    several = max(1, min(_ROWS, _VALUES // width))
    return f"{found['head']}{', '.join([found['row']] * several)}{found['tail']}", width, several
