"""What goes from one repository to another: the seam between where it comes from and where it arrives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from bunter.butler.transfers.dataset_rows import picked
from bunter.butler.transfers.packed_datasets import PackedDatasets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from bunter.butler.transfers.run_folders import RunPiece
    from bunter.dataset import CollectionInfo, DatasetColumns, DatasetRef, DatasetType, StoredArtifact
    from bunter.dataset.annotations import OriginRow
    from bunter.datastore import ArtifactStore
    from bunter.dimensions import Records, Universe
    from bunter.values import Timespan

__all__ = ["BATCH_ROWS", "Annotations", "Batch", "Membership", "Parcel", "Selection"]

BATCH_ROWS = 5000
"""Datasets that are looked at, and at most committed, together."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a repository goes into a parcel.

    Parameters
    ----------
    dataset_types : tuple of str
        Names or patterns.
    collections : tuple of str, optional
        Where datasets are looked for, and which collections are taken along; all if None.
    where : str
        Condition on the datasets.
    find_first : bool
        Whether of several datasets of a data ID only the first one found counts.
    refs : sequence of DatasetRef, optional
        These datasets instead of all others.
    data_ids : table, optional
        Data IDs with one of which datasets must agree, as for `Butler.query_datasets`.
    """

    dataset_types: tuple[str, ...] = ("*",)
    collections: tuple[str, ...] | None = None
    where: str = ""
    find_first: bool = False
    refs: PackedDatasets | None = None
    data_ids: Any = None

    @classmethod
    def of_refs(cls, refs: Iterable[DatasetRef], collections: str | Sequence[str] | None = None) -> Self:
        """Select datasets, and collections that go along."""
        names = (collections,) if isinstance(collections, str) else collections
        return cls(refs=PackedDatasets.of(refs), collections=None if names is None else tuple(names))

    @property
    def is_whole(self) -> bool:
        """Whether it is everything."""
        some = (self.collections, self.refs, self.data_ids)
        return self.dataset_types == ("*",) and not self.where and all(each is None for each in some)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some datasets, and their artifacts by dataset id."""

    columns: tuple[DatasetColumns, ...]
    stored: Mapping[bytes, Sequence[StoredArtifact]]

    def portions(self, limit: int) -> Iterator[Batch]:
        """Divide it such that the artifacts of a part have at most ``limit`` bytes, or it has one dataset."""
        if sum([item.size for items in self.stored.values() for item in items if item.size > 0]) <= limit:
            yield self
            return
        rows: list[tuple[int, int]] = []
        total = 0
        for group, columns in enumerate(self.columns):
            for row, id_ in enumerate(columns.ids):
                size = sum(max(item.size, 0) for item in self.stored.get(id_, ()))
                if rows and total + size > limit:
                    yield self._of(rows)
                    rows, total = [], 0
                rows.append((group, row))
                total += size
        if rows:
            yield self._of(rows)

    def only(self, wanted: Callable[[DatasetColumns], bool]) -> Batch:
        """Leave out the columns of some types or runs."""
        return Batch(tuple(columns for columns in self.columns if wanted(columns)), self.stored)

    def _of(self, rows: Sequence[tuple[int, int]]) -> Batch:
        parts: dict[int, list[int]] = {}
        for group, row in rows:
            parts.setdefault(group, []).append(row)
        return Batch(tuple(picked(self.columns[group], part) for group, part in parts.items()), self.stored)


@dataclass(frozen=True, slots=True)
class Membership:
    """Datasets of one type in a TAGGED collection, or, with a time, in a CALIBRATION collection."""

    collection: str
    dataset_type: str
    ids: Sequence[bytes]
    timespan: Timespan | None = None


@dataclass(frozen=True, slots=True)
class Annotations:
    """What is kept beside some datasets.

    Parameters
    ----------
    headers : list of (bytes, bytes, bytes)
        Dataset id, text of the cards of the first HDU, and of the one that holds the dataset.
    metadata : list of (bytes, str)
        Dataset id and JSON document.
    origins : list of OriginRow
        Where files came from.
    makers : list of (bytes, bytes)
        Dataset id, and id of the activity that made it.
    activities : list of tuple
        These activities, as `bunter.dataset.annotations.AddMakers` takes them.
    """

    headers: Sequence[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    metadata: Sequence[tuple[bytes, str]] = field(default_factory=list)
    origins: Sequence[OriginRow] = field(default_factory=list)
    makers: Sequence[tuple[bytes, bytes]] = field(default_factory=list)
    activities: Sequence[tuple[object, ...]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows they are."""
        return sum(map(len, (self.headers, self.metadata, self.origins, self.makers, self.activities)))

    def without(self, ids: Collection[bytes]) -> Annotations:
        """Leave out what is kept beside some datasets."""
        return Annotations(
            [row for row in self.headers if row[0] not in ids],
            [row for row in self.metadata if row[0] not in ids],
            [row for row in self.origins if row.id not in ids],
            [row for row in self.makers if row[0] not in ids],
            self.activities,
        )


class Parcel(Protocol):
    """Part of a repository that is to arrive in another one; each method may be called several times, and streams."""

    @property
    def source(self) -> str:
        """Where it comes from, for messages."""

    @property
    def universe(self) -> Universe:
        """Its dimensions."""

    def dataset_types(self) -> Sequence[DatasetType]:
        """All dataset types that its datasets have, or that are to be registered."""

    def collections(self) -> Sequence[CollectionInfo]:
        """All collections, runs of its datasets included, children before the chains that name them."""

    def records(self) -> Iterator[Records]:
        """Dimension records, each after those that it refers to."""

    def batches(self) -> Iterator[Batch]:
        """Datasets with their artifacts, at most `BATCH_ROWS` at a time."""

    def memberships(self) -> Iterator[Membership]:
        """Which of its datasets are in which tagged collections, and valid when in which calibration collections."""

    def annotations(self) -> Iterator[Annotations]:
        """Headers, user metadata and origins of its datasets."""

    def run_pieces(self) -> Iterator[RunPiece]:
        """Graphs, journals and logs of the runs of its datasets, where they were made by runs."""

    def stores_of(self, stored: Sequence[StoredArtifact]) -> Sequence[ArtifactStore]:
        """Where each artifact can be read; asks in bulk."""
