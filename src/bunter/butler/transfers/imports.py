"""A parcel out of an export: a folder or an archive that may come from anybody."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bunter.butler.transfers.dataset_rows import by_run
from bunter.butler.transfers.exports import artifact_schema, dataset_schema
from bunter.butler.transfers.makers import ACTIVITY_NAMES
from bunter.butler.transfers.manifest import MANIFEST, Manifest
from bunter.butler.transfers.parcel import BATCH_ROWS, Annotations, Batch, Membership
from bunter.butler.transfers.replay import Replay
from bunter.butler.transfers.run_folders import PIECES_TOGETHER, pieces_in
from bunter.butler.transfers.table_files import batches_of, check_table
from bunter.dataset import StoredArtifact
from bunter.dataset.annotations import OriginRow
from bunter.dimensions import Records
from bunter.dimensions.records import stored_columns
from bunter.errors import ExportFileError
from bunter.values import Timespan
from bunter.values.arrow import values_of
from bunter.values.rows import instances, unhindered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from bunter.butler.transfers.export_place import ExportPlace
    from bunter.butler.transfers.run_folders import RunPiece
    from bunter.dataset import CollectionInfo, DatasetType
    from bunter.datastore import ArtifactStore
    from bunter.dimensions import Universe

__all__ = ["ExportParcel"]

_KEPT_ROWS = 20_000
_LINK_NAMES = ("component", "path", "size", "sha256", "xxh3", "format", "format_version", "selector")


class ExportParcel:
    """What is in an export; see `Parcel`.

    Parameters
    ----------
    place : ExportPlace
        Where it lies.

    Attributes
    ----------
    manifest : Manifest
        What it holds.
    files : ArtifactStore
        Its artifacts.

    Raises
    ------
    ExportFileError
        If it is none, or anything but its artifacts is not as it was written; these are compared as they are brought.
    """

    def __init__(self, place: ExportPlace) -> None:
        self._place = place
        text = b"".join(place.chunks(MANIFEST))
        self.manifest = Manifest.from_json(text, f"{place.name}/{MANIFEST}")
        for table in self.manifest.tables.values():
            check_table(table, place.chunks(table.file), place.name)
        self.files = place.below(self.manifest.files)
        self._kept_records = Replay(self._read_records, len, _KEPT_ROWS)
        self._kept_batches = Replay(self._read_batches, _rows_in, BATCH_ROWS)

    @property
    def source(self) -> str:
        """The place of the export."""
        return self._place.name

    @property
    def universe(self) -> Universe:
        """Dimensions of the repository that it was written from."""
        return self.manifest.universe

    def dataset_types(self) -> Sequence[DatasetType]:
        """Return the types."""
        return self.manifest.dataset_types

    def collections(self) -> Sequence[CollectionInfo]:
        """Return the collections."""
        return self.manifest.collections

    def records(self) -> Iterator[Records]:
        """Read the records."""
        return iter(self._kept_records)

    def _read_records(self) -> Iterator[Records]:
        tables = {name.partition("/")[2] for name in self.manifest.tables if name.startswith("records/")}
        if strange := tables - self.universe.elements.keys():
            raise ExportFileError(f"{self.source} has records of {min(strange)!r}, which its universe has not")
        for name in self.universe.sorted(tables):
            for batch in self._rows(f"records/{name}"):
                yield self._checked(name, batch)

    def _checked(self, name: str, batch: pa.RecordBatch) -> Records:
        element = self.universe[name]
        known = Records(element, {column: [] for column in stored_columns(element)})
        _expect(batch, known.to_arrow().schema, self.source)
        return Records(element, {column: values_of(batch.column(column)) for column in batch.schema.names})

    def batches(self) -> Iterator[Batch]:
        """Read the datasets and their artifacts side by side."""
        return iter(self._kept_batches)

    def _read_batches(self) -> Iterator[Batch]:
        for kind in self.dataset_types():
            if f"datasets/{kind.name}" not in self.manifest.tables:
                continue
            artifacts = _Artifacts(self._rows(f"artifacts/{kind.name}"), self.source)
            first = 0
            for batch in self._rows(f"datasets/{kind.name}", BATCH_ROWS):
                _expect(batch, dataset_schema(kind.dimensions), self.source)
                ids = values_of(batch.column("id"))
                with unhindered():
                    stored = artifacts.until(ids, first) if self.manifest.has_files else {}
                    found = Batch(tuple(by_run(kind, batch)), stored)
                first += len(ids)
                yield found

    def memberships(self) -> Iterator[Membership]:
        """Read the memberships."""
        for batch in self._rows("memberships"):
            groups: dict[tuple[Any, ...], list[bytes]] = {}
            names = ("collection", "dataset_type", "begin", "end", "id")
            for *place, id_ in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                groups.setdefault(tuple(place), []).append(id_)
            for (collection, kind, begin, end), ids in groups.items():
                span = None if begin is None else Timespan.from_bounds(begin, end)
                yield Membership(collection, kind, ids, span)

    def annotations(self) -> Iterator[Annotations]:
        """Read what was kept beside the datasets."""
        for batch in self._rows("headers"):
            yield Annotations(headers=_tuples(batch, "id", "primary", "own"))
        for batch in self._rows("metadata"):
            yield Annotations(metadata=_tuples(batch, "id", "document"))
        for batch in self._rows("origins"):
            names = ("id", "directory", "name", "size", "modified")
            columns = {name: values_of(batch.column(name)) for name in names}
            yield Annotations(origins=instances(OriginRow, len(batch), **columns))
        activities = [row for batch in self._rows("activities") for row in _tuples(batch, *ACTIVITY_NAMES)]
        for batch in self._rows("makers"):
            yield Annotations(makers=_tuples(batch, "id", "activity"), activities=activities)

    def run_pieces(self) -> Iterator[RunPiece]:
        """Read the folders of runs."""
        return pieces_in(self._rows("runs", PIECES_TOGETHER), self.source)

    def stores_of(self, stored: Sequence[StoredArtifact]) -> Sequence[ArtifactStore]:
        """Return the files of the export, for each."""
        return [self.files] * len(stored)

    def _rows(self, name: str, rows: int | None = None) -> Iterator[pa.RecordBatch]:
        table = self.manifest.tables.get(name)
        if table is None or not table.rows:
            return iter(())
        return batches_of(partial(self._place.open, table.file), rows)


def _rows_in(batch: Batch) -> int:
    return sum(map(len, batch.columns))


class _Artifacts:
    """A table of artifacts, read along with that of the datasets."""

    def __init__(self, batches: Iterator[pa.RecordBatch], where: str) -> None:
        self._batches = batches
        self._where = where
        self._rows: list[int] = []
        self._items: list[list[Any]] = []
        self._next = 0

    def until(self, ids: list[bytes], first: int) -> dict[bytes, list[StoredArtifact]]:
        """Return the artifacts of the next datasets, which begin at row ``first``."""
        places: list[int] = []
        columns: list[list[Any]] = [[] for _ in _LINK_NAMES]
        end = first + len(ids)
        while self._fill() and self._rows[self._next] < end:
            stop = self._next
            while stop < len(self._rows) and self._rows[stop] < end:
                stop += 1
            places += self._rows[self._next : stop]
            for column, values in zip(columns, self._items, strict=True):
                column.extend(values[self._next : stop])
            self._next = stop
        if places and not first <= min(places):
            raise ExportFileError(f"{self._where}: the rows of artifacts do not fit those of datasets")
        return _stored(ids, [place - first for place in places], columns)

    def _fill(self) -> bool:
        while self._next >= len(self._rows):
            batch = next(self._batches, None)
            if batch is None:
                return False
            _expect(batch, artifact_schema(), self._where)
            self._rows, self._next = values_of(batch.column("row")), 0
            self._items = [values_of(batch.column(name)) for name in _LINK_NAMES]
        return True


def _stored(ids: list[bytes], places: list[int], columns: list[list[Any]]) -> dict[bytes, list[StoredArtifact]]:
    component, path, size, sha256, xxh3, form, version, selector = columns
    number = len(places)
    items = instances(
        StoredArtifact,
        number,
        dataset_id=[ids[place] for place in places],
        component=component,
        key=path,
        datastore=[""] * number,
        size=size,
        sha256=sha256,
        xxh3=xxh3,
        format=form,
        format_version=version,
        owned=[True] * number,
        selector=selector,
    )
    found: dict[bytes, list[StoredArtifact]] = {}
    for item in items:
        found.setdefault(item.dataset_id, []).append(item)
    return found


def _expect(batch: pa.RecordBatch, schema: pa.Schema, where: str) -> None:
    if batch.schema.names != schema.names or batch.schema.types != schema.types:
        raise ExportFileError(f"{where}: a table has the columns {batch.schema.names}, not {schema.names}")


def _tuples(batch: pa.RecordBatch, *names: str) -> list[Any]:
    return list(zip(*(batch.column(name).to_pylist() for name in names), strict=True))
