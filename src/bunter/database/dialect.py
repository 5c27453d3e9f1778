"""What must be said differently to different databases: pieces of SQL, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SQLITE", "Dialect", "SqliteDialect"]


class Dialect(Protocol):
    """The spelling of one database; the same for all of its connections."""

    name: ClassVar[Literal["sqlite", "postgresql"]]

    def listed(self, values: Sequence[object]) -> object:
        """Return values of one type as the one parameter that `unfolded` takes."""

    def unfolded(self, value: str, parameter: str, kind: type) -> str:
        """Return a condition: SQL for a value, or NULL, is among those of a parameter made by `listed`.

        Parameters
        ----------
        value : str
            SQL for the value.
        parameter : str
            Placeholder.
        kind : type
            Python's type of the values.
        """

    def pattern(self, pattern: str, style: Literal["glob", "like"]) -> str:
        """Return the parameter that `matched` takes for a pattern, minding upper and lower case."""

    def matched(self, value: str, parameter: str, pattern: str, style: Literal["glob", "like"]) -> str:
        """Return a condition: SQL for a text fits a pattern given by a placeholder."""

    def arithmetic(self, operator: str, left: str, right: str, kind: str) -> str:
        """Return SQL for a sum, product, quotient or remainder of ``int`` or ``float``; null where divided by zero."""

    def first_of_each(self, body: str, columns: Sequence[str], keys: Sequence[str], rank: str) -> str:
        """Return a SELECT of the rows of a statement that have the least rank among those with equal keys."""

    def joined_ids(self, sql: str) -> str:
        """Return the ids of a group one behind the other, as one value of bytes; in the order of `joined_numbers` beside it."""

    def joined_numbers(self, sql: str) -> str:
        """Return the whole numbers of a group, none of them null, as one text with commas between them."""

    def least(self, sql: str) -> str:
        """Return the least value of a group, of any type."""


class SqliteDialect:
    """SQLite's spelling."""

    name: ClassVar[Literal["sqlite", "postgresql"]] = "sqlite"

    def listed(self, values: Sequence[object]) -> object:
        """See `Dialect`."""
        import json

        return json.dumps([value.hex().upper() if isinstance(value, bytes) else value for value in values])

    def unfolded(self, value: str, parameter: str, kind: type) -> str:
        """See `Dialect`."""
        wanted = f"hex({value})" if kind is bytes else value
        return f"({wanted} IN (SELECT value FROM json_each({parameter})))"

    def pattern(self, pattern: str, style: Literal["glob", "like"]) -> str:
        """See `Dialect`."""
        return _sqlite_glob(pattern if style == "glob" else _as_glob(pattern))

    def matched(self, value: str, parameter: str, pattern: str, style: Literal["glob", "like"]) -> str:  # noqa: ARG002 - a dialect may use it
        """See `Dialect`."""
        return f"({value} GLOB {parameter})"

    def arithmetic(self, operator: str, left: str, right: str, kind: str) -> str:
        """See `Dialect`."""
        if operator == "%" and kind == "float":
            return f"({left} - {right} * CAST(({left}) / NULLIF({right}, 0) AS INTEGER))"
        return f"({left} {operator} {right})"

    def first_of_each(self, body: str, columns: Sequence[str], keys: Sequence[str], rank: str) -> str:
        """See `Dialect`; the other columns are those of the row that has the minimum, which SQLite promises."""
        listed = ", ".join([*columns, *keys])
        return f"SELECT {listed}, min({rank}) AS {rank} FROM ({body}) GROUP BY {', '.join(keys)}"

    def joined_ids(self, sql: str) -> str:
        """See `Dialect`; a text may have any bytes as long as nobody looks at its characters."""
        return f"CAST(group_concat(CAST({sql} AS TEXT), '') AS BLOB)"

    def joined_numbers(self, sql: str) -> str:
        """See `Dialect`."""
        return f"group_concat({sql})"

    def least(self, sql: str) -> str:
        """See `Dialect`."""
        return f"min({sql})"


SQLITE = SqliteDialect()


def _as_glob(pattern: str) -> str:
    r"""Turn a LIKE pattern (``%``, ``_``, backslash makes plain) into a GLOB pattern, which minds upper and lower case."""
    parts, plain = [], False
    for character in pattern:
        if not plain and character in "%_\\":
            plain = character == "\\"
            parts.append({"%": "*", "_": "?", "\\": ""}[character])
        else:
            parts.append(f"[{character}]" if character in "*?[" else character)
            plain = False
    return "".join(parts) + ("\\" if plain else "")


def _sqlite_glob(pattern: str) -> str:
    """Spell complements with ``^``, and make a bracket that is never closed a plain character."""
    parts: list[str] = []
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character != "[":
            parts.append(character)
            continue
        first = place + 1 if pattern[place : place + 1] in {"!", "^"} else place
        end = pattern.find("]", first + 1)
        if end < 0:
            parts.append("[[]")
            continue
        inner = pattern[place:end]
        parts.append(f"[^{inner[1:]}]" if inner[:1] in {"!", "^"} else f"[{inner}]")
        place = end + 1
    return "".join(parts)
