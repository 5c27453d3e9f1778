"""The tables of a schema on a server as they stand in its catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bunter.database.shape import Column, Index, TableShape

if TYPE_CHECKING:
    from bunter.database.connection import Connection

__all__ = ["BY_KEY", "server_tables"]

BY_KEY = "rows by key"
"""Comment on tables that SQLite would keep in the order of their keys: it makes no difference here, but on the way back."""

_TYPES = {"int8": "INTEGER", "text": "TEXT", "float8": "REAL", "bytea": "BLOB", "bool": "BOOLEAN"}
_CAST = re.compile(r"^\(?'?(?P<value>.*?)'?\)?::[\w ]+$", re.DOTALL)
_TABLES = """
    SELECT c.oid::bigint, c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class c
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind = 'r' ORDER BY c.relname COLLATE "C"
"""
_COLUMNS = """
    SELECT a.attname::text, t.typname::text, a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity::text <> ''
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_INDEXES = """
    SELECT i.relname::text, x.indisunique, x.indisprimary, k.contype IS NOT NULL, (
        SELECT string_agg(a.attname::text, chr(9) ORDER BY o.place)
        FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS o (number, place)
        JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = o.number
    ) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid
    WHERE x.indrelid = $1::oid
"""


def server_tables(connection: Connection) -> list[TableShape]:
    """Return all tables of the schema, sorted by name."""
    rows = connection.raw.run(_TABLES).fetchall()
    return [_table(connection, number, name, by_key=comment == BY_KEY) for number, name, comment in rows]


def _table(connection: Connection, number: int, name: str, *, by_key: bool) -> TableShape:
    rows = connection.raw.run(_COLUMNS, [number]).fetchall()
    columns = tuple(
        Column(column, _TYPES.get(kind, kind), bool(filled), None if drawn else _default(default))
        for column, kind, filled, default, drawn in rows
    )
    key: tuple[str, ...] = ()
    unique, indexes = [], []
    for index, is_unique, primary, constraint, listed in connection.raw.run(_INDEXES, [number]).fetchall():
        names = tuple(listed.split("\t"))
        if primary:
            key = names
        elif constraint:
            unique.append(names)
        else:
            indexes.append(Index(index, names, is_unique))
    numbered = any(drawn for *_, drawn in rows)
    return TableShape(
        name, columns, key, tuple(sorted(unique)), tuple(sorted(indexes)), numbered=numbered, by_key=by_key
    )


def _default(text: str | None) -> str | None:
    """Return a default as it was written, without the type that the server adds."""
    if text is None:
        return None
    found = _CAST.match(text)
    if found is None:
        return text
    value = found["value"]
    return value if re.fullmatch(r"-?[0-9.]+", value) else f"'{value}'"
