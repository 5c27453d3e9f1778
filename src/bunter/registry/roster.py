"""Collections and dataset types as they stood at one moment: what every statement needs and few change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType, DatasetType
from bunter.errors import ConflictingDefinitionError, MissingDatasetTypeError, near
from bunter.registry.collections import CollectionCatalog, CollectionRow
from bunter.registry.layout import LIVE, GroupLayout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.database import Connection
    from bunter.dimensions import Universe

__all__ = ["Roster", "TypeRow"]


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A dataset type with its number in the database and the tables of its datasets."""

    number: int
    dataset_type: DatasetType
    layout: GroupLayout


@dataclass(frozen=True, slots=True)
class Roster:
    """Slow-moving rows of a registry.

    Parameters
    ----------
    generation : int
        The database's generation when they were read.
    collections : CollectionCatalog
        All collections.
    rows : dict of str to TypeRow
        All dataset types by name.
    layouts : dict of str to GroupLayout
        Tables by key of the dimension group.
    """

    generation: int
    collections: CollectionCatalog
    rows: dict[str, TypeRow]
    layouts: dict[str, GroupLayout]
    dataset_types: Mapping[str, DatasetType] = field(init=False)
    by_number: Mapping[int, TypeRow] = field(init=False)
    plans: dict[Any, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dataset_types", {name: row.dataset_type for name, row in self.rows.items()})
        object.__setattr__(self, "by_number", {row.number: row for row in self.rows.values()})

    def type_row(self, dataset_type: str | DatasetType) -> TypeRow:
        """Return a dataset type with its number.

        Raises
        ------
        MissingDatasetTypeError
            If it is not registered; offers the nearest name.
        ConflictingDefinitionError
            If it is registered with other dimensions.
        """
        name = dataset_type if isinstance(dataset_type, str) else dataset_type.name
        row = self.rows.get(name)
        if row is None:
            raise MissingDatasetTypeError(
                f"no dataset type {name!r}{near(name, self.rows)}; register it, or see `bunter query-dataset-types REPO`"
            )
        if not isinstance(dataset_type, str) and dataset_type.dimensions is not row.dataset_type.dimensions:
            raise ConflictingDefinitionError(
                f"dataset type {name!r} is registered with dimensions {row.dataset_type.dimensions!r}, "
                f"not {dataset_type.dimensions!r}"
            )
        return row


def read_roster(connection: Connection, universe: Universe) -> Roster:
    """Read all collections and dataset types, of one moment even beside writers."""
    while True:
        generation = connection.generation()
        roster = Roster(generation, _collections(connection), *_dataset_types(connection, universe))
        if connection.generation() == generation:
            return roster


def _collections(connection: Connection) -> CollectionCatalog:
    rows = connection.fetchall("SELECT number, name, type, doc FROM collection WHERE retired = ?", (LIVE,))
    names = {number: name for number, name, _, _ in rows}
    children: dict[int, list[str]] = {}
    links = "SELECT parent, child FROM collection_chain WHERE retired = ? ORDER BY parent, position"
    for parent, child in connection.fetchall(links, (LIVE,)):
        children.setdefault(parent, []).append(names[child])
    return CollectionCatalog(
        CollectionRow(number, name, CollectionType(kind), doc, tuple(children.get(number, ())))
        for number, name, kind, doc in rows
    )


def _dataset_types(connection: Connection, universe: Universe) -> tuple[dict[str, TypeRow], dict[str, GroupLayout]]:
    groups = connection.fetchall("SELECT number, key FROM dimension_group")
    layouts = {number: GroupLayout(number, _group(universe, key)) for number, key in groups}
    columns = "number, name, dimension_group, storage_class, is_calibration"
    found = connection.fetchall(f"SELECT {columns} FROM dataset_type WHERE retired = ? ORDER BY name", (LIVE,))  # noqa: S608
    rows = {
        name: TypeRow(
            number, DatasetType(name, layouts[group].dimensions, storage_class, bool(is_calibration)), layouts[group]
        )
        for number, name, group, storage_class, is_calibration in found
    }
    return rows, {layout.dimensions.key: layout for layout in layouts.values()}


def _group(universe: Universe, key: str) -> Any:
    return universe.empty if key == "empty" else universe.conform(key.split("+"))
