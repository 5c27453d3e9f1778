"""Schemas that change: numbered steps, carried out in the transaction that says they were."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.errors import UpgradeNeededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bunter.database.connection import Connection, Transaction

__all__ = ["Migration", "OnlyMissing", "column_names", "pending", "table_names"]

_CREATES = re.compile(
    r"\s*CREATE\s+(?:UNIQUE\s+)?(?:TABLE|INDEX)\s+(?:IF\s+NOT\s+EXISTS\s+)?\"?(\w+)\"?", re.IGNORECASE
)
_FILLS = re.compile(r"\s*INSERT\s+INTO\s+\"?(\w+)\"?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a format to the next.

    Parameters
    ----------
    number : int
        Format that it leads to.
    title : str
        What it does, for the user.
    carry_out : callable
        Does it, in a transaction.
    oldest_reader, oldest_writer : int
        The oldest format whose software can still read, or write, what the step leaves.
    """

    number: int
    title: str
    carry_out: Callable[[Transaction], None]
    oldest_reader: int
    oldest_writer: int


def pending(steps: Sequence[Migration], version: int) -> list[Migration]:
    """Return the steps that lead from a format to the last one, in order.

    Raises
    ------
    UpgradeNeededError
        If there is no way from that format.
    """
    numbers = [step.number for step in steps]
    todo = [step for step in steps if step.number > version]
    if todo and todo[0].number != version + 1:
        raise UpgradeNeededError(
            f"there is no way from format {version}; this Bunter knows the steps to {', '.join(map(str, numbers))}"
        )
    return todo


def table_names(connection: Connection) -> set[str]:
    """Return the names of all tables and indexes."""
    if getattr(getattr(connection, "dialect", None), "name", "sqlite") == "postgresql":
        sql = (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema()"
        )
    else:
        sql = "SELECT name FROM sqlite_master"
    return {str(name) for (name,) in connection.fetchall(sql)}


def column_names(connection: Connection, table: str) -> set[str]:
    """Return the names of a table's columns."""
    cursor = connection.execute(f'SELECT * FROM "{table}" LIMIT 0')
    return {column[0] for column in cursor.description}


class OnlyMissing:
    """Stands for a transaction where tables are made: those that are there are left as they are.

    So the functions that make the tables of a new repository also complete those of an old one.

    Parameters
    ----------
    transaction : Transaction
        Where what is missing is made.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._known = table_names(transaction)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Carry out a statement unless it makes, or fills, what was there before."""
        found = _CREATES.match(sql) or _FILLS.match(sql)
        if found is not None and found[1] in self._known:
            return None
        return self._transaction.execute(sql, parameters)

    def define(self, statements: Iterable[str]) -> None:
        """Carry out those that make something that is not there yet."""
        for statement in statements:
            self.execute(statement)

    def bulk_insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """Insert rows unless the table was there before."""
        return 0 if table in self._known else self._transaction.bulk_insert(table, columns, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)
