"""Dataset types and their further names, as they were before a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import DatasetType
from bunter.dataset.changes import RegisterAlias, RegisterDatasetType, RemoveAlias, RemoveDatasetType
from bunter.registry.layout import LIVE
from bunter.registry.reversal import Step
from bunter.registry.roster import TypeRow
from bunter.registry.type_changes import type_holdings
from bunter.values import listed

if TYPE_CHECKING:
    from bunter.database import Connection
    from bunter.registry.reversal import Reversal

__all__ = ["reverse_types"]


def reverse_types(connection: Connection, found: Reversal) -> None:
    """Register the dataset types that a change removed, remove those that it made and nobody uses."""
    layouts = found.layouts
    sql = "SELECT number, name, dimension_group, storage_class, is_calibration, added, retired FROM dataset_type ORDER BY number"
    for number, name, group, storage_class, is_calibration, added, retired in connection.fetchall(sql):
        kind = DatasetType(name, layouts[group].dimensions, storage_class, bool(is_calibration))
        row = TypeRow(number, kind, layouts[group])
        if retired == LIVE:
            found.kinds[number] = row
            if added == found.number:
                _remove(connection, found, row)
        elif retired == found.number:
            _register(found, row)
        elif (now := found.roster.rows.get(name)) is not None and now.dataset_type == kind:
            found.kinds[number] = row
    _aliases(connection, found)


def _register(found: Reversal, row: TypeRow) -> None:
    kind = row.dataset_type
    known = found.roster.rows.get(kind.name)
    if known is None:
        found.definitions.append(RegisterDatasetType(kind))
        found.steps.append(Step("dataset type", kind.name, "registered again"))
    elif known.dataset_type != kind:
        found.conflicts.append(f"there is another dataset type {kind.name!r} by now, {known.dataset_type!r}")
        return
    found.kinds[row.number] = row


def _remove(connection: Connection, found: Reversal, row: TypeRow) -> None:
    name = row.dataset_type.name
    if held := type_holdings(connection, found.roster, row):
        said = listed([f"{count} in {run!r}" for run, count in held.items()])
        found.conflicts.append(f"the dataset type {name!r}, which it registered, has datasets by now: {said}")
        return
    found.removals.append(RemoveDatasetType(name))
    found.steps.append(Step("dataset type", name, "removed, as it was registered then"))


def _aliases(connection: Connection, found: Reversal) -> None:
    sql = "SELECT name, type, retired FROM dataset_type_alias WHERE retired = ? OR (added = ? AND retired = ?) ORDER BY name"
    aliases = found.roster.rows.aliases
    removed = {change.name for change in found.removals if isinstance(change, RemoveDatasetType)}
    for name, number, retired in connection.fetchall(sql, (found.number, found.number, LIVE)):
        target = found.kinds[number].dataset_type.name if number in found.kinds else ""
        if retired == LIVE:
            if target not in removed:  # whose aliases go with it
                found.definitions.insert(0, RemoveAlias(name))
                found.steps.append(Step("alias", name, f"no longer stands for {target!r}"))
        elif not target:
            found.conflicts.append(f"what the alias {name!r} stood for is gone")
        elif aliases.get(name, target) != target or (name not in aliases and name in found.roster.rows):
            found.conflicts.append(f"{name!r}, which was an alias of {target!r}, means something else by now")
        else:
            found.definitions.append(RegisterAlias(name, target))
            found.steps.append(Step("alias", name, f"stands for {target!r} again"))
