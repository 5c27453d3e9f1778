"""Changes to dataset types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import dataset_type_name_problem
from bunter.errors import ConflictingDefinitionError, OrphanedRecordError
from bunter.registry.layout import LIVE, GroupLayout
from bunter.registry.roster import TypeRow
from bunter.registry.schema import create_group_tables
from bunter.registry.views import create_group_view, update_type_views

if TYPE_CHECKING:
    from bunter.database import Transaction
    from bunter.dataset import DatasetType
    from bunter.dataset.changes import RegisterDatasetType, RemoveDatasetType
    from bunter.dimensions import DimensionGroup
    from bunter.registry.roster import Roster

__all__ = ["register_dataset_type", "remove_dataset_type"]


def register_dataset_type(tx: Transaction, roster: Roster, change: RegisterDatasetType) -> bool:
    """Make a dataset type, with tables if it is the first of its dimensions; say whether it is new."""
    new = change.dataset_type
    if new.name in roster.rows:
        _refuse_redefinition(roster.rows[new.name].dataset_type, new)
        return False
    if problem := dataset_type_name_problem(new.name):
        raise ConflictingDefinitionError(problem)
    layout = roster.layouts.get(new.dimensions.key) or _new_layout(tx, new.dimensions)
    made = tx.fetchone(
        "INSERT INTO dataset_type (name, dimension_group, storage_class, is_calibration, added) VALUES (?, ?, ?, ?, ?) "
        "RETURNING number",
        (new.name, layout.number, new.storage_class, new.is_calibration, tx.next_change()),
    )
    assert made is not None, "the statement returns the row that it makes"
    if layout.dimensions.key not in roster.layouts:
        create_group_view(tx, layout, roster.layouts.values())
    update_type_views(tx, roster.rows.values(), [*roster.rows.values(), TypeRow(int(made[0]), new, layout)])
    tx.touch()
    return True


def _refuse_redefinition(known: DatasetType, new: DatasetType) -> None:
    if known != new:
        raise ConflictingDefinitionError(
            f"{known!r} is registered already and cannot become {new!r}; choose another name"
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
    sql = f"SELECT run, count(*) FROM {row.layout.datasets} WHERE type = ? GROUP BY run"  # noqa: S608 - our names
    if held := tx.fetchall(sql, (row.number,)):
        said = ", ".join(f"{count} in {roster.collections.name(run)!r}" for run, count in held[:3])
        raise OrphanedRecordError(
            f"dataset type {change.name!r} has datasets ({said}{', ...' if len(held) > 3 else ''}); remove these first"
        )
    removed = tx.next_change()
    tx.execute("DELETE FROM dataset_type WHERE number = ? AND added = ?", (row.number, removed))
    tx.execute("UPDATE dataset_type SET retired = ? WHERE number = ? AND retired = ?", (removed, row.number, LIVE))
    update_type_views(tx, roster.rows.values(), [other for other in roster.rows.values() if other is not row])
    tx.touch()
