"""A parcel out of a living repository."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bunter.butler.transfers.dataset_rows import by_run, picked
from bunter.butler.transfers.makers import makers_in
from bunter.butler.transfers.needed_records import NeededRecords, read_records
from bunter.butler.transfers.parcel import BATCH_ROWS, Annotations, Batch, Membership
from bunter.butler.transfers.run_folders import read_runs
from bunter.dataset import CollectionType, DatasetColumns
from bunter.dataset.annotations import HeadersOf, MetadataOf, OriginRow, SourceFilesOf
from bunter.errors import MissingCollectionError, MissingDatasetTypeError, near
from bunter.values import Timespan, pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from bunter.butler.queries import Queries
    from bunter.butler.session import Session
    from bunter.butler.transfers.parcel import Selection
    from bunter.butler.transfers.run_folders import RunPiece
    from bunter.dataset import CollectionInfo, DatasetType, StoredArtifact
    from bunter.datastore import ArtifactStore
    from bunter.dimensions import Records, Universe
    from bunter.registry import CollectionCatalog

__all__ = ["RepositoryParcel"]

_MEMBERS = 20_000
_TRIES = 10
_KEPT_RECORDS = 20_000
_ORIGIN = ("id", "directory", "name", "size", "modified")


class RepositoryParcel:
    """What is selected of a repository; see `Parcel`.

    Parameters
    ----------
    session : Session
        The repository.
    queries : Queries
        Asks it.
    selection : Selection
        What goes in.
    """

    def __init__(self, session: Session, queries: Queries, selection: Selection) -> None:
        self._session = session
        self._queries = queries
        self._selection = selection
        self._seen: _Seen | None = None
        self._needed: list[Records] | None = None
        self._was_asked = False

    @property
    def source(self) -> str:
        """Address of the repository."""
        return self._session.facts.location

    @property
    def universe(self) -> Universe:
        """Its dimensions."""
        return self._session.facts.universe

    def dataset_types(self) -> Sequence[DatasetType]:
        """Return types selected by name; where datasets are, those that have any."""
        if self._selection.is_whole:
            return list(self._session.facts.dataset_types.values())
        return list(self._survey().types.values())

    def collections(self) -> Sequence[CollectionInfo]:
        """Return collections asked for with all below them, and the runs of the datasets."""
        catalog = self._session.facts.collections
        asked = self._asked() or ()
        runs = () if self._selection.is_whole else (run for run in sorted(self._survey().runs) if run in catalog)
        names = list(catalog) if self._selection.is_whole else [*catalog.reached(asked), *runs]
        return [catalog.info(name) for name in _children_first(catalog, names)]

    def records(self) -> Iterator[Records]:
        """Read all records of the repository, or those that the datasets need."""
        if self._selection.is_whole:
            for name in self.universe.sorted(self.universe.elements):
                if self.universe[name].has_table:
                    yield from read_records(self._session, self.universe[name])
            return
        yield from self._needed if self._needed is not None else self._read_needed()

    def _read_needed(self) -> list[Records]:
        """Read the records of the datasets; where these are given and few, what was found is kept for the next who asks."""
        needed = NeededRecords(self._session)
        for columns in self._columns():
            for each in columns:
                needed.add(each.dataset_type.dimensions, each.values)
        found = needed.read()
        if self._selection.refs is not None and sum(map(len, found)) <= _KEPT_RECORDS:
            self._needed = found
        return found

    def batches(self) -> Iterator[Batch]:
        """Read datasets and where they are stored."""
        repository, principal = self._session.repository, self._session.principal
        for columns in self._columns():
            ids = [id_ for each in columns for id_ in each.ids]
            yield Batch(tuple(columns), dict(zip(ids, repository.locate(principal, ids), strict=True)))

    def _columns(self) -> Iterator[list[DatasetColumns]]:
        """Read the datasets; what has come since they were surveyed, with types and runs of its own, waits for the next time."""
        seen = self._seen
        for columns in self._found():
            known = columns if seen is None else [each for each in columns if seen.has(each)]
            if known:
                yield known

    def _found(self) -> Iterator[list[DatasetColumns]]:
        if (refs := self._selection.refs) is not None:
            yield from refs.columns()
            return
        for kind in self._kinds() if self._searched()[0] else ():
            yield from self._of_type(kind)

    def _of_type(self, kind: DatasetType) -> Iterator[list[DatasetColumns]]:
        """Read the datasets of a type; once more if a collection went before the first of them came."""
        more = {} if self._selection.data_ids is None else {"data_ids": self._selection.data_ids}
        met: set[bytes] = set()
        for tries_left in reversed(range(_TRIES)):
            names, is_sure = self._searched()
            is_begun = False
            try:
                found = self._queries.datasets(
                    kind, names, where=self._selection.where or None, find_first=self._selection.find_first, **more
                )
                for batch in found.to_reader() if names else ():
                    is_begun = True
                    for begin in range(0, batch.num_rows, BATCH_ROWS):
                        some = by_run(kind, batch.slice(begin, BATCH_ROWS))
                        yield some if is_sure else _unmet(some, met)
            except MissingCollectionError:
                if is_begun or not tries_left:
                    raise
            else:
                return

    def _asked(self) -> list[str] | None:
        """Return the collections asked for; those that went since this was first asked are left out."""
        asked, catalog = self._selection.collections, self._session.facts.collections
        if asked is None:
            return None
        if not self._was_asked:
            catalog.flatten(asked)
            self._was_asked = True
        return [name for name in asked if name in catalog]

    def _searched(self) -> tuple[list[str], bool]:
        """Return the collections to search, and whether no dataset can be found in two of them."""
        catalog = self._session.facts.collections
        asked = self._asked()
        names = catalog.flatten(list(catalog) if asked is None else asked)
        runs = [name for name in names if catalog.row(name).type is CollectionType.RUN]
        if asked is None:
            return runs, True
        return list(names), len(runs) == len(names)

    def _kinds(self) -> list[DatasetType]:
        types = self._session.facts.dataset_types
        if strange := [each for each in self._selection.dataset_types if not isinstance(each, str)]:
            raise MissingDatasetTypeError(
                f"dataset types are named by texts, such as 'calexp', not {strange[0]!r}; datasets are given as refs=..."
            )
        found = {
            pattern: [name for name in types if fnmatchcase(name, pattern)] for pattern in self._selection.dataset_types
        }
        if lost := [pattern for pattern, names in found.items() if not names and pattern != "*"]:
            raise MissingDatasetTypeError(
                f"no dataset type of {self.source} is named {', '.join(lost)}{near(lost[0], types)}; "
                f"`bunter query-dataset-types {self.source}` lists all"
            )
        chosen = {name for names in found.values() for name in names}
        return [kind for name, kind in types.items() if name in chosen]

    def memberships(self) -> Iterator[Membership]:
        """Read memberships of the datasets in the collections that go along."""
        infos = self.collections()
        names = [i.name for i in infos if i.type in {CollectionType.TAGGED, CollectionType.CALIBRATION}]
        if not names:
            return
        wanted = None if self._selection.is_whole else self._survey().id_array()
        for kind in self.dataset_types():
            table = self._session.repository.associations(self._session.principal, kind, names)
            yield from _memberships(kind, table, wanted)

    def annotations(self) -> Iterator[Annotations]:
        """Read what is kept beside the datasets."""
        repository, principal = self._session.repository, self._session.principal
        told: set[bytes] = set()
        for columns in self._columns():
            ids = [id_ for each in columns for id_ in each.ids]
            yield Annotations(
                _rows(repository.answer(principal, HeadersOf(ids)), "id", "primary", "own"),
                _rows(repository.answer(principal, MetadataOf(ids)), "id", "document"),
                [OriginRow(*row) for row in _rows(repository.answer(principal, SourceFilesOf(ids)), *_ORIGIN)],
                *makers_in(self._session, ids, told),
            )

    def run_pieces(self) -> Iterator[RunPiece]:
        """Read the folders of the runs that go along."""
        runs = (info.name for info in self.collections() if info.type is CollectionType.RUN)
        return read_runs(getattr(self._session.repository, "runs", None), runs)

    def stores_of(self, stored: Sequence[StoredArtifact]) -> Sequence[ArtifactStore]:
        """Return the stores of the repository that have them."""
        return self._session.repository.datastore.stores_of(stored)

    def _survey(self) -> _Seen:
        """Look through the selection once, and keep ids, runs and types."""
        if self._seen is None:
            seen = _Seen()
            for columns in self._columns():
                for each in columns:
                    seen.add(each)
            self._seen = seen
        return self._seen


class _Seen:
    """Runs, types and ids of a selection."""

    def __init__(self) -> None:
        self.runs: set[str] = set()
        self.types: dict[str, DatasetType] = {}
        self._ids = bytearray()

    def has(self, columns: DatasetColumns) -> bool:
        """Whether there were such datasets in that run."""
        return columns.run in self.runs and columns.dataset_type.name in self.types

    def add(self, columns: DatasetColumns) -> None:
        self.runs.add(columns.run)
        self.types[columns.dataset_type.name] = columns.dataset_type
        self._ids += b"".join(columns.ids)

    def id_array(self) -> pa.Array:
        pa = pyarrow()
        return pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(self._ids) // 16, [None, pa.py_buffer(bytes(self._ids))]
        )


def _children_first(catalog: CollectionCatalog, names: Iterable[str]) -> list[str]:
    """Order collections such that a chain comes after its children."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in found:
            for child in catalog.info(name).children:
                visit(child)
            found[name] = None

    for name in dict.fromkeys(names):
        visit(name)
    return list(found)


def _unmet(some: Sequence[DatasetColumns], met: set[bytes]) -> list[DatasetColumns]:
    """Leave out datasets that were met before, in another collection or at another time."""
    left = []
    for columns in some:
        rows = {id_: row for row, id_ in reversed(list(enumerate(columns.ids))) if id_ not in met}
        met.update(rows)
        if rows:
            left.append(picked(columns, sorted(rows.values())))
    return left


def _memberships(kind: DatasetType, table: pa.Table, wanted: pa.Array | None) -> Iterator[Membership]:
    import pyarrow.compute as pc

    if wanted is not None:
        table = table.filter(pc.is_in(table.column("id"), value_set=wanted))
    for batch in table.select(["collection", "timespan_begin", "timespan_end", "id"]).to_batches(_MEMBERS):
        groups: dict[tuple[str, int | None, int | None], list[bytes]] = {}
        for collection, begin, end, id_ in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            groups.setdefault((collection, begin, end), []).append(id_)
        for (collection, begin, end), ids in groups.items():
            span = None if begin is None or end is None else Timespan.from_bounds(begin, end)
            yield Membership(collection, kind.name, ids, span)


def _rows(table: pa.Table, *names: str) -> list[Any]:
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
