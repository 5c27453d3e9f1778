"""Collections and dataset types of a repository, as a user handles them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.butler.question import dataset_type_of
from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.changes import (
    Associate,
    Certify,
    Decertify,
    Disassociate,
    EditChain,
    RegisterCollection,
    RegisterDatasetType,
    RemoveCollection,
    RemoveDatasetType,
    SetChain,
)
from bunter.errors import CollectionTypeError, near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.dataset import CollectionInfo, DatasetRef
    from bunter.values import Timespan

__all__ = ["Collections", "DatasetTypes"]


def _listed(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _collection_type(name: str) -> CollectionType:
    try:
        return CollectionType[name.upper()]
    except KeyError:
        known = [kind.name for kind in CollectionType]
        hint = near(name, known) or f"; there are {', '.join(known)}"
        raise CollectionTypeError(f"there is no collection type {name!r}{hint}") from None


class Collections:
    """RUN, TAGGED, CHAINED and CALIBRATION collections.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, name: str, type: CollectionType | str = CollectionType.RUN, doc: str | None = None) -> bool:  # noqa: A002 - the field's word
        """Make a collection if it is not there; say whether it was made."""
        kind = _collection_type(type) if isinstance(type, str) else type
        catalog = self._session.facts.collections
        new = name not in catalog
        if new or catalog.info(name).type is not kind:
            self._session.commit([RegisterCollection(name, kind, doc or "")])
        return new

    def info(self, name: str) -> CollectionInfo:
        """Return type, documentation, children and parents of a collection."""
        return self._session.facts.collections.info(name)

    def query(
        self,
        pattern: str | Iterable[str] = "*",
        *,
        types: Iterable[CollectionType] | None = None,
        flatten_chains: bool = False,
    ) -> list[str]:
        """Return the names that match, sorted by name; with ``flatten_chains`` in search order."""
        catalog = self._session.facts.collections
        wanted = set(CollectionType if types is None else types)
        if flatten_chains:
            names: Sequence[str] = catalog.flatten(_listed(pattern))
        else:
            names = sorted({name for glob in _listed(pattern) for name in catalog.match(glob)})
        return [name for name in names if catalog.info(name).type in wanted]

    def redefine_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Set the members of a chain, in search order; the chain is made if it is not there."""
        new = name not in self._session.facts.collections
        made = [RegisterCollection(name, CollectionType.CHAINED, "")] if new else []
        self._session.commit([*made, SetChain(name, _listed(children))])

    def prepend_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Put collections in front of a chain; those that are in it move."""
        self._session.commit([EditChain(name, _listed(children), "prepend")])

    def extend_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Put collections at the end of a chain; those that are in it move."""
        self._session.commit([EditChain(name, _listed(children), "extend")])

    def remove_from_chain(self, name: str, children: str | Iterable[str]) -> None:
        """Take collections out of a chain; one that is not in it is an error."""
        self._session.commit([EditChain(name, _listed(children), "remove")])

    def associate(self, name: str, refs: Iterable[DatasetRef]) -> None:
        """Put datasets into a TAGGED collection."""
        self._session.commit([Associate(name, [ref.id.bytes for ref in refs])])

    def disassociate(self, name: str, refs: Iterable[DatasetRef]) -> None:
        """Take datasets out of a TAGGED collection; one that is not in it is no error."""
        self._session.commit([Disassociate(name, [ref.id.bytes for ref in refs])])

    def certify(self, name: str, refs: Iterable[DatasetRef], timespan: Timespan) -> None:
        """Give calibrations a validity range in a CALIBRATION collection; overlaps are refused."""
        self._session.commit([Certify(name, [ref.id.bytes for ref in refs], timespan)])

    def decertify(
        self,
        name: str,
        dataset_type: DatasetType | str,
        timespan: Timespan,
        data_ids: Iterable[Mapping[str, object]] | None = None,
    ) -> None:
        """Take a range of time out of the validity of calibrations; ranges are cut or split."""
        type_name = dataset_type if isinstance(dataset_type, str) else dataset_type.name
        kind = self._session.facts.dataset_types[type_name]
        from bunter.dimensions import DataCoordinate

        rows = (
            None
            if data_ids is None
            else [DataCoordinate.standardize(d, group=kind.dimensions).required_values for d in data_ids]
        )
        self._session.commit([Decertify(name, type_name, timespan, rows)])

    def remove(self, name: str, *, unlink_from_chains: bool = False) -> None:
        """Remove a collection that holds no datasets of its own; an empty RUN may go too."""
        self._session.commit([RemoveCollection(name, unlink_from_chains=unlink_from_chains)])

    def __repr__(self) -> str:
        infos = [self.info(name) for name in self.query()]
        lines = [f"  {i.name} ({i.type.name}{': ' + ', '.join(i.children) if i.children else ''})" for i in infos]
        return "\n".join([f"{len(infos)} collections", *lines])


class DatasetTypes:
    """Dataset types of a repository.

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
        """Register a dataset type; the same definition again is no error."""
        if not isinstance(name, DatasetType):
            from bunter.storage_class import storage_class as known

            known(storage_class)
        facts = self._session.facts
        kind = (
            name
            if isinstance(name, DatasetType)
            else DatasetType(name, facts.universe.conform(dimensions), storage_class, is_calibration)
        )
        if facts.dataset_types.get(kind.name) != kind:
            self._session.commit([RegisterDatasetType(kind)])
        return kind

    def get(self, name: str) -> DatasetType:
        """Return a dataset type."""
        return dataset_type_of(self._session.facts, name)

    def query(self, pattern: str = "*") -> list[DatasetType]:
        """Return the dataset types whose names match, sorted."""
        from fnmatch import fnmatchcase

        return [kind for name, kind in sorted(self._session.facts.dataset_types.items()) if fnmatchcase(name, pattern)]

    def remove(self, name: str) -> None:
        """Remove a dataset type that has no datasets."""
        self._session.commit([RemoveDatasetType(name)])

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
        return "\n".join([f"{len(kinds)} dataset types", *(f"  {kind}" for kind in kinds)])
