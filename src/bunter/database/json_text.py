"""What is asked of JSON kept as text, in the words of each database.

A path is the parameter that `path` makes of the keys that lead to a value. Values of another type than the one wanted, and
those that are not there, are null; nothing is ever an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["JsonText", "Wanted", "json_text"]

Wanted = Literal["int", "float", "str", "bool", "any"]


class JsonText(Protocol):
    """The spelling of one database."""

    def path(self, keys: Sequence[str]) -> str:
        """Return the parameter for keys that hold neither quotes nor backslashes."""

    def value(self, document: str, path: str, wanted: Wanted) -> str:
        """Return SQL for a value: ``int`` any number as it is, ``float`` as a float, ``any`` something unless it is null."""

    def is_missing(self, document: str, path: str) -> str:
        """Return SQL for: the document has nothing at this path, not even a null."""


class SqliteJson:
    """SQLite's functions."""

    def path(self, keys: Sequence[str]) -> str:
        """See `JsonText`."""
        return "$" + "".join(f'."{key}"' for key in keys)

    def value(self, document: str, path: str, wanted: Wanted) -> str:
        """See `JsonText`."""
        kind, value = f"json_type({document}, {path})", f"json_extract({document}, {path})"
        match wanted:
            case "str":
                return f"CASE WHEN {kind} = 'text' THEN {value} END"
            case "int":
                return f"CASE WHEN {kind} IN ('integer', 'real') THEN {value} END"
            case "float":
                return f"CASE WHEN {kind} IN ('integer', 'real') THEN CAST({value} AS REAL) END"
            case "bool":
                return f"CASE {kind} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
            case _:
                return f"CASE WHEN {kind} <> 'null' THEN {kind} END"

    def is_missing(self, document: str, path: str) -> str:
        """See `JsonText`."""
        return f"json_type({document}, {path}) IS NULL"


class PostgresJson:
    """PostgreSQL's operators of ``jsonb``."""

    def path(self, keys: Sequence[str]) -> str:
        """See `JsonText`."""
        return "{" + ",".join(f'"{key}"' for key in keys) + "}"

    def value(self, document: str, path: str, wanted: Wanted) -> str:
        """See `JsonText`."""
        value = _value(document, path)
        kind = f"jsonb_typeof({value})"
        match wanted:
            case "str":
                return f"CASE WHEN {kind} = 'string' THEN ({value} #>> '{{}}') COLLATE \"C\" END"
            case "int":
                return f"CASE WHEN {kind} = 'number' THEN CAST({value} AS numeric) END"
            case "float":
                return f"CASE WHEN {kind} = 'number' THEN CAST({value} AS DOUBLE PRECISION) END"
            case "bool":
                return f"CASE WHEN {kind} = 'boolean' THEN CAST({value} AS boolean) END"
            case _:
                return f"CASE WHEN {kind} <> 'null' THEN {kind} END"

    def is_missing(self, document: str, path: str) -> str:
        """See `JsonText`."""
        return f"{_value(document, path)} IS NULL"


def _value(document: str, path: str) -> str:
    return f"(CAST({document} AS jsonb) #> CAST({path} AS text[]))"


def json_text(connection: object) -> JsonText:
    """Return the spelling for a connection; SQLite's where it names no other."""
    name = getattr(getattr(connection, "dialect", None), "name", "sqlite")
    return PostgresJson() if name == "postgresql" else SqliteJson()
