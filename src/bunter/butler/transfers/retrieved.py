"""Tables beside retrieved files, by which their folder opens as a repository and is taken into others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bunter import effects
from bunter.butler.config import CONFIG_NAME
from bunter.butler.data_ids import DataIds
from bunter.butler.queries import Queries
from bunter.butler.session import Defaults, Session
from bunter.butler.transfers.export_place import FolderPlace
from bunter.butler.transfers.exports import Export
from bunter.butler.transfers.imports import ExportParcel
from bunter.butler.transfers.manifest import BESIDE, MANIFEST
from bunter.butler.transfers.opened import listed
from bunter.butler.transfers.outgoing import RepositoryParcel
from bunter.butler.transfers.parcel import Batch, Selection
from bunter.datastore import MAIN
from bunter.errors import ExportFileError
from bunter.values import Principal
from bunter.values.rows import unhindered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bunter.butler.transfers.file_plan import FilePlan
    from bunter.butler.transfers.parcel import Parcel
    from bunter.butler.transfers.run_folders import RunPiece
    from bunter.dataset import StoredArtifact
    from bunter.datastore import ArtifactStore
    from bunter.datastore.outward import Outgoing

__all__ = ["RetrievedFolder", "RetrievedParcel", "refuse_name"]

_LOCK = ".bunter-retrieving"
_OURS = re.compile(rf"{re.escape(MANIFEST)}|tables-[a-z2-7]{{13}}(/.*)?|(.*/)?\..*")


def refuse_name(name: str) -> None:
    """Refuse the name of a file that would take the place of the tables, or that nobody would find again.

    Raises
    ------
    ExportFileError
        If it is one.
    """
    if _OURS.fullmatch(name):
        raise ExportFileError(
            f"{name!r} is no name for a retrieved file beside {MANIFEST}; give a template, or leave the manifest out "
            "(manifest=False, --no-manifest)"
        )


class RetrievedParcel(RepositoryParcel):
    """Datasets whose artifacts have become files of the user's; the folders of their runs stay behind.

    Parameters
    ----------
    session, queries, selection
        As for `RepositoryParcel`.
    plan : FilePlan
        What becomes of each artifact; others are left out.
    folder : RetrievedFolder
        Where the files are.
    """

    def __init__(
        self,
        session: Session,
        queries: Queries,
        selection: Selection,
        plan: FilePlan,
        folder: RetrievedFolder,
    ) -> None:
        super().__init__(session, queries, selection)
        self._plan, self._folder = plan, folder

    def batches(self) -> Iterator[Batch]:
        """Read datasets, and say which files they are in."""
        for batch in super().batches():
            with unhindered():
                moved: dict[bytes, list[StoredArtifact]] = {id_: [] for id_ in batch.stored}
                named = self._plan.of(batch)
                alone = self._plan.read_alone([each.stored for each in named])
                for each, item in zip(named, alone, strict=True):
                    moved[each.stored.dataset_id].append(replace(item, key=each.name, datastore=MAIN))
            yield Batch(batch.columns, moved)

    def run_pieces(self) -> Iterator[RunPiece]:
        """None: whoever wants files does not want graphs and logs."""
        return iter(())

    def stores_of(self, stored: Sequence[StoredArtifact]) -> Sequence[ArtifactStore]:
        """Return the folder, for each."""
        return [self._folder.files] * len(stored)


class RetrievedFolder:
    """A folder of retrieved files, into which datasets may be retrieved several times, also at once.

    Parameters
    ----------
    root : Path
        The folder, which need not be there, and may hold anything else.

    Raises
    ------
    ExportFileError
        If it is a repository, or holds an export of another form.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.files = FolderPlace(root).below(BESIDE)
        if (root / CONFIG_NAME).is_file():
            raise ExportFileError(f"{root} is a repository; name another folder for what is retrieved")
        self._present()

    def refuse_conflicts(self, parcel: Parcel) -> None:
        """Refuse datasets that contradict those which were retrieved before.

        Raises
        ------
        TransferConflictError
            If there are any.
        """
        if (present := self._present()) is not None:
            listed(str(self._root), [present, parcel], self.files).close()

    def record(self, parcel: Parcel) -> None:
        """Write the tables of what is there now, and of what was there before; the manifest last."""
        lock = effects.flock(self._root / _LOCK)
        assert lock is not None
        with lock:
            if (present := self._present()) is None:
                self._write(parcel, {})
                return
            both = listed(str(self._root), [present, parcel], self.files)
            try:
                session = Session(both, Principal.current(), Defaults())
                whole = RepositoryParcel(session, Queries(session, DataIds(session)), Selection())
                self._write(whole, present.manifest.about)
            finally:
                both.close()

    def _write(self, parcel: Parcel, about: Mapping[str, str]) -> None:
        Export(parcel, self._root, about=about, sink=_nothing, files=BESIDE).write()

    def _present(self) -> ExportParcel | None:
        """Return what was retrieved before."""
        if effects.stat(self._root / MANIFEST) is None:
            return None
        found = ExportParcel(FolderPlace(self._root))
        if found.manifest.files != BESIDE:
            raise ExportFileError(f"{self._root} holds an export; name another folder for what is retrieved")
        return found


def _nothing(root: str, items: Sequence[Outgoing]) -> None:
    """Take artifacts that are there already."""
    del root, items
