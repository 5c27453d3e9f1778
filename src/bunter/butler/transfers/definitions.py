"""Dataset types, collections and dimension records of a parcel beside those of the repository that it comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.butler.record_comparison import compare
from bunter.butler.transfers.other_universe import asked_in_vain, group_over, records_over
from bunter.butler.transfers.report import Conflict
from bunter.dataset import CollectionType, DatasetType
from bunter.dataset.changes import EditChain, InsertRecords, RegisterCollection, RegisterDatasetTypes, SetChain
from bunter.errors import TransferConflictError
from bunter.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from bunter.butler.session import Session
    from bunter.butler.transfers.absences import Absences
    from bunter.butler.transfers.parcel import Parcel
    from bunter.dataset import CollectionInfo, DatasetColumns
    from bunter.dataset.changes import Change
    from bunter.dimensions import Records

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
        self.types = {kind.name: self._conformed(kind) for kind in parcel.dataset_types()}

    def _conformed(self, kind: DatasetType) -> DatasetType:
        """Return the type over our own universe."""
        if kind.dimensions.universe is self._universe:
            return kind
        return replace(kind, dimensions=group_over(self._universe, kind))

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

    def unlike(self) -> tuple[str, ...]:
        """Say which collections are here in another order, or with another description, than in what comes."""
        catalog = self._session.facts.collections
        said: list[str] = []
        for info in self._parcel.collections():
            if info.name not in catalog or (row := catalog.row(info.name)).type is not info.type:
                continue
            there = [child for child in row.children if child in info.children]
            if there != [child for child in info.children if child in row.children]:
                said.append(f"the order of the chain {info.name!r} ({', '.join(there)})")
            if info.doc and row.doc and info.doc != row.doc:
                said.append(f"the description of {info.name!r}")
        return tuple(said)

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
        for records, told in self._records():
            found = compare(self._session, records.element, {name: records.columns[name] for name in told})
            new += found.inserted
            if found.differences and not self._keep_records:
                conflicts.append(
                    Conflict("record", f"{found.sentence('at the target')}; --keep-records leaves what is there")
                )
        return new, conflicts

    def insertions(self) -> Iterator[InsertRecords]:
        """Yield the changes that add records; those that are there stay."""
        for records, told in self._records():
            if len(told) == len(records.columns) or not asked_in_vain(records):
                yield InsertRecords(records, on_conflict="skip")

    def _records(self) -> Iterator[tuple[Records, list[str]]]:
        """Yield records over our own universe, and the names of the columns that the other one has as well."""
        for records in self._parcel.records():
            if not len(records):
                continue
            ours = records_over(self._universe, records)
            told = [name for name in ours.columns if name in records.columns]
            if len(told) < len(ours.columns):
                self._refuse_unknown(ours)
            yield ours, told

    def _refuse_unknown(self, records: Records) -> None:
        """Refuse new records that lack what must be known of them here."""
        if not (names := asked_in_vain(records)):
            return
        element = records.element
        keys = {name: records.columns[name] for name in element.required}
        if new := compare(self._session, element, keys).inserted:
            raise TransferConflictError(
                f"{counted(new, 'record')} of {element.name!r} in what comes without {', '.join(names)}, which must be known at the target; "
                "insert them there first with `bunter insert-dimension-records`"
            )


def _told(kind: DatasetType) -> str:
    """Say what a dataset type is, without its name."""
    dimensions = ", ".join(kind.dimensions.required)
    return f"{{{dimensions}}} {kind.storage_class}" + (", a calibration" if kind.is_calibration else "")
