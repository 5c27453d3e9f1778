"""Further names of dataset types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import dataset_type_name_problem
from bunter.errors import ConflictingDefinitionError, MissingDatasetTypeError, near
from bunter.registry.layout import LIVE

if TYPE_CHECKING:
    from bunter.database import Transaction
    from bunter.dataset.changes import RegisterAlias, RemoveAlias
    from bunter.registry.roster import Roster

__all__ = ["ALIAS_TABLE", "register_alias", "remove_alias", "retire_aliases"]

ALIAS_TABLE = f"""
CREATE TABLE dataset_type_alias (
    name TEXT NOT NULL, type INTEGER NOT NULL, added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT {LIVE},
    PRIMARY KEY (name, retired)
) WITHOUT ROWID
"""


def register_alias(tx: Transaction, roster: Roster, change: RegisterAlias) -> bool:
    """Give a dataset type a further name; say whether it is new. A name never stands for two types."""
    row = roster.type_row(change.dataset_type)
    target = row.dataset_type.name
    if problem := _problem(roster, change.alias, target):
        raise ConflictingDefinitionError(problem)
    if roster.rows.aliases.get(change.alias) == target:
        return False
    tx.execute(
        "INSERT INTO dataset_type_alias (name, type, added) VALUES (?, ?, ?)",
        (change.alias, row.number, tx.next_change()),
    )
    tx.touch()
    return True


def _problem(roster: Roster, alias: str, target: str) -> str | None:
    if problem := dataset_type_name_problem(alias):
        return problem
    if alias in roster.universe:
        return f"{alias!r} is a dimension and cannot name a dataset type as well; choose another name"
    if alias in roster.rows.aliases:
        known = roster.rows.aliases[alias]
        return None if known == target else f"{alias!r} stands for {known!r} already; remove that alias first"
    if alias in roster.rows:
        return f"{alias!r} is a dataset type itself and cannot stand for {target!r}; choose another name"
    return None


def remove_alias(tx: Transaction, roster: Roster, change: RemoveAlias) -> None:
    """Take a further name away; the dataset type stays."""
    known = roster.rows.aliases
    if change.alias not in known:
        hint = near(change.alias, known) or (f"; there are {', '.join(known)}" if known else "; there are none")
        raise MissingDatasetTypeError(f"no alias {change.alias!r}{hint}")
    _retire(tx, "name = ?", change.alias)
    tx.touch()


def retire_aliases(tx: Transaction, number: int) -> None:
    """Take all aliases of a dataset type away."""
    _retire(tx, "type = ?", number)


def _retire(tx: Transaction, condition: str, value: object) -> None:
    now = tx.next_change()
    tx.execute(f"DELETE FROM dataset_type_alias WHERE {condition} AND added = {now}", (value,))
    tx.execute(f"UPDATE dataset_type_alias SET retired = {now} WHERE {condition} AND retired = {LIVE}", (value,))
