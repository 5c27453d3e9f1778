"""Changes to dataset types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import dataset_type_name_problem
from bunter.errors import ConflictingDefinitionError, OrphanedRecordError
from bunter.registry.aliases import retire_aliases
from bunter.registry.layout import LIVE, GroupLayout
from bunter.registry.roster import TypeRow
from bunter.registry.schema import create_group_tables
from bunter.registry.views import create_group_view, update_type_views
from bunter.storage_class.compatibility import compatibility_problem
from bunter.values import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.database import Connection, Transaction
    from bunter.dataset import DatasetType
    from bunter.dataset.changes import RegisterDatasetType, RegisterDatasetTypes, RemoveDatasetType
    from bunter.dimensions import DimensionGroup
    from bunter.registry.roster import Roster

__all__ = ["register_dataset_type", "register_dataset_types", "remove_dataset_type", "type_holdings"]


def register_dataset_type(tx: Transaction, roster: Roster, change: RegisterDatasetType) -> bool:
    """Make a dataset type, with tables if it is the first of its dimensions; say whether it is new."""
    return bool(_register(tx, roster, [change.dataset_type]))


def register_dataset_types(tx: Transaction, roster: Roster, change: RegisterDatasetTypes) -> int:
    """Make several dataset types; return how many are new."""
    return _register(tx, roster, change.dataset_types)


def _register(tx: Transaction, roster: Roster, kinds: Iterable[DatasetType]) -> int:
    rows, layouts = dict(roster.rows.items()), dict(roster.layouts)
    for new in kinds:
        if new.name in rows:
            _refuse_redefinition(rows[new.name].dataset_type, new)
            continue
        _refuse_name(roster, new.name)
        layout = layouts.get(new.dimensions.key) or _new_layout(tx, new.dimensions)
        made = tx.fetchone(
            "INSERT INTO dataset_type (name, dimension_group, storage_class, is_calibration, added) "
            "VALUES (?, ?, ?, ?, ?) RETURNING number",
            (new.name, layout.number, new.storage_class, new.is_calibration, tx.next_change()),
        )
        assert made is not None, "the statement returns the row that it makes"
        if layout.dimensions.key not in layouts:
            create_group_view(tx, layout, layouts.values())
            layouts[layout.dimensions.key] = layout
        rows[new.name] = TypeRow(int(made[0]), new, layout)
    if number := len(rows) - len(roster.rows):
        update_type_views(tx, roster.rows.values(), rows.values())
        tx.touch()
    return number


def _refuse_name(roster: Roster, name: str) -> None:
    if problem := dataset_type_name_problem(name):
        raise ConflictingDefinitionError(problem)
    if name in roster.rows.aliases:
        raise ConflictingDefinitionError(
            f"{name!r} is an alias of {roster.rows.aliases[name]!r}; choose another name, or remove the alias first"
        )


def _refuse_redefinition(known: DatasetType, new: DatasetType) -> None:
    """Refuse another definition; another storage class is none, if each can be turned into the other."""
    if known == new:
        return
    why = "its dimensions differ"
    if known.dimensions.required_names == new.dimensions.required_names:
        why = "one is a calibration and the other is not"
        if known.is_calibration == new.is_calibration:
            problem = compatibility_problem(known.storage_class, new.storage_class)
            if problem is None:
                return
            why = problem
    raise ConflictingDefinitionError(
        f"{known!r} is registered already and cannot become {new!r}: {why}; choose another name"
    )


def _new_layout(tx: Transaction, dimensions: DimensionGroup) -> GroupLayout:
    made = tx.fetchone("INSERT INTO dimension_group (key) VALUES (?) RETURNING number", (dimensions.key,))
    assert made is not None, "the statement returns the row that it makes"
    layout = GroupLayout(int(made[0]), dimensions)
    create_group_tables(tx, layout)
    return layout


def remove_dataset_type(tx: Transaction, roster: Roster, change: RemoveDatasetType) -> None:
    """Remove a dataset type that has no datasets."""
    row = roster.type_row(change.name)
    name = row.dataset_type.name
    if name != change.name:
        raise ConflictingDefinitionError(f"{change.name!r} is an alias of {name!r}; remove the alias, or name the type")
    if held := type_holdings(tx, roster, row):
        said = listed([f"{count} in {run!r}" for run, count in held.items()])
        raise OrphanedRecordError(f"dataset type {name!r} has datasets ({said}); remove these first")
    retire_aliases(tx, row.number)
    removed = tx.next_change()
    tx.execute("DELETE FROM dataset_type WHERE number = ? AND added = ?", (row.number, removed))
    tx.execute("UPDATE dataset_type SET retired = ? WHERE number = ? AND retired = ?", (removed, row.number, LIVE))
    update_type_views(tx, roster.rows.values(), [other for other in roster.rows.values() if other is not row])
    tx.touch()


def type_holdings(connection: Connection, roster: Roster, row: TypeRow) -> dict[str, int]:
    """Count the datasets of a type in each run that has some, the most first."""
    sql = f"SELECT run, count(*) FROM {row.layout.datasets} WHERE type = ? GROUP BY run ORDER BY 2 DESC, 1"
    return {roster.collections.name(run): count for run, count in connection.fetchall(sql, (row.number,))}
