"""Dataset types, collections and dimension records of a parcel beside those of the repository that it comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.butler.record_comparison import compare
from bunter.butler.transfers.report import Conflict
from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.changes import EditChain, InsertRecords, RegisterCollection, RegisterDatasetTypes, SetChain
from bunter.dimensions import Records
from bunter.dimensions.records import stored_columns
from bunter.errors import TransferConflictError, UniverseError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from bunter.butler.session import Session
    from bunter.butler.transfers.absences import Absences
    from bunter.butler.transfers.parcel import Parcel
    from bunter.dataset import CollectionInfo, DatasetColumns
    from bunter.dataset.changes import Change
    from bunter.dimensions import Universe

__all__ = ["Definitions"]


class Definitions:
    """What has to be defined before datasets can come.

    Parameters
    ----------
    session : Session
        The repository that they come to.
    parcel : Parcel
        What comes.
    keep_records : bool
        Whether a record that is there and differs stays as it is; without it that is a conflict.
    absences : Absences, optional
        What was removed here and is to stay so.

    Raises
    ------
    TransferConflictError
        If the universes do not fit.
    """

    def __init__(
        self, session: Session, parcel: Parcel, *, keep_records: bool = False, absences: Absences | None = None
    ) -> None:
        self._absences = absences
        self._session = session
        self._parcel = parcel
        self._keep_records = keep_records
        self._universe = session.facts.universe
        if parcel.universe.namespace != self._universe.namespace:
            raise TransferConflictError(
                f"{parcel.source} has the dimensions of {parcel.universe.namespace!r}, {session.facts.location} those of "
                f"{self._universe.namespace!r}; nothing can be brought from one to the other"
            )
        self.types = {kind.name: self._conformed(kind) for kind in parcel.dataset_types()}

    def _conformed(self, kind: DatasetType) -> DatasetType:
        """Return the type over our own universe."""
        if kind.dimensions.universe is self._universe:
            return kind
        try:
            group = self._universe.conform(kind.dimensions.names)
        except (UniverseError, KeyError) as exc:
            raise TransferConflictError(
                f"dataset type {kind.name!r} has dimensions that this repository has not: {exc}; widen its universe first"
            ) from exc
        if group.required != kind.dimensions.required:
            raise TransferConflictError(
                f"dataset type {kind.name!r} has the dimensions {kind.dimensions.required} in what comes and {group.required} at the target"
            )
        return replace(kind, dimensions=group)

    def new_types(self) -> list[DatasetType]:
        """Return types that are not registered."""
        there = self._session.facts.dataset_types
        return [kind for name, kind in self.types.items() if name not in there]

    def new_collections(self) -> list[CollectionInfo]:
        """Return collections that are not registered, and were not removed here."""
        there, absent = self._session.facts.collections, self._absences
        new = [info for info in self._parcel.collections() if info.name not in there]
        return new if absent is None else [info for info in new if not absent.collection(info.name)]

    def runs_again(self, names: Collection[str]) -> list[Change]:
        """Return the changes that make runs anew that were removed here, where other datasets come in them."""
        there = self._session.facts.collections
        if self._absences is None or all(name in there for name in names):
            return []
        docs = {info.name: info.doc for info in self._parcel.collections()}
        return [RegisterCollection(name, CollectionType.RUN, docs.get(name, "")) for name in sorted(names)]

    def _children(self, info: CollectionInfo) -> tuple[str, ...]:
        absent = self._absences
        if absent is None:
            return info.children
        return tuple(
            child for child in info.children if not absent.collection(child) and not absent.link(info.name, child)
        )

    def conflicts(self) -> Iterator[Conflict]:
        """Find types and collections that mean something else here."""
        facts = self._session.facts
        for kind in self._other_types():
            have = facts.dataset_types[kind.name]
            yield Conflict("dataset type", f"{kind.name!r} is {_told(have)} at the target, {_told(kind)} in what comes")
        for info in self._other_collections():
            there = facts.collections.row(info.name).type
            yield Conflict("collection", f"{info.name!r} is {there.name} at the target, {info.type.name} in what comes")

    def comparable(self) -> Callable[[DatasetColumns], bool]:
        """Return what tells whether type and run of some datasets mean the same here, so that these can be compared."""
        types, names = {kind.name for kind in self._other_types()}, {info.name for info in self._other_collections()}
        return lambda columns: columns.dataset_type.name not in types and columns.run not in names

    def _other_types(self) -> list[DatasetType]:
        there = self._session.facts.dataset_types
        return [kind for name, kind in self.types.items() if name in there and there[name] != kind]

    def _other_collections(self) -> list[CollectionInfo]:
        there = self._session.facts.collections
        return [
            info
            for info in self._parcel.collections()
            if info.name in there and there.row(info.name).type is not info.type
        ]

    def registrations(self) -> list[Change]:
        """Return the changes that register types and collections; chains get the children that they lack."""
        changes: list[Change] = [RegisterDatasetTypes(tuple(self.new_types()))] if self.new_types() else []
        new = self.new_collections()
        changes += [RegisterCollection(info.name, info.type, info.doc) for info in new]
        catalog, names = self._session.facts.collections, {info.name for info in new}
        for info in self._parcel.collections():
            if info.type is not CollectionType.CHAINED or (info.name not in catalog and info.name not in names):
                continue
            children = self._children(info)
            if info.name not in catalog:
                changes.append(SetChain(info.name, children))
            elif missing := tuple(child for child in children if child not in catalog.row(info.name).children):
                changes.append(EditChain(info.name, missing, "extend"))
        return changes

    def compared(self) -> tuple[int, list[Conflict]]:
        """Count the records that are new, and find those that differ."""
        new, conflicts = 0, []
        for records in self._records():
            found = compare(self._session, records.element, records.columns)
            new += found.inserted
            if found.differences and not self._keep_records:
                conflicts.append(
                    Conflict("record", f"{found.sentence('at the target')}; --keep-records leaves what is there")
                )
        return new, conflicts

    def insertions(self) -> Iterator[InsertRecords]:
        """Yield the changes that add records; those that are there stay."""
        for records in self._records():
            yield InsertRecords(records, on_conflict="skip")

    def _records(self) -> Iterator[Records]:
        for records in self._parcel.records():
            if len(records):
                yield _records_of(records, self._universe)


def _told(kind: DatasetType) -> str:
    """Say what a dataset type is, without its name."""
    dimensions = ", ".join(kind.dimensions.required)
    return f"{{{dimensions}}} {kind.storage_class}" + (", a calibration" if kind.is_calibration else "")


def _records_of(records: Records, universe: Universe) -> Records:
    """Return records over our own universe; facts that it has and the other one has not are unknown."""
    if records.element.universe is universe:
        return records
    element = universe[records.element.name]
    if (lost := records.columns.keys() - stored_columns(element).keys()) and any(
        value is not None for name in lost for value in records.columns[name]
    ):
        raise TransferConflictError(
            f"records of {element.name!r} have {', '.join(sorted(lost))}, which this repository's universe has not; widen it first"
        )
    nothing = [None] * len(records)
    return Records(element, {name: records.columns.get(name, nothing) for name in stored_columns(element)})
