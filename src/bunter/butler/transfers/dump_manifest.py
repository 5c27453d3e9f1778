"""The manifest of a dump: tables with their shapes and digests, and what of the configuration goes along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.butler.transfers.signed_json import read_signed, written_signed
from bunter.butler.transfers.table_files import TableFile
from bunter.database.cloning import Copied
from bunter.database.shape_text import described, shape_of
from bunter.datastore.config import OWN_KINDS
from bunter.errors import ExportFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.database.shape import TableShape

__all__ = ["DUMP_MANIFEST", "DumpManifest", "DumpedTable"]

DUMP_MANIFEST = "bunter-dump.json"
"""Name of the file, which is written last and makes a folder a dump."""

_FORMAT = 1
_FILE = re.compile(r"tables-[a-z0-9]+/[A-Za-z0-9_]+\.parquet")
_KEPT = ("templates", "formats", "composites", "constraints", "durability", "trash_days")


@dataclass(frozen=True, slots=True)
class DumpedTable:
    """A table: how it is made, its file, and the fingerprint of its rows."""

    shape: TableShape
    file: TableFile
    copied: Copied


@dataclass(frozen=True, slots=True)
class DumpManifest:
    """What a dump holds.

    Parameters
    ----------
    source : str
        Address of the repository.
    tables : tuple of DumpedTable
        Every table.
    has_artifacts : bool
        Whether the artifacts are in it.
    artifacts, size : int
        How many, and their bytes.
    datastore : mapping
        Settings of the datastore that say how things are named and written; never places.
    runs : TableFile, optional
        Graphs, journals and logs of the runs.
    """

    source: str
    tables: tuple[DumpedTable, ...]
    has_artifacts: bool
    artifacts: int
    size: int
    datastore: Mapping[str, Any]
    runs: TableFile | None = None

    @property
    def rows(self) -> int:
        """Number of rows of all tables."""
        return sum(table.copied.rows for table in self.tables)

    def to_json(self) -> bytes:
        """Return it as JSON that carries its own digest."""
        content = {
            "format": _FORMAT,
            "source": self.source,
            "has_artifacts": self.has_artifacts,
            "artifacts": self.artifacts,
            "size": self.size,
            "datastore": dict(self.datastore),
            "runs": None if self.runs is None else self.runs.as_row(),
            "tables": [
                {**described(table.shape), **table.file.as_row(), "fingerprint": table.copied.fingerprint}
                for table in self.tables
            ],
        }
        return written_signed(content)

    @classmethod
    def from_json(cls, text: bytes, where: str) -> DumpManifest:
        """Read a manifest.

        Raises
        ------
        ExportFileError
            If it is none, was changed, or has names that are not allowed.
        """
        return read_signed(text, where, version=_FORMAT, make=cls._read)

    @classmethod
    def _read(cls, content: dict[str, Any]) -> DumpManifest:
        return cls(
            str(content["source"]),
            tuple(_table(tree) for tree in content["tables"]),
            bool(content["has_artifacts"]),
            int(content["artifacts"]),
            int(content["size"]),
            kept_settings(content["datastore"]),
            _file(runs) if (runs := content.get("runs")) is not None else None,
        )


def kept_settings(datastore: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a datastore that go along with its artifacts: never its places."""
    kept = {name: datastore[name] for name in _KEPT if datastore.get(name)}
    tables = {name: sink for name, sink in datastore.get("sinks", {}).items() if sink.get("kind") in OWN_KINDS}
    return {**kept, "sinks": tables} if tables else kept  # a dump from elsewhere must not name whom we send values to


def _table(tree: Mapping[str, Any]) -> DumpedTable:
    shape, file = shape_of(tree), _file(tree)
    return DumpedTable(shape, file, Copied(shape.name, file.rows, str(tree["fingerprint"])))


def _file(tree: Mapping[str, Any]) -> TableFile:
    if not _FILE.fullmatch(tree["file"]):
        raise ExportFileError(f"{tree['file']!r} is no name of a table's file")
    return TableFile(tree["file"], int(tree["rows"]), str(tree["sha256"]))
