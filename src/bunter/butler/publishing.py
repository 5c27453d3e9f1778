"""Datasets in: encode, stage, and publish with their rows in one unit of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from bunter.butler.notes import note_changes
from bunter.butler.session import Pending
from bunter.dataset import ArtifactLink, ArtifactRow, DatasetColumns, DatasetRef, StoredArtifact
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.dataset.id_mode import dataset_ids
from bunter.datastore.conflicts import difference
from bunter.errors import ConflictingDatasetError, MissingCollectionError
from bunter.values import new_id, new_ids, new_nonce

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.butler.lookup import Lookup
    from bunter.butler.notes import Notes
    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.session import Session, UnitOfWork
    from bunter.butler.template_fields import TemplateFields
    from bunter.dataset import DatasetType
    from bunter.dataset.changes import Change
    from bunter.dataset.id_mode import IdMode
    from bunter.datastore import Encoded, Staged
    from bunter.datastore.chain import Route

__all__ = ["Publishing"]


_TRIES = 100
"""How often others may be faster."""


class _Part(Struct, frozen=True):
    """Bytes of a dataset, or of one of its components, that are staged."""

    component: str
    staged: Staged
    encoded: Encoded
    nonce: str


class _Written(Struct, frozen=True):
    """A dataset whose bytes are staged, and the rows that will register it."""

    ref: DatasetRef
    parts: tuple[_Part, ...]
    route: Route
    notes: Notes | None = None

    @property
    def header(self) -> Encoded:
        """What holds its header, if it has one."""
        return next((part for part in self.parts if part.component == "header"), self.parts[0]).encoded


class Publishing:
    """Puts objects into a repository.

    Parameters
    ----------
    session : Session
        The repository and the defaults.
    lookup : Lookup
        Finds what is already there, to tell a repetition from a conflict.
    """

    def __init__(self, session: Session, lookup: Lookup) -> None:
        self._session = session
        self._lookup = lookup

    def run(self, name: str | None, facts: RepositoryFacts | None = None) -> str:
        """Return the run to write: the one named, or the default."""
        chosen = name or self._session.defaults.run
        if chosen is None:
            raise MissingCollectionError("put needs a run: give run='...' in the call or in Butler(..., run='...')")
        if name and self._session.unit is None and name not in (facts or self._session.facts).collections:
            raise MissingCollectionError(
                f"no collection {name!r}; make it by butler.collections.register({name!r}), or open Butler(..., run={name!r})"
            )
        return chosen

    def put(
        self, obj: Any, ref: DatasetRef, notes: Notes | None = None, *, generation: int | None = None
    ) -> DatasetRef:
        """Store one object as ``ref``; the same content again is no error and returns the ref that is there."""
        return self.put_many([(obj, ref)], None if notes is None else [notes], generation=generation)[0]

    def put_many(
        self,
        items: Iterable[tuple[Any, DatasetRef]],
        notes: Sequence[Notes] | None = None,
        *,
        generation: int | None = None,
    ) -> list[DatasetRef]:
        """Store objects at once, all or none; ``notes`` is what to keep beside each, ``generation`` is for `Repository.commit`.

        Returns
        -------
        list of DatasetRef
            In the order given; where equal content was there before, the ref of that.

        Raises
        ------
        ConflictingDatasetError
            If other content is registered for a data ID in that run.
        """
        written = self._stage_all(items)
        if notes is not None:
            written = [replace(item, notes=each) for item, each in zip(written, notes, strict=True)]
        if (unit := self._session.unit) is not None:
            return self._in_unit(unit, written)
        changes = self._changes(written)
        try:
            self._session.commit(changes, _staged(written), generation=generation)
        except ConflictingDatasetError:
            return self._again(written)
        return [item.ref for item in written]

    def _stage_all(self, items: Iterable[tuple[Any, DatasetRef]]) -> list[_Written]:
        written: list[_Written] = []
        fields = self._lookup.template_fields()
        try:
            written.extend(self._stage(obj, ref, fields) for obj, ref in items)
        except BaseException:
            self._discard(written)
            raise
        return written

    def _discard(self, written: Iterable[_Written]) -> None:
        self._session.repository.datastore.discard(_staged(written))

    def _in_unit(self, unit: UnitOfWork, written: list[_Written]) -> list[DatasetRef]:
        """Keep what is new for the end of the unit, where a conflict could no longer tell which ref counts."""
        known = self._known(written)
        fresh = [item for item, old in zip(written, known, strict=True) if old is None]
        self._discard(item for item, old in zip(written, known, strict=True) if old is not None)
        if fresh:
            self._session.commit(self._changes(fresh), _staged(fresh))
        unit.expect(Pending(item.ref, self._stored(item), tuple(_staged([item]))) for item in fresh)
        return [old or item.ref for item, old in zip(written, known, strict=True)]

    def _stage(self, obj: Any, ref: DatasetRef, fields: TemplateFields) -> _Written:
        datastore = self._session.repository.datastore
        route = datastore.route(ref.dataset_type, ref.data_id)
        parts: list[_Part] = []
        more = fields.of(route.choice.template.sought, ref.data_id)
        try:
            for component, encoded in datastore.encode_parts(obj, ref.dataset_type, route).items():
                nonce, named = new_nonce(), {**more, "id": ref.id, **({"component": component} if component else {})}
                key = datastore.key_for(
                    ref.dataset_type, ref.data_id, ref.run, nonce, encoded.extension, route=route, **named
                )
                parts.append(_Part(component, datastore.stage(key, encoded.data, route=route), encoded, nonce))
        except BaseException:
            datastore.discard([part.staged for part in parts])
            raise
        return _Written(ref, tuple(parts), route)

    def _changes(self, written: Sequence[_Written]) -> list[Change]:
        changes: list[Change] = [
            AddDatasets(columns) for columns in DatasetColumns.from_refs([item.ref for item in written])
        ]
        parts = [(item.ref.id.bytes, part) for item in written for part in item.parts]
        artifacts = [self._row(part) for _, part in parts]
        links = [ArtifactLink(id_, part.component, part.nonce, "") for id_, part in parts]
        changes.append(AddArtifacts(artifacts, links))
        if any(item.notes for item in written):
            try:
                changes += note_changes([(item.ref, item.header, item.notes) for item in written])
            except BaseException:
                self._discard(written)
                raise
        return changes

    def _row(self, part: _Part) -> ArtifactRow:
        return self._session.repository.datastore.row(
            part.staged, part.nonce, part.encoded.format, part.encoded.version
        )

    def _stored(self, item: _Written) -> tuple[StoredArtifact, ...]:
        return tuple(_as_stored(item.ref, part, self._row(part)) for part in item.parts)

    def _again(self, written: Sequence[_Written]) -> list[DatasetRef]:
        """Take equal content as done and store the rest; refuse when content differs."""
        known = self._store_rest(written)
        again = [(old, item.header, item.notes) for item, old in zip(written, known, strict=True) if old and item.notes]
        if again:
            self._session.commit(note_changes(again))
        return [old or item.ref for item, old in zip(written, known, strict=True)]

    def _store_rest(self, written: Sequence[_Written]) -> list[DatasetRef | None]:
        """Store what the runs have not, once more for each time that others were faster; return what they had."""
        for _ in range(_TRIES):
            known = self._known(written)
            rest = [item for item, old in zip(written, known, strict=True) if old is None]
            if len({(item.ref.dataset_type, item.ref.data_id, item.ref.run) for item in rest}) < len(rest):
                raise ConflictingDatasetError("the same data ID appears twice in one call; give each dataset once")
            fresh = [self._staged_again(item) for item in rest]
            try:
                if fresh:
                    self._session.commit(self._changes(fresh), _staged(fresh))
            except ConflictingDatasetError:
                continue
            return known
        raise ConflictingDatasetError(
            f"others put and remove the same datasets of {written[0].ref.run!r} all the while; put these when that is over"
        )

    def _staged_again(self, item: _Written) -> _Written:
        stage = self._session.repository.datastore.stage
        parts = (
            replace(part, staged=stage(part.staged.key, part.encoded.data, route=item.route)) for part in item.parts
        )
        return replace(item, parts=tuple(parts))

    def _known(self, written: Sequence[_Written]) -> list[DatasetRef | None]:
        """Return what the runs have already for the same data IDs; ConflictingDatasetError where content differs."""
        known = self._lookup.in_runs([item.ref for item in written])
        pairs = [(item, old) for item, old in zip(written, known, strict=True) if old is not None]
        for (item, old), stored in zip(pairs, self._lookup.locate([old for _, old in pairs]), strict=True):
            if (told := self._difference(item, old, stored)) is not None:
                self._discard(written)
                raise ConflictingDatasetError(
                    f"{old} is already there with other content{told and f': {told}'}; use another run, "
                    "or remove it first with butler.remove_datasets([ref])"
                )
        return known

    def _difference(self, item: _Written, old: DatasetRef, stored: Sequence[StoredArtifact]) -> str | None:
        """Say how the content differs from what is stored, as far as can be told; None if it is the same."""
        there = {artifact.component: artifact for artifact in stored}
        if there.keys() != {part.component for part in item.parts}:
            return "" if not stored else "it is kept in other artifacts"
        said = [
            (
                part.component,
                difference(
                    self._session.repository.datastore,
                    there[part.component],
                    part.staged,
                    part.encoded,
                    is_pending=self._session.is_pending(old),
                ),
            )
            for part in item.parts
        ]
        found = [f"{name}: {text}" if name and text else text for name, text in said if text is not None]
        return "; ".join(text for text in found if text) if found else None


def _staged(written: Iterable[_Written]) -> list[Staged]:
    return [part.staged for item in written for part in item.parts]


def new_refs(
    dataset_type: DatasetType, data_ids: Sequence[Any], run: str, id_mode: IdMode = "unique"
) -> list[DatasetRef]:
    """Return refs with ids of their own for data IDs of the type's dimensions; see `bunter.dataset.id_mode`."""
    if id_mode != "unique":
        ids = dataset_ids(dataset_type, data_ids, run, id_mode)
        return [DatasetRef(i, dataset_type, d, run) for i, d in zip(ids, data_ids, strict=True)]
    if len(data_ids) == 1:
        return [DatasetRef(new_id(), dataset_type, data_ids[0], run)]
    return [
        DatasetRef(UUID(bytes=i), dataset_type, d, run) for i, d in zip(new_ids(len(data_ids)), data_ids, strict=True)
    ]


def _as_stored(ref: DatasetRef, part: _Part, row: ArtifactRow) -> StoredArtifact:
    return StoredArtifact(
        ref.id.bytes,
        part.component,
        part.staged.key,
        row.datastore,
        row.size,
        row.sha256,
        row.xxh3,
        row.format,
        row.format_version,
        row.owned,
        "",
    )
