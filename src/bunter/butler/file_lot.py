"""Some of the files of an ingest, staged, with everything that registers them; as columns, and as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from bunter.dataset import ArtifactLink, DatasetColumns
from bunter.dataset.annotations import AddHeaders, AddOrigins, HeaderRow, OriginRow
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.datastore.recorded import artifact_rows
from bunter.datastore.store import Staged
from bunter.values import Digests
from bunter.values.rows import instances

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.dataset import DatasetType, FileDataset
    from bunter.dataset.changes import Change

    Columns = dict[str, list[Any]]

__all__ = ["FileLot", "staged_from_bytes", "staged_to_bytes"]

_ID_BYTES = 16
_ORIGIN = ("directory", "name", "size", "modified")
_HEADER = ("id", "base", "cards", "packed", "primary_size")
_STAGED = ("key", "size", "owner", "owned", "synced", "source", "datastore", "origin", "inode")


@dataclass(frozen=True, slots=True)
class FileLot:
    """What registers some files.

    Parameters
    ----------
    datasets : list of DatasetColumns
        Their datasets, by type and run.
    ids : list of bytes
        The ids of these, in the order of the files.
    counts : list of int
        How many datasets each file holds.
    selectors : list of str
        Where each dataset is in its file.
    nonces, formats : list of str
        Of the artifact that each file becomes.
    origins : dict of str to list
        Columns ``directory``, ``name``, ``size`` and ``modified`` of the files as they were given.
    headers : AddHeaders or None
        Their header cards, if these are kept.
    """

    datasets: list[DatasetColumns]
    ids: list[bytes]
    counts: list[int]
    selectors: list[str]
    nonces: list[str]
    formats: list[str]
    origins: Columns
    headers: AddHeaders | None

    @classmethod
    def of(
        cls,
        files: Sequence[FileDataset],
        nonces: list[str],
        formats: list[str],
        origins: Columns,
        headers: AddHeaders | None,
    ) -> FileLot:
        """Gather what is known of files."""
        refs = [ref for file in files for ref in file.refs]
        selectors = [selector for file in files for selector in file.selectors or [""] * len(file.refs)]
        return cls(
            DatasetColumns.from_refs(refs),
            [ref.id.bytes for ref in refs],
            [len(file.refs) for file in files],
            selectors,
            nonces,
            formats,
            origins,
            headers,
        )

    def changes(self, staged: Sequence[Staged]) -> list[Change]:
        """Return the changes that register the files, which are staged so."""
        links = instances(
            ArtifactLink,
            len(self.ids),
            dataset_id=self.ids,
            component=repeat(""),
            nonce=self._of_each(self.nonces),
            selector=self.selectors,
        )
        origins = {name: self._of_each(self.origins[name]) for name in _ORIGIN}
        return [
            *map(AddDatasets, self.datasets),
            AddArtifacts(artifact_rows(staged, self.nonces, self.formats, repeat(1)), links),
            AddOrigins(instances(OriginRow, len(self.ids), id=self.ids, **origins)),
            *([] if self.headers is None else [self.headers]),
        ]

    def _of_each(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return what is known of each file for each of its datasets."""
        if len(self.ids) == len(self.counts):  # there are no files without
            return values
        return [value for value, count in zip(values, self.counts, strict=True) for _ in range(count)]

    def to_bytes(self) -> bytes:
        """Write it down, its dataset types by their names."""
        groups = [
            (each.dataset_type.name, each.run, b"".join(each.ids), {k: _short(v) for k, v in each.values.items()})
            for each in self.datasets
        ]
        headers = None if self.headers is None else (self.headers.bases, _columns(self.headers.rows, _HEADER))
        more = [_short(each) for each in (self.counts, self.selectors, self.nonces, self.formats)]
        origins = [_short(self.origins[name]) for name in _ORIGIN]
        return msgspec.msgpack.encode((groups, b"".join(self.ids), more, origins, headers))

    @classmethod
    def from_bytes(cls, content: bytes, types: Mapping[str, DatasetType]) -> FileLot:
        """Read what `to_bytes` wrote, given the dataset types by name."""
        groups, joined, more, origins, headers = msgspec.msgpack.decode(content)
        ids = _ids(joined)
        counts = more[0] if len(more[0]) > 1 else more[0] * (len(ids) // more[0][0])
        files = len(counts)
        return cls(
            [_dataset_columns(types[name], run, of, values) for name, run, of, values in groups],
            ids,
            counts,
            selectors=_long(more[1], len(ids)),
            nonces=_long(more[2], files),
            formats=_long(more[3], files),
            origins={name: _long(column, files) for name, column in zip(_ORIGIN, origins, strict=True)},
            headers=None if headers is None else _headers(*headers),
        )


def _dataset_columns(kind: DatasetType, run: str, joined: bytes, values: Columns) -> DatasetColumns:
    ids = _ids(joined)
    return DatasetColumns(kind, run, ids, {name: _long(column, len(ids)) for name, column in values.items()})


def _headers(bases: list[list[Any]], columns: list[list[Any]]) -> AddHeaders:
    rows = instances(HeaderRow, len(columns[0]), **_named(_HEADER, columns))  # the first is of ids, which all differ
    return AddHeaders([(cards, packed) for cards, packed in bases], rows)


def staged_to_bytes(staged: Sequence[Staged]) -> bytes:
    """Write down artifacts on their way."""
    digests = [item.digests for item in staged]
    content = [
        _columns(staged, _STAGED),
        _short([None if each is None else each.sha256 for each in digests]),
        _short([None if each is None else each.xxh3 for each in digests]),
        _short([[staged_to_bytes([copy]) for copy in item.copies] for item in staged]),
    ]
    return msgspec.msgpack.encode((len(staged), *content))


def staged_from_bytes(content: bytes) -> list[Staged]:
    """Read what `staged_to_bytes` wrote."""
    count, columns, sha256, xxh3, copies = msgspec.msgpack.decode(content)
    digests: Iterable[Digests | None] = repeat(None)
    if len(sha256) > 1 or sha256[0] is not None:
        both = zip(_long(sha256, count), _long(xxh3, count), strict=True)
        digests = [None if one is None else Digests(one, other) for one, other in both]
    others: Iterable[tuple[Staged, ...]] = repeat(())
    if copies != [[]]:
        others = [tuple(staged_from_bytes(copy)[0] for copy in each) for each in _long(copies, count)]
    return instances(Staged, count, digests=digests, copies=others, **_named(_STAGED, columns))


def _columns(items: Sequence[Any], names: Sequence[str]) -> list[list[Any]]:
    return [_short(list(map(attrgetter(name), items))) for name in names]


def _named(names: Sequence[str], columns: Sequence[list[Any]]) -> dict[str, Iterable[Any]]:
    return {name: column if len(column) > 1 else repeat(column[0]) for name, column in zip(names, columns, strict=True)}


def _short(column: Sequence[Any]) -> list[Any]:
    """Return a column as a list, of one value if all are the same."""
    values = list(column)
    return values[:1] if values[0] == values[-1] and values.count(values[0]) == len(values) else values


def _long(column: list[Any], count: int) -> list[Any]:
    return column if len(column) == count else column * count


def _ids(joined: bytes) -> list[bytes]:
    return [joined[first : first + _ID_BYTES] for first in range(0, len(joined), _ID_BYTES)]
