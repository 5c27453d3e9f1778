"""Shapes of tables as plain values, which may come from anybody, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bunter.database.shape import Column, Index, TableShape
from bunter.errors import ExportFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["described", "shape_of"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,120}")
_DEFAULT = re.compile(r"-?[0-9]{1,20}|'[A-Za-z0-9_ .-]*'|NULL|TRUE|FALSE", re.IGNORECASE)
_TYPES = frozenset({"INTEGER", "TEXT", "REAL", "BLOB", "BOOLEAN"})


def described(shape: TableShape) -> dict[str, Any]:
    """Return a shape as JSON knows it."""
    return {
        "name": shape.name,
        "columns": [[c.name, c.type, c.filled, c.default] for c in shape.columns],
        "key": list(shape.key),
        "unique": [list(names) for names in shape.unique],
        "indexes": [[i.name, list(i.columns), i.unique] for i in shape.indexes],
        "numbered": shape.numbered,
        "by_key": shape.by_key,
    }


def shape_of(tree: Mapping[str, Any]) -> TableShape:
    """Return the shape that `described` wrote.

    Raises
    ------
    ExportFileError
        If a name, a type or a default is nothing that a table of a repository can have: names become part of SQL.
    """
    columns = tuple(
        Column(_name(name), _type(kind), bool(filled), _default(value)) for name, kind, filled, value in tree["columns"]
    )
    known = {column.name for column in columns}
    shape = TableShape(
        _name(tree["name"]),
        columns,
        tuple(tree["key"]),
        tuple(tuple(names) for names in tree["unique"]),
        tuple(Index(_name(name), tuple(names), bool(unique)) for name, names, unique in tree["indexes"]),
        bool(tree["numbered"]),
        bool(tree["by_key"]),
    )
    used = {*shape.key, *(n for names in shape.unique for n in names), *(n for i in shape.indexes for n in i.columns)}
    if not used <= known:
        raise ExportFileError(f"table {shape.name} has no column {min(map(str, used - known))!r}")
    return shape


def _name(text: Any) -> str:
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise ExportFileError(f"{str(text)[:60]!r} cannot name a table, column or index")
    return text


def _type(text: Any) -> str:
    if text not in _TYPES:
        raise ExportFileError(f"no column has the type {str(text)[:60]!r}")
    return str(text)


def _default(text: Any) -> str | None:
    if text is None or (isinstance(text, str) and _DEFAULT.fullmatch(text)):
        return text
    raise ExportFileError(f"no column has the default {str(text)[:60]!r}")
