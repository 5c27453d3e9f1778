"""The manifest of an export: what it holds, checked when it is read, as it may come from anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bunter.butler.config import EXPORT_NAME
from bunter.butler.transfers.signed_json import read_signed, written_signed
from bunter.butler.transfers.table_files import TableFile
from bunter.dataset import CollectionInfo, CollectionType, DatasetType
from bunter.dataset.collection import collection_name_problem
from bunter.dimensions import Universe
from bunter.errors import ExportFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BESIDE", "FILES", "MANIFEST", "Manifest"]

MANIFEST = EXPORT_NAME
"""Name of the file, which is written last and makes a folder an export."""

FILES = "files"
"""Folder of the artifacts, but where they were retrieved into a folder of the user's."""

BESIDE = ""
"""Stands for it where artifacts lie beside the manifest."""

_FORMAT = 1
_TABLE = re.compile(r"tables-[a-z0-9]+/[A-Za-z0-9_.-]+\.parquet")
_WORD = re.compile(r"[a-z_]+(/[A-Za-z0-9_]+)?")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds.

    Parameters
    ----------
    source : str
        Address of the repository.
    universe : Universe
        Dimensions.
    dataset_types : tuple of DatasetType
        Dataset types.
    collections : tuple of CollectionInfo
        Collections, children before chains.
    tables : dict of str to TableFile
        By ``records/<element>``, ``datasets/<type>``, ``artifacts/<type>``, ``memberships``, ``headers``, ``metadata``,
        ``origins``, ``runs``.
    has_files : bool
        Whether artifacts are in it.
    datasets, artifacts, size : int
        How many, and the bytes of the artifacts.
    about : dict of str to str
        Title, licence, citation and the like.
    files : str
        Folder of the artifacts: `FILES`, or `BESIDE`.
    """

    source: str
    universe: Universe
    dataset_types: tuple[DatasetType, ...]
    collections: tuple[CollectionInfo, ...]
    tables: Mapping[str, TableFile]
    has_files: bool = True
    datasets: int = 0
    artifacts: int = 0
    size: int = 0
    about: Mapping[str, str] = field(default_factory=dict)
    files: str = FILES

    def to_json(self) -> bytes:
        """Return it as JSON that carries its own digest."""
        return written_signed(self._content())

    def _content(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "source": self.source,
            "about": dict(self.about),
            "datasets": self.datasets,
            "artifacts": self.artifacts,
            "size": self.size,
            "has_files": self.has_files,
            **({} if self.files == FILES else {"files": self.files}),
            "dataset_types": [
                {
                    "name": kind.name,
                    "dimensions": list(kind.dimensions.required),
                    "storage_class": kind.storage_class,
                    "is_calibration": kind.is_calibration,
                }
                for kind in self.dataset_types
            ],
            "collections": [
                {"name": info.name, "type": info.type.name, "doc": info.doc, "children": list(info.children)}
                for info in self.collections
            ],
            "tables": {name: table.as_row() for name, table in self.tables.items()},
            "universe": self.universe.to_dict(),
        }

    def differences(self, other: Manifest) -> list[str]:
        """Say in which of its parts another export differs; where files of tables lie does not count."""
        one, two = self._content(), other._content()
        parts = ("about", "has_files", "files", "dataset_types", "collections", "universe")
        found = [name.replace("_", " ") for name in parts if one.get(name) != two.get(name)]
        mine, others = ({name: (t.rows, t.sha256) for name, t in each.tables.items()} for each in (self, other))
        return [*found, *sorted(name for name in {*mine, *others} if mine.get(name) != others.get(name))]

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Manifest:
        """Read a manifest.

        Raises
        ------
        ExportFileError
            If it is none, was changed, or has names that are not allowed.
        """
        return read_signed(text, where, version=_FORMAT, make=cls._read)

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Manifest:
        universe = Universe.load(content["universe"])
        types = [
            DatasetType(
                each["name"],
                universe.conform(each["dimensions"]),
                str(each["storage_class"]),
                bool(each["is_calibration"]),
            )
            for each in content["dataset_types"]
        ]
        return cls(
            str(content["source"]),
            universe,
            tuple(types),
            tuple(_collection(each) for each in content["collections"]),
            {_word(name): _table(row) for name, row in content["tables"].items()},
            bool(content["has_files"]),
            int(content["datasets"]),
            int(content["artifacts"]),
            int(content["size"]),
            {str(key): str(value) for key, value in content["about"].items()},
            _files(content.get("files", FILES)),
        )


def _files(folder: object) -> str:
    if folder not in {FILES, BESIDE}:
        raise ExportFileError(f"artifacts of an export are below {FILES!r} or beside its manifest, not in {folder!r}")
    return str(folder)


def _collection(row: Mapping[str, Any]) -> CollectionInfo:
    name, children = str(row["name"]), tuple(map(str, row["children"]))
    for each in (name, *children):
        if problem := collection_name_problem(each):
            raise ExportFileError(problem)
    return CollectionInfo(name, CollectionType[row["type"]], str(row["doc"]), children)


def _word(name: str) -> str:
    if not _WORD.fullmatch(name):
        raise ExportFileError(f"an export has no table {name!r}")
    return name


def _table(row: Mapping[str, Any]) -> TableFile:
    if not _TABLE.fullmatch(row["file"]):
        raise ExportFileError(f"{row['file']!r} is no name of a table's file")
    return TableFile(row["file"], int(row["rows"]), str(row["sha256"]))
