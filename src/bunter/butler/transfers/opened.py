"""An export opened as a repository, for reading: its tables are read into memory, its artifacts stay where they are.

Nothing that a stranger wrote is run, and no database file of a stranger is opened.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.butler.direct import DirectRepository
from bunter.butler.own_database import make_tables
from bunter.butler.session import Defaults, Session
from bunter.butler.transfers.export_place import FolderFiles, place_of
from bunter.butler.transfers.imports import ExportParcel
from bunter.butler.transfers.receiving import Receiving
from bunter.butler.transfers.run_folders import write_runs
from bunter.butler.transfers.terms import Terms
from bunter.database import Database
from bunter.datastore import MAIN, Datastore, Staged, Stat
from bunter.errors import ReadOnlyError
from bunter.values import Digests, Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bunter.butler.transfers.parcel import Parcel
    from bunter.butler.transfers.run_folders import RunPiece
    from bunter.dataset import DatasetColumns, StoredArtifact
    from bunter.datastore import ArtifactStore
    from bunter.datastore.carriage import Cargo
    from bunter.datastore.chain import Route
    from bunter.values import ByteRange

__all__ = ["OpenedExport", "listed", "open_export"]


def open_export(path: str | Path, *, writeable: bool | None = None) -> DirectRepository:
    """Open an export for reading.

    Raises
    ------
    ExportFileError
        If it is none, or its tables are not as they were written.
    ReadOnlyError
        If it was to be written.
    """
    if writeable:
        raise ReadOnlyError(f"{path} is an export, which is only read; `bunter import` takes it into a repository")
    parcel = ExportParcel(place_of(path))
    repository = listed(str(path), [parcel], parcel.files)
    repository.pieces = parcel.run_pieces
    return repository


def listed(location: str, parcels: Sequence[Parcel], files: ArtifactStore) -> OpenedExport:
    """Return a repository in memory that lists several parcels, whose artifacts are where they are; it is only read.

    Parameters
    ----------
    location : str
        What messages call it.
    parcels : sequence of Parcel
        What is in it.
    files : ArtifactStore
        Where the artifacts of all of them are.

    Raises
    ------
    TransferConflictError
        If a parcel contradicts those before it.
    """
    database = Database.memory()
    make_tables(database, parcels[0].universe)
    store = _ExportFolder(files, parcels) if isinstance(files, FolderFiles) else _ExportStore(files, parcels)
    repository = OpenedExport(location, database, Datastore(None, {MAIN: store}))
    session = Session(repository, Principal.current(), Defaults())
    for number, parcel in enumerate(parcels):
        listing = _Listing(session, parcel, Terms())
        if number:
            listing.survey().refuse()
        listing.bring()
    repository.writeable = False
    return repository


class OpenedExport(DirectRepository):
    """A repository whose folders of runs are unpacked when somebody first looks at them."""

    pieces: Callable[[], Iterator[RunPiece]] | None = None

    @property
    def runs(self) -> Path | None:
        """A temporary folder, as long as the repository is open."""
        if self._runs is None and self.pieces is not None:
            unpacked = Path(tempfile.mkdtemp(prefix="bunter-runs-"))
            weakref.finalize(self, shutil.rmtree, unpacked, ignore_errors=True)
            write_runs(unpacked, self.pieces())
            self._runs = unpacked
        return self._runs


class _Listing(Receiving):
    """Registers the artifacts of an export where they are."""

    names_anew = False
    keeps_all = True

    def _key(
        self, columns: DatasetColumns, data_id: Mapping[str, Any], nonce: str, stored: StoredArtifact, route: Route
    ) -> str:
        del columns, data_id, nonce, route
        return stored.key

    def _carried(self, cargo: list[Cargo]) -> list[Staged]:
        return [
            Staged(
                each.key,
                each.stored.size,
                None
                if each.stored.sha256 is None or each.stored.xxh3 is None
                else Digests(each.stored.sha256, each.stored.xxh3),
                "",
                owned=False,
            )
            for each in cargo
        ]


class _ExportStore:
    """The artifacts of an export as a store to which nothing can be added."""

    def __init__(self, files: ArtifactStore, parcels: Sequence[Parcel]) -> None:
        self._files = files
        self._parcels = parcels

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        return self._files.read(key, ranges)

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        return self._files.stat_many(keys)

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        return self._files.delete_many(keys)

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Only what the export names: beside retrieved files may lie anything."""
        batches = (batch for parcel in self._parcels for batch in parcel.batches())
        named = {item.key for batch in batches for stored in batch.stored.values() for item in stored}
        return ((key, stat) for key, stat in self._files.walk(prefix) if key in named)

    def own(self) -> str:
        return ""

    def disown(self, owner: str) -> None:
        del owner

    def stage(self, *_: object, **__: object) -> Staged:
        raise ReadOnlyError("an export is only read; `bunter import` takes it into a repository")

    def read_staged(self, item: Staged) -> bytes:
        return self.read(item.key)[0]

    def publish(self, *_: object) -> None:
        """Nothing is ever staged."""

    settle = discard = publish

    def staged(self) -> Iterator[tuple[str, bool]]:
        return iter(())

    def recover(self, *_: object) -> int:
        return 0


class _ExportFolder(_ExportStore):
    """Those of an export in a folder, which are files of this machine."""

    def __init__(self, files: FolderFiles, parcels: Sequence[Parcel]) -> None:
        super().__init__(files, parcels)
        self._folder = files

    def path(self, key: str) -> Path:
        """Return where an artifact is; ExportFileError if it is not below the folder."""
        return self._folder.path(key)

    def names(self, keys: Sequence[str]) -> list[str]:
        """Return where artifacts are, as texts."""
        return self._folder.names(keys)
