"""Datasets found and read: check the data ID, one query, one read, one decode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.butler.annotations import Annotations
from bunter.butler.question import dataset_type_of
from bunter.butler.repository import FindRequest
from bunter.butler.search import collections_of
from bunter.butler.sought import Sought
from bunter.butler.template_fields import TemplateFields
from bunter.dataset import CollectionType, DatasetRef, DatasetType, split_component
from bunter.dimensions import DataCoordinate
from bunter.errors import CalibrationLookupError, DatasetNotFoundError, FileIntegrityError
from bunter.storage_class import storage_class as named_class
from bunter.values import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler.data_ids import DataIds
    from bunter.butler.explanation import LookupExplanation
    from bunter.butler.queries import Queries
    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.search import Names
    from bunter.butler.session import Session
    from bunter.dataset import StoredArtifact
    from bunter.datastore import ArtifactStore, ArtifactURI
    from bunter.values import Timespan

__all__ = ["Lookup"]


class Lookup:
    """Finds datasets by data ID and reads them.

    Parameters
    ----------
    session : Session
        The repository and the defaults.
    queries : Queries
        Resolves dataset types and collections.
    data_ids : DataIds
        Resolves data IDs.
    """

    def __init__(self, session: Session, queries: Queries, data_ids: DataIds) -> None:
        self._session = session
        self._queries = queries
        self._data_ids = data_ids

    def find(
        self,
        dataset_type: str | DatasetType,
        data_id: Mapping[str, object] | DataCoordinate | None = None,
        *,
        collections: Names = None,
        timespan: Timespan | None = None,
        **key: object,
    ) -> DatasetRef | None:
        """Return the first dataset of this data ID, None if there is none."""
        facts = self._session.facts
        sought = self._sought(dataset_type, data_id, key, timespan, facts)
        kind, coordinate = sought.kind, sought.data_id
        names = self._queries.collections(collections, facts)
        if (ref := self._in_unit(kind, coordinate, names)) is not None:
            return ref
        names = self._searched(sought, names, collections)
        times = [sought.timespan] if kind.is_calibration else None
        request = FindRequest(kind, [coordinate.required_values], names, times, facts.generation)
        try:
            found = self._session.repository.resolve(self._session.principal, request)[0]
        except CalibrationLookupError as exc:
            from bunter.butler.explanation import ambiguous

            raise ambiguous(self._session, sought, names) from exc
        return None if found is None else DatasetRef(UUID(bytes=found.id), kind, coordinate, found.run)

    def _sought(
        self,
        dataset_type: str | DatasetType,
        data_id: Mapping[str, object] | DataCoordinate | None,
        key: Mapping[str, object],
        timespan: Timespan | None,
        facts: RepositoryFacts,
    ) -> Sought:
        """Complete what a user asks for; keys of a calibration may name the moment when it is wanted."""
        kind = dataset_type if isinstance(dataset_type, DatasetType) else dataset_type_of(facts, dataset_type)
        if not kind.is_calibration:
            return Sought(kind, self._data_ids.standardize(data_id, kind.dimensions, **key))
        from bunter.butler.moments import parted, plain_values, time_of

        values, moment = parted({**plain_values(data_id), **key}, kind.dimensions)
        whole = isinstance(data_id, DataCoordinate) and not key and not moment
        coordinate = self._data_ids.standardize(data_id if whole else values, kind.dimensions)
        if timespan is None and moment:
            known = {**values, **coordinate.mapping}
            timespan = time_of(self._queries, self._data_ids, known, moment, kind.dimensions)
        return Sought(kind, coordinate, timespan)

    def _searched(self, sought: Sought, names: tuple[str, ...], asked: Names) -> tuple[str, ...]:
        """Keep, of collections that nobody chose, those that say when a calibration is valid, if that matters."""
        if sought.timespan is None or asked is not None or self._session.defaults.collections:
            return names
        return _certified(self._session.facts, names)

    def explain(
        self,
        dataset_type: str | DatasetType,
        data_id: Mapping[str, object] | DataCoordinate | None = None,
        *,
        collections: Names = None,
        timespan: Timespan | None = None,
        **key: object,
    ) -> LookupExplanation:
        """Tell for each collection, in the order of search, what it had to offer."""
        from bunter.butler.explanation import explain

        sought = self._sought(dataset_type, data_id, key, timespan, self._session.facts)
        names = self._queries.collections(collections)
        asked = collections_of(collections) or self._session.defaults.collections
        searched = [
            name
            for name in self._searched(sought, names, collections)
            if sought.kind.is_calibration
            or self._session.facts.collections.row(name).type is not CollectionType.CALIBRATION
        ]
        required = dict(zip(sought.kind.dimensions.required, sought.data_id.required_values, strict=True))
        if not self._queries.data_ids(sought.kind.dimensions.required, data_id=required).any():
            sought = replace(sought, doubt=f"no dimension records have {required}; is it spelt right?")
        return explain(self._session, sought, tuple(asked or names), searched)

    def _in_unit(self, kind: DatasetType, coordinate: DataCoordinate, collections: Sequence[str]) -> DatasetRef | None:
        unit = self._session.unit
        if unit is None or not unit.pending:
            return None
        found = (unit.find(kind.name, run, coordinate.required_values) for run in collections)
        return next((ref for ref in found if ref is not None), None)

    def get_ref(
        self, dataset_type: str | DatasetType, data_id: Mapping[str, object] | DataCoordinate | None, **more: Any
    ) -> DatasetRef:
        """Return the first dataset of this data ID.

        Raises
        ------
        DatasetNotFoundError
            If there is none; the message says where we looked.
        """
        ref = self.find(dataset_type, data_id, **more)
        if ref is not None:
            return ref
        raise self._not_found(dataset_type, data_id, more)

    def _not_found(
        self,
        dataset_type: str | DatasetType,
        data_id: Mapping[str, object] | DataCoordinate | None,
        more: dict[str, Any],
    ) -> DatasetNotFoundError:
        """Return an error of one line, which can find out more."""
        kind = self._queries.dataset_type(dataset_type)
        options = ("collections", "timespan")
        said = {**dict(data_id or {}), **{k: v for k, v in more.items() if k not in options}}
        searched = self._queries.collections(more.get("collections"))
        return DatasetNotFoundError(
            f"no {kind.name!r} for {said}; searched {listed(searched) or 'no collection'}. "
            f"`bunter query-datasets REPO {kind.name}` lists those that exist",
            dataset_type=kind.name,
            data_id=said,
            searched=searched,
            reason=lambda: self.explain(dataset_type, data_id, **more),
        )

    def refs(self, ids: Sequence[UUID]) -> list[DatasetRef | None]:
        """Return the datasets with these ids, None where there is none."""
        return self._session.repository.identify(self._session.principal, [i.bytes for i in ids])

    def in_runs(self, refs: Sequence[DatasetRef]) -> list[DatasetRef | None]:
        """Return what the run of each ref has for its type and data ID, None where it has nothing; in bulk."""
        groups: dict[tuple[str, str], list[int]] = {}
        for place, ref in enumerate(refs):
            groups.setdefault((ref.dataset_type.name, ref.run), []).append(place)
        answer: list[DatasetRef | None] = [None] * len(refs)
        for (_, run), places in groups.items():
            for place, found in zip(places, self._in_run(run, [refs[place] for place in places]), strict=True):
                answer[place] = found
        return answer

    def _in_run(self, run: str, refs: Sequence[DatasetRef]) -> list[DatasetRef | None]:
        kind = refs[0].dataset_type
        if self._session.unit is not None:
            mine = [self._in_unit(kind, ref.data_id, (run,)) for ref in refs]
        else:
            mine = [None] * len(refs)
        if run not in self._session.facts.collections:
            return mine
        request = FindRequest(kind, [ref.data_id.required_values for ref in refs], (run,))
        found = self._session.repository.resolve(self._session.principal, request)
        return [
            pending or (None if old is None else DatasetRef(UUID(bytes=old.id), kind, ref.data_id, run))
            for ref, pending, old in zip(refs, mine, found, strict=True)
        ]

    def locate(self, refs: Sequence[DatasetRef]) -> list[list[StoredArtifact]]:
        """Return the artifacts of each dataset, an empty list where nothing is stored."""
        unit = self._session.unit
        if unit is None or not unit.pending:
            return self._located(refs)
        rest = [ref for ref in refs if ref.id not in unit.pending]
        found = dict(zip((ref.id for ref in rest), self._located(rest), strict=True))
        return [list(unit.pending[ref.id].stored) if ref.id in unit.pending else found[ref.id] for ref in refs]

    def _located(self, refs: Sequence[DatasetRef]) -> list[list[StoredArtifact]]:
        return self._session.repository.locate(self._session.principal, [ref.id.bytes for ref in refs])

    def read(
        self,
        ref: DatasetRef,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
        stored: Sequence[StoredArtifact] | None = None,
        ahead: ArtifactStore | None = None,
    ) -> Any:
        """Read one dataset, or a component of it, as its storage class says.

        ``stored`` is what `locate` has told of it, if it was asked before, and ``ahead`` what is asked first for its artifact.

        Raises
        ------
        DatasetRemovedError
            If it was removed, with its artifact or without; says when and by whom.
        """
        datastore = self._session.repository.datastore
        wanted = storage_class or ref.dataset_type.storage_class
        if (unit := self._session.unit) is not None and (mine := unit.pending.get(ref.id)) is not None:
            return datastore.read(
                mine.stored, storage_class=wanted, component=component, parameters=parameters, staged=mine.staged
            )
        if component == "header" and not parameters and (header := Annotations(self._session).header(ref)) is not None:
            return header
        stored = self.locate([ref])[0] if stored is None else stored
        if not stored:
            from bunter.butler.past import removed_error

            raise removed_error(self._session.repository, self._session.principal, ref)
        keeps = datastore.keeps(ref.dataset_type)
        try:
            return datastore.read(
                stored, storage_class=wanted, component=component, parameters=parameters, keeps=keeps, ahead=ahead
            )
        except (FileNotFoundError, FileIntegrityError):  # an exact name may have another dataset by now
            again = self.locate([ref])[0]
            if not again:
                raise DatasetNotFoundError(f"{ref} was removed while it was read") from None
            if [item.key for item in again] == [item.key for item in stored]:
                raise
            return datastore.read(again, storage_class=wanted, component=component, parameters=parameters, keeps=keeps)

    def get(
        self,
        what: str | DatasetType | DatasetRef,
        data_id: Mapping[str, object] | DataCoordinate | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
        **more: Any,
    ) -> Any:
        """Find and read."""
        if isinstance(what, DatasetRef):
            return self.read(what, component=what.component, parameters=parameters, storage_class=storage_class)
        name, component = split_component(what) if isinstance(what, str) else (what, None)
        return self.read(
            self.get_ref(name, data_id, **more), component=component, parameters=parameters, storage_class=storage_class
        )

    def exists_many(self, refs: Sequence[DatasetRef]) -> list[bool]:
        """Say of each dataset whether it is registered and its artifacts are there."""
        unit = self._session.unit
        pending = {} if unit is None else unit.pending
        located = [[] if ref.id in pending else stored for ref, stored in zip(refs, self.locate(refs), strict=True)]
        keys = [item for stored in located for item in stored]
        there = iter(self._session.repository.datastore.exists_many(keys))
        found = [bool(stored) and sum(next(there) for _ in stored) == len(stored) for stored in located]
        return [there_is or ref.id in pending for ref, there_is in zip(refs, found, strict=True)]

    def template_fields(self) -> TemplateFields:
        """Return what looks values up for templates of file names."""
        return TemplateFields(self._queries)

    def uri(self, what: str | DatasetRef, data_id: Mapping[str, object] | None = None, **more: Any) -> ArtifactURI:
        """Return where the artifact of a dataset is, or the one that holds a component of it."""
        if isinstance(what, DatasetRef):
            ref, component = what, what.component
        else:
            name, component = split_component(what)
            ref = self.get_ref(name, data_id, **more)
        if component:
            named_class(ref.dataset_type.storage_class).component(component)  # raises if there is no such
        uris = {uri.stored.component: uri for uri in self.uris([ref])[0]}
        if not uris:
            raise DatasetNotFoundError(f"{ref} has no artifacts; it is registered, and not stored here")
        if component and "" not in uris:
            return uris[_kept(ref, component, uris)]
        if len(uris) != 1:
            raise DatasetNotFoundError(
                f"{ref} has {len(uris)} artifacts, {', '.join(uris)}; butler.get_uris([ref]) lists them, "
                f"butler.get_uri('{ref.dataset_type.name}.{next(iter(uris))}', ...) gives one"
            )
        return next(iter(uris.values()))

    def uris(self, refs: Sequence[DatasetRef]) -> list[list[ArtifactURI]]:
        """Return where the artifacts of each dataset are."""
        datastore = self._session.repository.datastore
        located = self.locate(refs)
        uris = iter(datastore.uris([item for stored in located for item in stored]))
        return [[next(uris) for _ in stored] for stored in located]


def _certified(facts: RepositoryFacts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the CALIBRATION collections, if there are any: a dataset in a run says nothing of when it is valid."""
    kept = tuple(name for name in names if facts.collections.row(name).type is CollectionType.CALIBRATION)
    return kept or names


def _kept(ref: DatasetRef, component: str, kept: Mapping[str, Any]) -> str:
    """Name of the artifact from which a component is read."""
    from bunter.datastore.composites import answered_by

    if (name := answered_by(component, kept)) is None:
        raise DatasetNotFoundError(f"{ref} has no {component!r}; it was stored with {', '.join(kept)}")
    return name
