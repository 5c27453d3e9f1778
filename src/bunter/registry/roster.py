"""Collections and dataset types as they stood at one moment: what every statement needs and few change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.naming import ByName
from bunter.errors import ConflictingDefinitionError, MissingDatasetTypeError, near
from bunter.registry.collections import CollectionCatalog, CollectionRow
from bunter.registry.layout import GroupLayout, lived

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    rows : ByName of TypeRow
        All dataset types by name, and by alias.
    layouts : dict of str to GroupLayout
        Tables by key of the dimension group.
    as_of : int, optional
        Number of the change after which they stood so; None for now.
    universe : Universe
        The dimensions.
    """

    generation: int
    collections: CollectionCatalog
    rows: ByName[TypeRow]
    layouts: dict[str, GroupLayout]
    as_of: int | None = None
    universe: Universe = field(kw_only=True)
    dataset_types: ByName[DatasetType] = field(init=False)
    by_number: Mapping[int, TypeRow] = field(init=False)
    plans: dict[Any, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        kinds = {name: row.dataset_type for name, row in self.rows.items()}
        object.__setattr__(self, "dataset_types", ByName(kinds, self.rows.aliases))
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
                f"no dataset type {name!r}{near(name, [*self.rows, *self.rows.aliases])}; register it, or see `bunter query-dataset-types REPO`"
            )
        if (
            not isinstance(dataset_type, str)
            and dataset_type.dimensions.required_names
            != (
                row.dataset_type.dimensions.required_names  # names: it may have been made before the universe had more in it
            )
        ):
            raise ConflictingDefinitionError(
                f"dataset type {name!r} is registered with dimensions {row.dataset_type.dimensions!r}, "
                f"not {dataset_type.dimensions!r}"
            )
        return row


def read_roster(
    connection: Connection, universe_of: Callable[[Connection], Universe], as_of: int | None = None
) -> Roster:
    """Read all collections and dataset types, of one moment even beside writers; now, or as they stood after a change."""
    while True:
        generation = connection.generation()
        universe = universe_of(connection)
        kinds, layouts = _dataset_types(connection, universe, as_of)
        roster = Roster(generation, _collections(connection, as_of), kinds, layouts, as_of, universe=universe)
        if connection.generation() == generation:
            return roster


def _collections(connection: Connection, as_of: int | None) -> CollectionCatalog:
    rows = connection.fetchall(f"SELECT number, name, type, doc FROM collection WHERE {lived(as_of=as_of)}")
    former = {} if as_of is None else _former(connection, as_of)
    rows = [(number, *former.get(number, (name, doc)), kind) for number, name, kind, doc in rows]
    names = {number: name for number, name, _, _ in rows}
    children: dict[int, list[str]] = {}
    links = f"SELECT parent, child FROM collection_chain WHERE {lived(as_of=as_of)} ORDER BY parent, position"
    for parent, child in connection.fetchall(links):
        if child in names:  # a dead row is for `bunter check` to tell, and must not keep it from looking
            children.setdefault(parent, []).append(names[child])
    return CollectionCatalog(
        (
            CollectionRow(number, name, CollectionType(kind), doc, tuple(children.get(number, ())))
            for number, name, doc, kind in rows
        ),
        "" if as_of is None else f" as of change {as_of}",
    )


def _former(connection: Connection, as_of: int) -> dict[int, tuple[str, str]]:
    """Return names and documentation of then, where they are others now."""
    sql = "SELECT number, name, doc FROM collection_former WHERE retired > ? ORDER BY retired DESC"
    return {number: (name, doc) for number, name, doc in connection.fetchall(sql, (as_of,))}


def _dataset_types(
    connection: Connection, universe: Universe, as_of: int | None
) -> tuple[ByName[TypeRow], dict[str, GroupLayout]]:
    groups = connection.fetchall("SELECT number, key FROM dimension_group")
    layouts = {number: GroupLayout(number, _group(universe, key), as_of) for number, key in groups}
    columns = "number, name, dimension_group, storage_class, is_calibration"
    found = connection.fetchall(f"SELECT {columns} FROM dataset_type WHERE {lived(as_of=as_of)} ORDER BY name")
    rows = {
        name: TypeRow(
            number, DatasetType(name, layouts[group].dimensions, storage_class, bool(is_calibration)), layouts[group]
        )
        for number, name, group, storage_class, is_calibration in found
    }
    names = {row.number: name for name, row in rows.items()}
    aliases = {alias: names[number] for alias, number in _aliases(connection, as_of) if number in names}
    return ByName(rows, aliases), {layout.dimensions.key: layout for layout in layouts.values()}


def _aliases(connection: Connection, as_of: int | None) -> list[tuple[str, int]]:
    """Return each alias with the number of the dataset type that it stands for."""
    sql = f"SELECT name, type FROM dataset_type_alias WHERE {lived(as_of=as_of)} ORDER BY name"
    return [(name, number) for name, number in connection.fetchall(sql)]


def _group(universe: Universe, key: str) -> Any:
    return universe.empty if key == "empty" else universe.conform(key.split("+"))
