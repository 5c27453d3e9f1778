"""Artifact records of existing datasets, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.graph.keys import smallest_unsigned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.graph.keys import Array

__all__ = ["ArtifactTable"]


@dataclass(frozen=True, slots=True, eq=False)
class ArtifactTable:
    """Where the datasets of one type are stored: links from datasets to files.

    Parameters
    ----------
    words : mapping
        Distinct values of the text columns: ``directory``, ``datastore``, ``format`` (pairs of name and version),
        ``component`` and ``selector``.
    columns : mapping of str to array
        Of the links ``begin`` (links of dataset i are begin[i] to begin[i + 1]; absent where each has one), ``file``,
        ``component``, ``selector``; of the files ``directory``, ``datastore``, ``format``, ``owned``, ``size``,
        ``name_end`` (end of the file's name in ``names``), ``names``, ``sha256`` (n, 32), ``xxh3`` (n, 16) and
        ``digests`` (bit 0: has SHA-256, bit 1: has XXH3).
    """

    words: Mapping[str, Sequence[Any]]
    columns: Mapping[str, Array]

    @classmethod
    def of(cls, found: Sequence[Sequence[StoredArtifact]]) -> ArtifactTable:
        """Columns of the artifacts of each dataset, in the order of the datasets."""
        links = [artifact for artifacts in found for artifact in artifacts]
        files: dict[tuple[str, str], int] = {}
        file = [files.setdefault((a.datastore, a.key), len(files)) for a in links]
        firsts = [links[i] for i in np.unique(np.asarray(file, np.int64), return_index=True)[1]]
        words, columns = _file_columns(firsts)
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

    def _artifact(self, link: int, dataset_id: bytes) -> StoredArtifact:
        from bunter.dataset import StoredArtifact

        file = int(self.columns["file"][link])
        name, version = self._word("format", file)
        digests = int(self.columns["digests"][file])
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

    def _word(self, name: str, row: int) -> Any:
        return self.words[name][int(_at(self.columns[name], row))]

    def _key(self, file: int) -> str:
        ends = self.columns["name_end"]
        begin = int(ends[file - 1]) if file else 0
        return f"{self._word('directory', file)}{self.columns['names'][begin : int(ends[file])].tobytes().decode()}"


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
    names = [file.key[place:].encode() for file, place in zip(files, places, strict=True)]
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
    columns["digests"] = np.fromiter(has, np.uint8, len(files))
    return words, columns


def _digests(values: Sequence[bytes | None], width: int) -> Array:
    """Digests as rows of bytes; those that are not known are zeros."""
    return np.frombuffer(b"".join(value or bytes(width) for value in values), np.uint8).reshape(-1, width)
