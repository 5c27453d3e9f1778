"""The tables of a SQLite database as they stand in its catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.database.shape import Column, Index, TableShape

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., list[tuple[Any, ...]]]

__all__ = ["sqlite_tables"]


def sqlite_tables(ask: Ask) -> list[TableShape]:
    """Return all tables, sorted by name; ``ask`` returns the rows of a statement with its parameters."""
    sql = "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    return [_table(ask, name, by_key=bool(wr)) for name, wr in ask(sql)]


def _table(ask: Ask, name: str, *, by_key: bool) -> TableShape:
    rows = ask('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?) ORDER BY cid', (name,))
    columns = tuple(Column(row[0], row[1], bool(row[2]), row[3]) for row in rows)
    key = tuple(row[0] for row in sorted(rows, key=lambda row: row[4]) if row[4])
    unique, indexes = [], []
    for index, is_unique, origin in ask('SELECT name, "unique", origin FROM pragma_index_list(?)', (name,)):
        found = ask("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,))
        names = tuple(row[0] for row in found)
        if origin == "u":
            unique.append(names)
        elif origin == "c":
            indexes.append(Index(index, names, bool(is_unique)))
    numbered = len(key) == 1 and not by_key and any(c.name == key[0] and c.type == "INTEGER" for c in columns)
    return TableShape(
        name, columns, key, tuple(sorted(unique)), tuple(sorted(indexes)), numbered=numbered, by_key=by_key
    )
