"""SQL of the few expressions in views that differ between databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.values import MAX_NS, MIN_NS

if TYPE_CHECKING:
    from bunter.database.connection import Connection

__all__ = ["ViewText"]

_UUID_PARTS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
_NS = 1_000_000_000


class ViewText:
    """Writes ids, bytes and instants as text in the SQL of one database.

    Parameters
    ----------
    postgresql : bool
        Whether it is for PostgreSQL; SQLite otherwise.
    """

    def __init__(self, *, postgresql: bool) -> None:
        self._postgresql = postgresql

    @classmethod
    def of(cls, connection: Connection) -> ViewText:
        """Return the writer for a connection's database."""
        dialect = getattr(connection, "dialect", None)
        return cls(postgresql=getattr(dialect, "name", "sqlite") == "postgresql")

    def uuid(self, column: str) -> str:
        """Text of an id of 16 bytes, as UUIDs are written."""
        if self._postgresql:
            return f"CAST(encode({column}, 'hex') AS uuid)::text"
        return "lower(" + " || '-' || ".join(f"substr(hex({column}), {at}, {n})" for at, n in _UUID_PARTS) + ")"

    def hex(self, column: str) -> str:
        """Bytes as hexadecimal digits."""
        return f"encode({column}, 'hex')" if self._postgresql else f"lower(hex({column}))"

    def instant(self, column: str) -> str:
        """ISO text (TAI, to the millisecond) of an instant in ns; null for an end that is open."""
        seconds = f"{column} / {_NS}"  # whole seconds first: a double would round the milliseconds of a sum
        below = f"({column} % {_NS}) / 1000000"
        if self._postgresql:
            whole = f"to_timestamp(({seconds})::double precision) AT TIME ZONE 'UTC'"
            text = f"to_char({whole}, 'YYYY-MM-DD\"T\"HH24:MI:SS.') || lpad(({below})::text, 3, '0')"
        else:
            text = f"strftime('%Y-%m-%dT%H:%M:%S.', {seconds}, 'unixepoch') || substr('00' || ({below}), -3)"
        # Instants before 1970 are none that a telescope in these tables has seen, but they must not become wrong text.
        return f"CASE WHEN {column} > 0 AND {column} < {MAX_NS} THEN {text} END"

    def merged(self, document: str, changes: str) -> str:
        """JSON object (text) with the values of another one in place of its own; those that are null there are left out."""
        if self._postgresql:
            return f"CAST(jsonb_strip_nulls(CAST({document} AS jsonb) || CAST({changes} AS jsonb)) AS text)"
        return f"json_patch({document}, {changes})"

    def bound(self, column: str) -> str:
        """Return an instant in ns; null for an end that is open."""
        return f"CASE WHEN {column} > {MIN_NS} AND {column} < {MAX_NS} THEN {column} END"
