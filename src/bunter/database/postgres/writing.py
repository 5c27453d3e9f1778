"""Statements that insert one row, told apart, so that many rows go in at once: by COPY, or as arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Insertion", "insertion"]

_INSERT = re.compile(
    r"""
    \s*INSERT\s+INTO\s+(?P<table>\w+|"[^"]+")\s*(?:\((?P<columns>[^()]*)\)\s*)?
    VALUES\s*\((?P<values>[^()]*)\)\s*(?P<tail>ON\s+CONFLICT\b.*)?\s*
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_UPDATES = re.compile(r"\bDO\s+UPDATE\b", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True)
class Insertion:
    """An INSERT of one row.

    Parameters
    ----------
    table : str
        Name of the table.
    columns : tuple of str
        Columns that come with each row, then those that are the same for all rows; empty if all do, in the table's order.
    constants : tuple of int
        Values that are the same for all rows.
    width : int
        Number of values that come with each row.
    many : str, optional
        Statement that inserts all rows of an upload named ``rows`` and minds conflicts; None if these are errors.
    """

    table: str
    columns: tuple[str, ...]
    constants: tuple[int, ...]
    width: int
    many: str | None


@lru_cache(maxsize=1024)
def insertion(sql: str) -> Insertion | None:
    """Tell an INSERT of one row with ``?`` apart; None for other statements.

    A statement that replaces rows is left alone: of two rows with one key the later would have to win.
    """
    found = _INSERT.fullmatch(sql)
    tail = "" if found is None else found["tail"] or ""
    if found is None or "?" in tail or _UPDATES.search(tail):
        return None
    values = [value.strip() for value in found["values"].split(",")]
    names = [name.strip().strip('"') for name in (found["columns"] or "").split(",") if name.strip()]
    if not all(value == "?" or (names and _NUMBER.fullmatch(value)) for value in values):
        return None
    varying = [name for name, value in zip(names, values, strict=bool(names)) if value == "?"]
    fixed = {name: int(value) for name, value in zip(names, values, strict=bool(names)) if value != "?"}
    table, columns, width = found["table"].strip('"'), (*varying, *fixed), values.count("?")
    many = _many(table, columns, tuple(fixed.values()), width, tail) if tail else None
    return Insertion(table, columns, tuple(fixed.values()), width, many)


def _many(table: str, columns: tuple[str, ...], constants: tuple[int, ...], width: int, tail: str) -> str:
    chosen = ", ".join([*(f"q.c{place}" for place in range(width)), *map(str, constants)])
    listed = f" ({', '.join(map(_quoted, columns))})" if columns else ""
    return f"INSERT INTO {_quoted(table)}{listed} SELECT {chosen} FROM temp.upload_rows q {tail}"


def _quoted(name: str) -> str:
    return f'"{name}"'
