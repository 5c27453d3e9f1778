"""Datasets in: encode, stage, and publish with their rows in one unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.butler.session import Pending
from bunter.dataset import ArtifactLink, ArtifactRow, DatasetColumns, DatasetRef, StoredArtifact
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.datastore import format_of
from bunter.errors import ConflictingDatasetError, MissingCollectionError
from bunter.values import new_id, new_ids, new_nonce

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.butler.lookup import Lookup
    from bunter.butler.session import Session
    from bunter.dataset import DatasetType
    from bunter.dataset.changes import Change
    from bunter.datastore import Encoded, Staged

__all__ = ["Publishing"]


@dataclass(frozen=True, slots=True)
class _Written:
    """A dataset whose bytes are staged, and the rows that will register it."""

    ref: DatasetRef
    staged: Staged
    encoded: Encoded
    nonce: str


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

    def run(self, name: str | None) -> str:
        """Return the run to write: the one named, or the default."""
        chosen = name or self._session.defaults.run
        if chosen is None:
            raise MissingCollectionError("put needs a run: give run='...' in the call or in Butler(..., run='...')")
        return chosen

    def put(self, obj: Any, ref: DatasetRef) -> DatasetRef:
        """Store one object as ``ref``; the same content again is no error and returns the ref that is there."""
        return self.put_many([(obj, ref)])[0]

    def put_many(self, items: Iterable[tuple[Any, DatasetRef]]) -> list[DatasetRef]:
        """Store objects at once, all or none.

        Returns
        -------
        list of DatasetRef
            In the order given; where equal content was there before, the ref of that.

        Raises
        ------
        ConflictingDatasetError
            If other content is registered for a data ID in that run.
        """
        written = [self._stage(obj, ref) for obj, ref in items]
        staged = [item.staged for item in written]
        try:
            self._session.commit(self._changes(written), staged)
        except ConflictingDatasetError:
            return self._again(written)
        if (unit := self._session.unit) is not None:
            unit.expect(Pending(item.ref, _as_stored(item, self._row(item)), item.staged) for item in written)
        return [item.ref for item in written]

    def _stage(self, obj: Any, ref: DatasetRef) -> _Written:
        datastore = self._session.repository.datastore
        encoded = datastore.encode(obj, ref.dataset_type)
        nonce = new_nonce()
        key = datastore.key_for(ref.dataset_type, ref.data_id, ref.run, nonce, encoded.extension)
        return _Written(ref, datastore.stage(key, encoded.data), encoded, nonce)

    def _changes(self, written: Sequence[_Written]) -> list[Change]:
        changes: list[Change] = [
            AddDatasets(columns) for columns in DatasetColumns.from_refs([item.ref for item in written])
        ]
        artifacts = [self._row(item) for item in written]
        links = [ArtifactLink(item.ref.id.bytes, "", item.nonce, "") for item in written]
        return [*changes, AddArtifacts(artifacts, links)]

    def _row(self, item: _Written) -> ArtifactRow:
        return self._session.repository.datastore.row(
            item.staged, item.nonce, item.encoded.format, item.encoded.version
        )

    def _again(self, written: Sequence[_Written]) -> list[DatasetRef]:
        """Take equal content as done and store the rest; refuse when content differs."""
        known = [self._lookup.find_in_run(item.ref) for item in written]
        for item, old in zip(written, known, strict=True):
            if old is not None:
                self._must_be_same(item, old)
        rest = [item for item, old in zip(written, known, strict=True) if old is None]
        if len(rest) == len(written):
            raise ConflictingDatasetError("the same data ID appears twice in one call; give each dataset once")
        if rest:
            datastore = self._session.repository.datastore
            fresh = [
                _Written(item.ref, datastore.stage(item.staged.key, item.encoded.data), item.encoded, item.nonce)
                for item in rest
            ]
            self._session.commit(self._changes(fresh), [item.staged for item in fresh])
        return [old or item.ref for item, old in zip(written, known, strict=True)]

    def _must_be_same(self, item: _Written, old: DatasetRef) -> None:
        datastore = self._session.repository.datastore
        stored = self._lookup.locate([old])[0]
        if stored and item.staged.digests is not None and stored[0].sha256 == item.staged.digests.sha256:
            return
        if stored and stored[0].format == item.encoded.format:
            old_bytes = datastore.uri(stored[0]).read()
            if format_of(item.encoded.format).same(old_bytes, item.encoded.data):
                return
        raise ConflictingDatasetError(
            f"{old} is already there with other content; use another run, or remove it first with butler.remove_datasets([ref])"
        )


def new_refs(dataset_type: DatasetType, data_ids: Sequence[Any], run: str) -> list[DatasetRef]:
    """Return refs with new ids for data IDs of the type's dimensions."""
    if len(data_ids) == 1:
        return [DatasetRef(new_id(), dataset_type, data_ids[0], run)]
    return [
        DatasetRef(UUID(bytes=i), dataset_type, d, run) for i, d in zip(new_ids(len(data_ids)), data_ids, strict=True)
    ]


def _as_stored(item: _Written, row: ArtifactRow) -> StoredArtifact:
    return StoredArtifact(
        item.ref.id.bytes,
        "",
        item.staged.key,
        row.datastore,
        row.size,
        row.sha256,
        row.xxh3,
        row.format,
        row.format_version,
        row.owned,
        "",
    )
