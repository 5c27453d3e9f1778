"""Artifact records of existing datasets, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.graph.keys import smallest_unsigned
from bunter.graph.unique import Units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.graph.keys import Array
    from bunter.graph.unique import Zone

__all__ = ["ArtifactTable", "spread"]

_OF_LINKS = ("component", "selector")
_WORDS = ("directory", "datastore", "format", *_OF_LINKS)


@dataclass(frozen=True, slots=True, eq=False)
class ArtifactTable:
    """Where the datasets of one type are stored: links from datasets to files.

    Parameters
    ----------
    words : mapping
        Distinct values of the text columns: ``directory``, ``datastore``, ``format`` (pairs of name and version),
        ``component`` and ``selector``; and ``frame``, what all names of files begin and end with.
    columns : mapping of str to array
        Of the links ``begin`` (links of dataset i are begin[i] to begin[i + 1]; absent where each has one), ``file``
        (absent where link i is of file i), ``component``, ``selector``; of the files ``directory``, ``datastore``, ``format``, ``owned``, ``size``,
        ``name_end`` (end of the file's name in ``names``), ``names``, ``sha256`` (n, 32), ``xxh3`` (n, 16) and
        ``digests`` (bit 0: has SHA-256, bit 1: has XXH3).
    """

    words: Mapping[str, Sequence[Any]]
    columns: Mapping[str, Any]

    @classmethod
    def of(cls, found: Sequence[Sequence[StoredArtifact]]) -> ArtifactTable:
        """Columns of the artifacts of each dataset, in the order of the datasets."""
        links = [artifact for artifacts in found for artifact in artifacts]
        files: dict[tuple[str, str], int] = {}
        file = [files.setdefault((a.datastore, a.key), len(files)) for a in links]
        firsts = [links[i] for i in np.unique(np.asarray(file, np.int64), return_index=True)[1]]
        words, columns = _file_columns(firsts)
        if len(files) < len(links):
            columns["file"] = np.asarray(file, smallest_unsigned(len(files)))
        for name in ("component", "selector"):
            words[name], columns[name] = _coded([getattr(a, name) for a in links])
        counts = np.fromiter(map(len, found), np.int64, len(found))
        if (counts != 1).any():
            columns["begin"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
        return cls(words, columns)

    def of_dataset(self, row: int, dataset_id: bytes) -> tuple[StoredArtifact, ...]:
        """Artifacts of the dataset in a row."""
        begin, end = row, row + 1
        if "begin" in self.columns:
            begin, end = int(self.columns["begin"][row]), int(self.columns["begin"][row + 1])
        return tuple(self._artifact(link, dataset_id) for link in range(begin, end))

    def places_of(self, row: int) -> list[int]:
        """Return the places in a zone of the digests of a dataset's files."""
        begin, end = row, row + 1
        if "begin" in self.columns:
            begin, end = int(self.columns["begin"][row]), int(self.columns["begin"][row + 1])
        return [int(self.columns["sha256"].at[self._file(link)]) for link in range(begin, end)]

    def least_of_files(self, values: Array) -> Array:
        """Return for each file the least of the values of its datasets, one for each dataset."""
        if "begin" in self.columns:
            values = np.repeat(values, np.diff(self.columns["begin"]))
        found = np.full(len(self.columns["size"]), np.iinfo(np.int64).max)
        np.minimum.at(found, self.columns.get("file", slice(None)), values)
        return found

    def in_zone(self, zone: Zone, places: Array) -> ArtifactTable:
        """Return the same with digests that are looked up in a zone, where each file has its place."""
        digests = {"sha256": Units(zone, places, 2), "xxh3": Units(zone, places + places.dtype.type(2), 1)}
        return ArtifactTable(self.words, {**self.columns, **digests})

    def take(self, rows: Array) -> ArtifactTable:
        """Return the artifacts of some datasets."""
        columns: dict[str, Any] = {}
        links = rows
        if "begin" in self.columns:
            begin = self.columns["begin"].astype(np.int64)
            counts = begin[rows + 1] - begin[rows]
            columns["begin"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
            links = spread(begin[rows], counts)
        files = links
        if "file" in self.columns:
            files, file = np.unique(self.columns["file"][links].astype(np.int64), return_inverse=True)
            columns["file"] = file.astype(smallest_unsigned(len(files)))
        words: dict[str, Sequence[Any]] = {"frame": self.words["frame"]}
        for name in _WORDS:
            places = links if name in _OF_LINKS else files
            words[name], columns[name] = _taken(self.words[name], self.columns[name], places)
        for name in ("size", "sha256", "xxh3"):
            columns[name] = self.columns[name][files]
        for name in ("owned", "digests"):
            column = self.columns[name]
            columns[name] = column[files] if column.ndim else column
        columns["name_end"], columns["names"] = self._names(files)
        return ArtifactTable(words, columns)

    def _names(self, files: Array) -> tuple[Array, Array]:
        ends = self.columns["name_end"].astype(np.int64)
        begins = np.where(files > 0, ends[files - 1], 0)
        counts = ends[files] - begins
        return np.cumsum(counts).astype(np.uint32), self.columns["names"][spread(begins, counts)]

    def _artifact(self, link: int, dataset_id: bytes) -> StoredArtifact:
        from bunter.dataset import StoredArtifact

        file = self._file(link)
        name, version = self._word("format", file)
        digests = int(_at(self.columns["digests"], file))
        return StoredArtifact(
            dataset_id=dataset_id,
            component=self._word("component", link),
            key=self._key(file),
            datastore=self._word("datastore", file),
            size=int(self.columns["size"][file]),
            sha256=self.columns["sha256"][file].tobytes() if digests & 1 else None,
            xxh3=self.columns["xxh3"][file].tobytes() if digests & 2 else None,
            format=name,
            format_version=version,
            owned=bool(_at(self.columns["owned"], file)),
            selector=self._word("selector", link),
        )

    def _file(self, link: int) -> int:
        return int(self.columns["file"][link]) if "file" in self.columns else link

    def _word(self, name: str, row: int) -> Any:
        return self.words[name][int(_at(self.columns[name], row))]

    def _key(self, file: int) -> str:
        ends = self.columns["name_end"]
        begin = int(ends[file - 1]) if file else 0
        first, last = self.words["frame"]
        name = self.columns["names"][begin : int(ends[file])].tobytes().decode()
        return f"{self._word('directory', file)}{first}{name}{last}"


def spread(begins: Array, counts: Array) -> Array:
    """Return the places ``begins[i]`` to ``begins[i] + counts[i]`` of all i, one after the other."""
    total = np.cumsum(counts)
    places: Array = np.repeat(begins - total + counts, counts)
    places += np.arange(len(places))
    return places


def _taken(words: Sequence[Any], codes: Array, rows: Array) -> tuple[Sequence[Any], Array]:
    """Return those of the words that some rows have, and their codes."""
    if not codes.ndim:
        return words, codes
    used, mine = np.unique(codes[rows], return_inverse=True)
    few = [words[code] for code in used.tolist()]
    return few, np.zeros((), np.uint8) if len(few) <= 1 else mine.astype(smallest_unsigned(len(few)))


def _at(column: Array, row: int) -> Any:
    return column[row] if column.ndim else column[()]


def _coded(values: Sequence[Any]) -> tuple[list[Any], Array]:
    """Distinct values and the code of each; a 0-d column where there is but one."""
    words: dict[Any, int] = {}
    codes = [words.setdefault(value, len(words)) for value in values]
    if len(words) <= 1:
        return list(words), np.zeros((), np.uint8)
    return list(words), np.asarray(codes, smallest_unsigned(len(words)))


def _file_columns(files: Sequence[StoredArtifact]) -> tuple[dict[str, Sequence[Any]], dict[str, Array]]:
    words: dict[str, Sequence[Any]] = {}
    columns: dict[str, Array] = {}
    places = [file.key.rfind("/") + 1 for file in files]
    texts: dict[str, Sequence[Any]] = {
        "directory": [file.key[:place] for file, place in zip(files, places, strict=True)],
        "datastore": [file.datastore for file in files],
        "format": [(file.format, file.format_version) for file in files],
    }
    for name, values in texts.items():
        words[name], columns[name] = _coded(values)
    words["frame"], names = _framed([file.key[place:] for file, place in zip(files, places, strict=True)])
    ends = np.cumsum(np.fromiter(map(len, names), np.int64, len(names)))
    columns["name_end"] = ends.astype(np.uint32)
    columns["names"] = np.frombuffer(b"".join(names), np.uint8)
    owned = np.fromiter((file.owned for file in files), bool, len(files))
    columns["owned"] = owned if owned.any() and not owned.all() else np.asarray(bool(owned.any()))
    sizes = np.fromiter((file.size for file in files), np.int64, len(files))
    columns["size"] = sizes.astype(np.uint32) if not len(sizes) or sizes.max() < 2**32 else sizes
    columns["sha256"] = _digests([file.sha256 for file in files], 32)
    columns["xxh3"] = _digests([file.xxh3 for file in files], 16)
    has = ((file.sha256 is not None) | (file.xxh3 is not None) << 1 for file in files)
    known = np.fromiter(has, np.uint8, len(files))
    columns["digests"] = known[:1].reshape(()) if len(known) and (known == known[0]).all() else known
    return words, columns


def _framed(names: list[str]) -> tuple[tuple[str, str], list[bytes]]:
    """Return what all names begin and end with, and what each has between."""
    first = commonprefix(names)  # noqa: RUF071 - names, not paths
    last = commonprefix([name[len(first) :][::-1] for name in names])[::-1]  # noqa: RUF071 - names, not paths
    return (first, last), [name[len(first) : len(name) - len(last)].encode() for name in names]


def _digests(values: Sequence[bytes | None], width: int) -> Array:
    """Digests as rows of bytes; those that are not known are zeros."""
    return np.frombuffer(b"".join(value or bytes(width) for value in values), np.uint8).reshape(-1, width)
