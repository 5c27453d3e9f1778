"""Artifacts of datasets as files of one's own: in one folder, under names of one's choice, or as the store names them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bunter.butler.data_ids import DataIds
from bunter.butler.queries import Queries
from bunter.butler.transfers.file_naming import NamesByTemplate, OwnNames
from bunter.butler.transfers.file_plan import FilePlan
from bunter.butler.transfers.outgoing import RepositoryParcel
from bunter.butler.transfers.parcel import Selection
from bunter.butler.transfers.retrieved import RetrievedFolder, RetrievedParcel, refuse_name
from bunter.butler.transfers.retrieved_files import RetrievedFiles
from bunter.datastore import Transfer
from bunter.datastore.carriage import Progress
from bunter.datastore.local import LocalStore
from bunter.datastore.local_place import local_place
from bunter.datastore.outward import FoldersAsFound, send
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from bunter.butler.session import Session
    from bunter.dataset import DatasetRef

__all__ = ["Retrieval"]


class Retrieval:
    """Copies or links artifacts to a folder, in parallel, compared with what is recorded; nothing there is overwritten.

    A file that is there with the same content is taken as done, so that the same call again completes.
    With a manifest the folder opens as a repository, which holds all that was ever retrieved into it.
    Datasets are looked at batch by batch, whatever their number.

    Parameters
    ----------
    session : Session
        The repository.
    refs : iterable of DatasetRef
        Which datasets.
    destination : str or Path
        The folder; made if need be.
    template : str, optional
        Names below the folder, with fields as in `bunter.datastore.Template`, such as
        ``{dataset_type}/{visit}_{detector}``.
    preserve_path : bool
        Whether files keep the folders that they have in their store.
    manifest : bool
        Whether tables go along by which the folder opens as a repository.
    collections : str or sequence of str, optional
        Which collections these tell of, beside the runs.

    Raises
    ------
    ConfigurationError
        If the folder is a file, or one of the repository.
    """

    def __init__(
        self,
        session: Session,
        refs: Iterable[DatasetRef],
        destination: str | Path,
        *,
        template: str | None = None,
        preserve_path: bool = False,
        manifest: bool = True,
        collections: str | Sequence[str] | None = None,
    ) -> None:
        self._root = local_place(destination, "what is retrieved")
        _refuse_place(session, self._root)
        self._session = session
        self._has_manifest = manifest
        self._selection = Selection.of_refs(refs, collections)
        self._naming = OwnNames(preserve_path=preserve_path) if template is None else NamesByTemplate(template, session)

    @cached_property
    def plan(self) -> FilePlan:
        """Which artifact becomes which file.

        Raises
        ------
        DatasetNotFoundError
            If a dataset has no artifact.
        KeyTakenError
            If two artifacts would be one file.
        """
        parcel = RepositoryParcel(self._session, self._queries(), self._selection)
        plan = FilePlan(self._session, parcel, self._naming, self._root)
        plan.survey(refuse_name if self._has_manifest else _accept)
        return plan

    def write(self, *, transfer: str = "auto", progress: Callable[[Progress], None] | None = None) -> RetrievedFiles:
        """Write the files.

        Parameters
        ----------
        transfer : str
            "copy" (also "auto"), "hardlink", "link", "symlink" or "relsymlink".
        progress : callable, optional
            Is told how far it has come.

        Returns
        -------
        RetrievedFiles
            The files, each artifact once.

        Raises
        ------
        DatasetNotFoundError
            If a dataset has no artifact.
        KeyTakenError
            If two artifacts would be one file, or a file is there with other content.
        TransferConflictError
            If datasets contradict those that were retrieved into the folder before; nothing is written.
        ExportFileError
            If the folder is a repository or an export.
        """
        how = Transfer(transfer)
        if not self.plan.files:
            return RetrievedFiles(self._root)
        if not self._has_manifest:
            return RetrievedFiles(self._root, self._sent(how, progress))
        folder = RetrievedFolder(self._root)
        parcel = RetrievedParcel(self._session, self._queries(), self._selection, self.plan, folder)
        folder.refuse_conflicts(parcel)
        files = RetrievedFiles(self._root, self._sent(how, progress))
        folder.record(parcel)
        return files

    def _sent(self, transfer: Transfer, progress: Callable[[Progress], None] | None) -> Iterator[list[str]]:
        """Write files batch by batch, and yield their names."""
        found = FoldersAsFound()
        artifacts = size = 0
        for named in self.plan.batches():
            items = self.plan.outgoing(named)
            send(items, transfer=transfer, progress=_further(progress, artifacts, size), found=found)
            artifacts, size = artifacts + len(items), size + sum(max(item.stored.size, 0) for item in items)
            yield [each.name for each in named]

    def _queries(self) -> Queries:
        return Queries(self._session, DataIds(self._session))


def _further(
    progress: Callable[[Progress], None] | None, artifacts: int, size: int
) -> Callable[[Progress], None] | None:
    """Tell how far all has come of how far a batch has."""
    if progress is None:
        return None
    tell = progress
    return lambda now: tell(Progress(artifacts + now.artifacts, size + now.done))


def _accept(name: str) -> None:
    """Take any name: no tables lie beside the files."""
    del name


def _refuse_place(session: Session, place: Path) -> None:
    """Refuse a file, and a folder in which the repository keeps its own files: there others would be taken for leftovers."""
    if place.exists() and not place.is_dir():
        raise ConfigurationError(f"{place} is a file; name a folder for what is retrieved")
    for store in session.repository.datastore.stores.values():
        if isinstance(store, LocalStore) and place.is_relative_to(store.root):
            raise ConfigurationError(
                f"{place} lies among the files of the repository, in {store.root}; name another folder"
            )
