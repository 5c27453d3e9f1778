"""Formats of a repository: the numbered steps from each to the next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import bunter.registry.annotations as annotation_tables
from bunter.database import migrations
from bunter.database.migrations import Migration, OnlyMissing
from bunter.datastore.records import ArtifactRecords
from bunter.dimensions import Universe
from bunter.registry.aliases import ALIAS_TABLE
from bunter.registry.events import EVENT_TABLES
from bunter.registry.living_universe import read_attributes
from bunter.registry.roster import read_roster
from bunter.registry.schema import create_element_indexes, create_group_tables, create_registry_tables, recommend_keys
from bunter.registry.sky_index import add_cell_columns, fill_cells
from bunter.registry.universe_changes import record_migration
from bunter.registry.views import refresh_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Connection, Transaction
    from bunter.values import Principal

__all__ = ["STEPS", "migrate", "pending_steps"]


def pending_steps(version: int) -> list[Migration]:
    """Return the steps from a format to the one that this code writes."""
    return migrations.pending(STEPS, version)


def migrate(tx: Transaction, steps: Sequence[Migration], principal: Principal) -> None:
    """Carry out steps in one transaction, which also says that they were."""
    for step in steps:
        step.carry_out(tx)
        rows = {
            "registry.version": step.number,
            "registry.oldest_reader": step.oldest_reader,
            "registry.oldest_writer": step.oldest_writer,
        }
        for name, number in rows.items():
            tx.execute("DELETE FROM attribute WHERE name = ?", (name,))
            tx.bulk_insert("attribute", ["name", "value"], [(name, str(number))])
    tx.next_change(principal, "upgrade")
    for step in steps:
        record_migration(tx, "format", f"format {step.number}", [step.title])
    tx.touch()


def _to_2(tx: Transaction) -> None:
    """Complete the tables: every one that a new repository has and this one has not."""
    if "activity" not in migrations.column_names(tx, "change"):
        tx.execute("ALTER TABLE change ADD COLUMN activity INTEGER")
    if "dataset_type_alias" not in migrations.table_names(tx):  # the roster has aliases in it
        tx.execute(ALIAS_TABLE)
    roster = read_roster(tx, _universe)
    add_cell_columns(tx, roster.universe)  # the tables of now have indexes of these
    missing: Transaction = OnlyMissing(tx)  # type: ignore[assignment]
    create_registry_tables(missing, roster.universe)
    annotation_tables.create_tables(missing)
    ArtifactRecords().create(missing)
    for layout in roster.layouts.values():
        create_group_tables(missing, layout)
    refresh_views(tx, roster, roster.universe)


def _to_3(tx: Transaction) -> None:
    """Find records by place and by night: a cell beside each region, and indexes."""
    roster = read_roster(tx, _universe)
    add_cell_columns(tx, roster.universe)
    for element in roster.universe.elements.values():
        create_element_indexes(tx, element)
        if element.has_table and element.spatial is not None:
            fill_cells(tx, element)
    for layout in roster.layouts.values():
        recommend_keys(tx, layout)
    refresh_views(tx, roster, roster.universe)


def _to_4(tx: Transaction) -> None:
    """Keep events, and who subscribes to them."""
    missing = OnlyMissing(tx)
    for statement in EVENT_TABLES:
        missing.execute(statement)


def _universe(connection: Connection) -> Universe:
    text = read_attributes(connection, "the repository")["registry.universe"]
    return Universe.load(json.loads(text))


STEPS = (
    Migration(
        2,
        "history of collections, snapshots, tombstones with data IDs, activities, headers and metadata, packers, views",
        _to_2,
        oldest_reader=2,
        oldest_writer=2,
    ),
    Migration(
        3,
        "indexes of records by place and by night",
        _to_3,
        oldest_reader=2,
        oldest_writer=3,
    ),
    Migration(
        4,
        "events, and who subscribes to them",
        _to_4,
        oldest_reader=2,
        oldest_writer=4,
    ),
)
"""All steps in order. A step stays as it is once repositories have taken it."""
