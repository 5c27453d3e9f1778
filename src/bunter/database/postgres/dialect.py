"""PostgreSQL's spelling of what databases say differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from bunter.database.postgres.rows import array

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["POSTGRESQL", "PostgresDialect"]

_TYPES = {int: "BIGINT", float: "DOUBLE PRECISION", str: "TEXT", bytes: "BYTEA", bool: "BOOLEAN"}
_BARE = frozenset(".^$*+?()[]{}|\\")


class PostgresDialect:
    """PostgreSQL's spelling."""

    name: ClassVar[Literal["sqlite", "postgresql"]] = "postgresql"

    def listed(self, values: Sequence[object]) -> object:
        """See `Dialect`."""
        return array(values)

    def unfolded(self, value: str, parameter: str, kind: type) -> str:
        """See `Dialect`."""
        return f"({value} = ANY (CAST({parameter} AS {_TYPES[kind]}[])))"

    def pattern(self, pattern: str, style: Literal["glob", "like"]) -> str:
        """See `Dialect`: LIKE, which an index may help, or a regular expression where there are brackets."""
        if style == "like":
            return _mended(pattern)
        return _glob_as_expression(pattern) if "[" in pattern else _glob_as_like(pattern)

    def matched(self, value: str, parameter: str, pattern: str, style: Literal["glob", "like"]) -> str:
        """See `Dialect`."""
        return f"({value} {'~' if style == 'glob' and '[' in pattern else 'LIKE'} {parameter})"

    def arithmetic(self, operator: str, left: str, right: str, kind: str) -> str:
        """See `Dialect`."""
        if operator not in {"/", "%"}:
            return f"({left} {operator} {right})"
        divisor = f"NULLIF({right}, 0)"
        if operator == "%" and kind == "float":
            return f"({left} - {right} * trunc(({left}) / {divisor}))"
        return f"({left} {operator} {divisor})"

    def first_of_each(self, body: str, columns: Sequence[str], keys: Sequence[str], rank: str) -> str:
        """See `Dialect`."""
        listed, grouped = ", ".join([*columns, *keys, rank]), ", ".join(keys)
        return f"SELECT DISTINCT ON ({grouped}) {listed} FROM ({body}) AS found ORDER BY {grouped}, {rank}"

    def joined_ids(self, sql: str) -> str:
        """See `Dialect`."""
        return f"string_agg({sql}, CAST('' AS BYTEA))"

    def joined_numbers(self, sql: str) -> str:
        """See `Dialect`."""
        return f"string_agg(CAST({sql} AS TEXT), ',')"

    def least(self, sql: str) -> str:
        """See `Dialect`; there is no min() of truth values and bytes."""
        return f"(array_agg({sql} ORDER BY {sql} ASC NULLS LAST))[1]"


POSTGRESQL = PostgresDialect()


def _mended(pattern: str) -> str:
    """Make a backslash at the end, which has nothing to make plain, a plain one."""
    backslashes = len(pattern) - len(pattern.rstrip("\\"))
    return pattern + "\\" if backslashes % 2 else pattern


def _glob_as_like(pattern: str) -> str:
    signs = {"*": "%", "?": "_", "%": "\\%", "_": "\\_", "\\": "\\\\"}
    return "".join(signs.get(character, character) for character in pattern)


def _glob_as_expression(pattern: str) -> str:
    parts: list[str] = []
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "[" and (end := _closing(pattern, place)) > 0:
            parts.append(_bracket(pattern[place:end]))
            place = end + 1
        elif character in "*?":
            parts.append({"*": ".*", "?": "."}[character])
        else:
            parts.append(f"\\{character}" if character in _BARE else character)
    return f"^{''.join(parts)}$"


def _closing(pattern: str, begin: int) -> int:
    """Place of the bracket's end; a ``]`` that comes first is a plain character."""
    first = begin + 1 if pattern[begin : begin + 1] in {"!", "^"} else begin
    return pattern.find("]", first + 1)


def _bracket(inner: str) -> str:
    negated = inner[:1] in {"!", "^"}
    members = inner[1:] if negated else inner
    ranges, place = [], 0
    while place < len(members):
        if place + 2 < len(members) and members[place + 1] == "-":
            if members[place] <= members[place + 2]:
                ranges.append(f"{_member(members[place])}-{_member(members[place + 2])}")
            place += 3
        else:
            ranges.append(_member(members[place]))
            place += 1
    if not ranges:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(ranges)}]"


def _member(character: str) -> str:
    return f"\\{character}" if character in "[]\\^-" else character
