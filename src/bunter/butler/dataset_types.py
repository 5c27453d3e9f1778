"""Dataset types of a repository, as a user handles them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.butler.operators import Operators
from bunter.butler.question import dataset_type_of
from bunter.dataset import DatasetType
from bunter.dataset.changes import (
    RegisterAlias,
    RegisterDatasetType,
    RegisterDatasetTypes,
    RemoveAlias,
    RemoveDatasetType,
)
from bunter.errors import ConfigurationError, ConflictingDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bunter.butler.session import Session
    from bunter.dimensions import Universe

__all__ = ["DatasetTypes", "read_dataset_types"]

_KEYS = frozenset({"dimensions", "storage_class", "is_calibration"})


class DatasetTypes:
    """Dataset types of a repository, with their aliases.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(
        self,
        name: str | DatasetType,
        dimensions: Iterable[str] = (),
        storage_class: str = "",
        *,
        is_calibration: bool = False,
    ) -> DatasetType:
        """Register a dataset type and return it as it is registered.

        The same definition again is no error, nor is another storage class where each can be turned into the other: then
        the one that was registered first stays.

        Raises
        ------
        ConflictingDefinitionError
            If the name is registered with another definition, or is an alias; the message says what differs.
        """
        if not isinstance(name, DatasetType):
            from bunter.storage_class import storage_class as known

            known(storage_class)
        facts = self._session.facts
        kind = (
            name
            if isinstance(name, DatasetType)
            else DatasetType(name, facts.universe.conform(dimensions), storage_class, is_calibration)
        )
        if facts.dataset_types.get(kind.name) == kind:
            return kind
        self._session.commit([RegisterDatasetType(kind)])
        return self._session.facts.dataset_types.get(kind.name, kind)

    def register_many(
        self, definitions: str | Path | Mapping[str, Mapping[str, Any]] | Iterable[DatasetType]
    ) -> list[DatasetType]:
        """Register several dataset types at once, all or none.

        Parameters
        ----------
        definitions : path, mapping or iterable of DatasetType
            A YAML file, or what one holds: each name with ``dimensions`` (a list), ``storage_class`` and, where it is
            true, ``is_calibration``.

        Returns
        -------
        list of DatasetType
            In the order given, as they are registered.
        """
        facts = self._session.facts
        kinds = read_dataset_types(definitions, facts.universe)
        new = tuple(kind for kind in kinds if facts.dataset_types.get(kind.name) != kind)
        if new:
            self._session.commit([RegisterDatasetTypes(new)])
        known = self._session.facts.dataset_types
        return [known.get(kind.name, kind) for kind in kinds]

    def get(self, name: str) -> DatasetType:
        """Return a dataset type by its name, or by an alias."""
        return dataset_type_of(self._session.facts, name)

    def query(self, pattern: str = "*") -> list[DatasetType]:
        """Return the dataset types whose names match, or that have an alias that does; sorted."""
        from fnmatch import fnmatchcase

        known = self._session.facts.dataset_types
        names = {name for name in known if fnmatchcase(name, pattern)}
        if pattern != "*":
            names |= {name for alias, name in self.aliases.items() if fnmatchcase(alias, pattern)}
        return [known[name] for name in sorted(names)]

    def remove(self, name: str) -> None:
        """Remove a dataset type that has no datasets; its aliases go with it.

        Raises
        ------
        OrphanedRecordError
            If it has datasets; the message says how many in which runs.
        """
        self._session.commit([RemoveDatasetType(name)])

    def holdings(self, name: str) -> dict[str, int]:
        """Count the datasets of a type in each run that has some, the most first."""
        return Operators(self._session).holdings(self.get(name).name)

    # Aliases

    @property
    def aliases(self) -> dict[str, str]:
        """Further names of dataset types, each with the name that it stands for."""
        return dict(sorted(self._session.facts.dataset_types.aliases.items()))

    def alias(self, name: str, alias: str) -> None:
        """Give a dataset type a further name, for all who use this repository.

        It is understood wherever a dataset type is named; results tell the type by its own name.

        Parameters
        ----------
        name : str
            The dataset type.
        alias : str
            Its further name, which must mean nothing yet.

        Raises
        ------
        ConflictingDefinitionError
            If the further name is a dataset type, a dimension, or an alias of another type.
        """
        known = self.get(name).name
        if self.aliases.get(alias) != known:
            self._session.commit([RegisterAlias(alias, known)])

    def remove_alias(self, alias: str) -> None:
        """Take a further name of a dataset type away."""
        self._session.commit([RemoveAlias(alias)])

    def __getitem__(self, name: str) -> DatasetType:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._session.facts.dataset_types

    def __len__(self) -> int:
        return len(self._session.facts.dataset_types)

    def __iter__(self) -> Iterator[DatasetType]:
        return iter(self.query())

    def __repr__(self) -> str:
        kinds = self.query()
        called = {name: alias for alias, name in self.aliases.items()}
        lines = [f"  {kind}{f', also called {called[kind.name]}' if kind.name in called else ''}" for kind in kinds]
        return "\n".join([f"{len(kinds)} dataset types", *lines])


def read_dataset_types(
    definitions: str | Path | Mapping[str, Mapping[str, Any]] | Iterable[DatasetType], universe: Universe
) -> list[DatasetType]:
    """Read definitions of dataset types; see `DatasetTypes.register_many`.

    Raises
    ------
    ConfigurationError
        If a file or an entry cannot be understood; the message names it.
    ConflictingDefinitionError
        If a name comes twice with different definitions.
    """
    where = "the definitions"
    if isinstance(definitions, str | Path):
        where, definitions = str(definitions), _read(Path(definitions))
    if isinstance(definitions, dict):
        kinds = [_kind(name, entry, universe, where) for name, entry in definitions.items()]
    else:
        kinds = list(definitions)  # type: ignore[arg-type]
    found: dict[str, DatasetType] = {}
    for kind in kinds:
        if found.setdefault(kind.name, kind) != kind:
            raise ConflictingDefinitionError(f"{where} define {kind.name!r} twice: {found[kind.name]!r} and {kind!r}")
    return list(found.values())


def _read(path: Path) -> dict[str, Any]:
    import yaml

    from bunter import safe_yaml

    try:
        tree = safe_yaml.load(path.read_text())
    except OSError as exc:
        raise ConfigurationError(f"cannot read dataset types from {path}: {exc.strerror}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path} is not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(tree, dict):
        raise ConfigurationError(
            f"{path} must map names to definitions, such as 'calexp: {{storage_class: CCDData, ...}}'"
        )
    return tree


def _kind(name: str, entry: Any, universe: Universe, where: str) -> DatasetType:
    from bunter.storage_class import storage_class

    if not isinstance(entry, dict) or "storage_class" not in entry or entry.keys() - _KEYS:
        raise ConfigurationError(f"{where}: {name!r} needs storage_class, and may have dimensions and is_calibration")
    dimensions = entry.get("dimensions") or ()
    names = (dimensions,) if isinstance(dimensions, str) else tuple(dimensions)
    calibration = entry.get("is_calibration", False)
    if not isinstance(calibration, bool):
        raise ConfigurationError(f"{where}: is_calibration of {name!r} is true or false, not {calibration!r}")
    return DatasetType(str(name), universe.conform(names), storage_class(str(entry["storage_class"])).name, calibration)
