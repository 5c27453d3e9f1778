"""The stamp of a schema of ours: the format of its tables, and for what it is made until that is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bunter.database.sqlite import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SchemaState", "Stamp", "quoted_name", "quoted_text"]

_BEGINNING = "Bunter, database format "
_UNFINISHED = "; being made for "


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a comment on one of its tables says of a schema.

    Parameters
    ----------
    version : str
        The format of the tables, a number unless somebody else wrote it.
    claim : str, optional
        For what the schema is made; None once that is done.
    """

    version: str = str(SCHEMA_VERSION)
    claim: str | None = None

    @classmethod
    def of(cls, comment: str | None) -> Self | None:
        """Read a comment; None if it is not ours."""
        if comment is None or not comment.startswith(_BEGINNING):
            return None
        version, unfinished, claim = comment.removeprefix(_BEGINNING).partition(_UNFINISHED)
        return cls(version, claim if unfinished else None)

    def __str__(self) -> str:
        return f"{_BEGINNING}{self.version}" + ("" if self.claim is None else f"{_UNFINISHED}{self.claim}")

    def statement(self) -> str:
        """Return what writes it."""
        return f"COMMENT ON TABLE generation IS {quoted_text(str(self))}"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What is known of a schema that is there.

    Parameters
    ----------
    stamp : Stamp, optional
        None if it is not ours, or empty.
    size : int
        Number of tables, views and indexes in it.
    """

    stamp: Stamp | None
    size: int

    @classmethod
    def look(cls, run: Callable[[str, list[Any]], Any], schema: str) -> Self | None:
        """Ask the server; None if there is no such schema."""
        row = run(
            "SELECT obj_description(c.oid, 'pg_class'), (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid) "
            "FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'generation' "
            "WHERE n.nspname = $1",
            [schema],
        ).fetchone()
        return None if row is None else cls(Stamp.of(row[0]), row[1])


def quoted_name(name: str) -> str:
    """Return a name as SQL has it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def quoted_text(text: str) -> str:
    """Return a text as SQL has it, for statements that take no parameters."""
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{doubled}'"
