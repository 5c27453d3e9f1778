"""The type of columns of which nothing is known but that their values are null.

Uploaded rows take the types of their columns from the values. Where there is no value there is no type, yet such a column is
compared and joined like any other. So it has a type of its own, which becomes any other without being asked. (Two such
columns cannot be compared with each other: whoever joins uploads says of what kind their columns are.)
"""

from __future__ import annotations

__all__ = ["NOTHING"]

_OTHERS = {"bigint": "BIGINT", "double": "DOUBLE PRECISION", "text": "TEXT", "bytea": "BYTEA", "boolean": "BOOLEAN"}

NOTHING = (
    "CREATE TYPE nothing AS ENUM ()",
    *(
        f"CREATE FUNCTION nothing_{name}(nothing) RETURNS {kind} IMMUTABLE LANGUAGE sql AS 'SELECT CAST(NULL AS {kind})'"
        for name, kind in _OTHERS.items()
    ),
    *(
        f"CREATE CAST (nothing AS {kind}) WITH FUNCTION nothing_{name}(nothing) AS IMPLICIT"
        for name, kind in _OTHERS.items()
    ),
)
"""Statements that make the type, in the schema that is being made."""
