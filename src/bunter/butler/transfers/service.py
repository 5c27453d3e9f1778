"""Transfers: datasets of other repositories in, and ours out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.butler.transfers.outgoing import RepositoryParcel
from bunter.butler.transfers.parcel import Selection
from bunter.butler.transfers.receiving import Receiving
from bunter.butler.transfers.terms import Terms
from bunter.errors import ConfigurationError, ReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from bunter.butler.queries import Queries
    from bunter.butler.repository import Repository
    from bunter.butler.session import Session
    from bunter.butler.transfers.dump_manifest import DumpManifest
    from bunter.butler.transfers.manifest import Manifest
    from bunter.butler.transfers.parcel import Parcel
    from bunter.butler.transfers.report import TransferReport
    from bunter.butler.transfers.retrieval import Retrieval
    from bunter.dataset import DatasetRef
    from bunter.dataset.changes import Change
    from bunter.datastore.carriage import Progress

__all__ = ["Transfers", "dump"]


class Transfers:
    """Moves datasets between repositories, folders and archives.

    Parameters
    ----------
    session : Session
        The repository.
    queries : Queries
        Asks it.
    """

    def __init__(self, session: Session, queries: Queries) -> None:
        self._session = session
        self._queries = queries

    @property
    def location(self) -> str:
        """Address of this repository."""
        return self._session.facts.location

    def refuse_itself(self, other: Transfers) -> None:
        """Refuse a source that is this repository.

        Raises
        ------
        ConfigurationError
            If it is.
        """
        if other.location == self.location:
            raise ConfigurationError(f"source and target are one repository, {self.location}; name another one")

    def known_names(self) -> tuple[list[str], list[str]]:
        """Names of all dataset types and of all collections."""
        return list(self._session.facts.dataset_types), list(self._session.facts.collections)

    def parcel(
        self,
        dataset_types: str | Sequence[str] = "*",
        collections: str | Sequence[str] | None = None,
        *,
        where: str = "",
        find_first: bool = False,
        selection: Selection | None = None,
    ) -> RepositoryParcel:
        """Return part of this repository, to be taken elsewhere; nothing is read yet.

        Parameters
        ----------
        dataset_types : str or sequence of str
            Names or patterns.
        collections : str or sequence of str, optional
            Where to look, and what to take along; everything if None.
        where : str
            Condition on datasets.
        find_first : bool
            Whether of several datasets of a data ID only the first found counts.
        selection : Selection, optional
            All of that in one value.
        """
        if selection is None:
            types = (dataset_types,) if isinstance(dataset_types, str) else tuple(dataset_types)
            names = (collections,) if isinstance(collections, str) else collections
            selection = Selection(types, None if names is None else tuple(names), where, find_first)
        return RepositoryParcel(self._session, self._queries, selection)

    def export(
        self,
        folder: str | Path,
        parcel: Parcel | None = None,
        *,
        transfer: str | None = "auto",
        about: Mapping[str, str] | None = None,
        dry_run: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Manifest:
        """Write part of this repository to a folder: tables, artifacts, and a manifest with digests; see `Export`."""
        from bunter.butler.transfers.exports import Export

        writing = Export(parcel or self.parcel(), folder, transfer=transfer, about=about, progress=progress)
        return writing.survey() if dry_run else writing.write()

    def which_have_artifacts(self, ids: Sequence[bytes]) -> set[bytes]:
        """Of some datasets, those that have artifacts here."""
        located = self._session.repository.locate(self._session.principal, ids)
        return {id_ for id_, stored in zip(ids, located, strict=True) if stored}

    def adopt_archive(
        self,
        path: str | Path,
        changes: Sequence[Change],
        parts: Sequence[tuple[DatasetRef, str, str, str]],
        *,
        transfer: str = "auto",
    ) -> None:
        """Take in a zip file of another system; see `bunter.butler.transfers.archives.adopt_archive`."""
        from bunter.butler.transfers.archives import adopt_archive

        adopt_archive(self._session, path, changes, parts, transfer=transfer)

    def retrieval(self, refs: Iterable[DatasetRef], destination: str | Path, **more: Any) -> Retrieval:
        """Plan which artifacts become files of one's own, to be written or only looked at; see `Retrieval`."""
        from bunter.butler.transfers.retrieval import Retrieval

        return Retrieval(self._session, refs, destination, **more)

    def import_(self, path: str | Path, *, allow_outside: bool = False, **more: Any) -> TransferReport:
        """Take an export in: a folder or a zip file of one; see `take`.

        Parameters
        ----------
        path : str or Path
            The export.
        allow_outside : bool
            Whether files outside of it, which it names by absolute paths or links, are taken.
        **more
            As for `take`.
        """
        from bunter.butler.transfers.export_place import place_of
        from bunter.butler.transfers.imports import ExportParcel

        parcel = ExportParcel(place_of(path, outside=allow_outside or more.get("transfer") == "direct"))
        return self.take(parcel, kind="import", **more)

    def take(
        self,
        parcel: Parcel,
        *,
        dry_run: bool = False,
        progress: Callable[[Progress], None] | None = None,
        **terms: Any,
    ) -> TransferReport:
        """Bring a parcel into this repository; what is there stays, so that the same call again completes.

        Parameters
        ----------
        parcel : Parcel
            What comes: of another butler's `parcel`, or of an export.
        dry_run : bool
            Whether only to compare; conflicts are in the report then.
        progress : callable, optional
            Is told how far it has come, from several threads, one at a time.
        **terms
            As for `Terms`: ``transfer``, ``keep_records``, ``only_stored``, ``restore``, ``verify``, ``kind``.

        Raises
        ------
        TransferConflictError
            If anything contradicts what is there; nothing has changed.
        ConfigurationError
            If artifacts were to be moved from under a repository that has them registered.
        FileIntegrityError
            If the content of an artifact is not what was recorded; what came before it stays.
        """
        if isinstance(parcel, RepositoryParcel) and terms.get("transfer") == "move":
            raise ConfigurationError(
                f"files that {parcel.source} has registered are not moved from under it; bring them by 'auto', which links where "
                f"links reach, and then remove the datasets there: `bunter prune-datasets {parcel.source} --find-all ...`"
            )
        receiving = Receiving(self._session, parcel, Terms(**terms), progress=progress)
        return receiving.survey() if dry_run else receiving.take()

    def lay_over(self, parcel: Parcel, *, dry_run: bool = False) -> TransferReport:
        """Take in what a release below this repository has got, whose files are read where they are; see `refresh_overlay`."""
        from bunter.butler.transfers.layering import Layering

        layering = Layering(self._session, parcel)
        return layering.survey() if dry_run else layering.take()


def dump(repository: Repository, folder: str | Path, **more: Any) -> DumpManifest:
    """Write everything in a repository to a folder; see `bunter.butler.transfers.dumping.dump_database`.

    Raises
    ------
    ReadOnlyError
        If it is shown as it once was: a dump is of a repository as it is, with its history.
    """
    write = getattr(repository, "dump", None)
    if write is None:
        raise ReadOnlyError("a dump has the whole history of a repository; open it without as_of to dump it")
    manifest: DumpManifest = write(folder, **more)
    return manifest
