"""The part of a butler's face that moves datasets between repositories, folders and archives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from bunter.butler.queries import Queries
    from bunter.butler.session import Session
    from bunter.butler.transfers import Selection, TransferReport, Transfers
    from bunter.butler.transfers.dump_manifest import DumpManifest
    from bunter.butler.transfers.manifest import Manifest
    from bunter.butler.transfers.retrieved_files import RetrievedFiles
    from bunter.dataset import DatasetRef
    from bunter.datastore.carriage import Progress

__all__ = ["TransferringButler"]


class TransferringButler:
    """What `bunter.Butler` offers about datasets of other repositories."""

    _session: Session
    _queries: Queries

    @property
    def transfers(self) -> Transfers:
        """Moves datasets between repositories, folders and archives."""
        from bunter.butler.transfers import Transfers

        return Transfers(self._session, self._queries)

    def transfer_from(
        self, source: TransferringButler, refs: Iterable[DatasetRef], *, transfer: str = "auto", **more: Any
    ) -> TransferReport:
        """Bring datasets of another repository, with their artifacts, dimension records, types, runs and all kept beside them.

        Ids stay the same, and what is there already stays as it is, so that the same call again completes what was cut
        short.

        Parameters
        ----------
        source : Butler
            Where they are.
        refs : iterable of DatasetRef
            Which ones.
        transfer : str
            "auto" (link, or copy where links do not reach), "copy", "link", "hardlink", "symlink", "relsymlink" or "direct"
            (the artifacts stay where they are, and are never removed by this repository).
        **more
            See `Transfers.take`: ``dry_run``, ``keep_records``, ``only_stored``, ``verify``, ``progress``.

        Raises
        ------
        TransferConflictError
            If anything contradicts what is there; nothing has changed.
        ConfigurationError
            If the source is this repository.
        """
        from bunter.butler.transfers import Selection

        if not isinstance(source, TransferringButler):
            raise ConfigurationError(
                f"datasets come from an open repository, such as Butler({str(source)!r}), not {source!r}"
            )
        selection = Selection.of_refs(refs)
        self.transfers.refuse_itself(source.transfers)
        parcel = source.transfers.parcel(selection=selection)
        return self.transfers.take(parcel, transfer=transfer, **more)

    def export(
        self,
        folder: str | Path,
        dataset_types: str | Sequence[str] = "*",
        collections: str | Sequence[str] | None = None,
        *,
        where: str = "",
        refs: Iterable[DatasetRef] | None = None,
        selection: Selection | None = None,
        transfer: str | None = "auto",
        **more: Any,
    ) -> Manifest:
        """Write datasets to a folder that `import_` takes into any repository: tables, artifacts, and a manifest with digests.

        Parameters
        ----------
        folder : str or Path
            Empty, or an unfinished export, which is completed.
        dataset_types, collections, where
            Which datasets, and which collections go along; everything by default.
        refs : iterable of DatasetRef, optional
            These datasets instead; of ``collections`` goes along what tells of them.
        selection : Selection, optional
            All of that in one value.
        transfer : str, optional
            "copy" (also "auto"), "hardlink", "link", "symlink", "relsymlink"; "direct" leaves artifacts where they are;
            None leaves them out.
        **more
            ``about`` (title, licence, citation ...), ``dry_run``, ``progress``.
        """
        from bunter.butler.transfers import Selection

        if refs is not None:
            selection = Selection.of_refs(refs, collections)
        parcel = self.transfers.parcel(dataset_types, collections, where=where, selection=selection)
        return self.transfers.export(folder, parcel, transfer=transfer, **more)

    def retrieve_artifacts(
        self,
        refs: Iterable[DatasetRef],
        destination: str | Path,
        *,
        transfer: str = "auto",
        progress: Callable[[Progress], None] | None = None,
        **more: Any,
    ) -> RetrievedFiles:
        """Copy or link the artifacts of datasets to a folder, in parallel, and return the files, a sequence of paths.

        Parameters
        ----------
        refs : iterable of DatasetRef
            Which datasets. What `query_datasets` returns is taken without a reference being made of each, so that any number
            may be retrieved in little memory.
        destination : str or Path
            The folder; a file that is there with the same content is taken as done, another one is an error.
        transfer : str
            "copy" (also "auto"), "hardlink", "link", "symlink" or "relsymlink".
        progress : callable, optional
            Is told how far it has come.
        **more
            ``template``: names of the files, such as ``"{dataset_type}/{visit}_{detector}"``; ``preserve_path``: keep the
            folders of the store; ``manifest`` (True): write the tables by which the folder opens as a repository;
            ``collections``: which ones these tell of, beside the runs.
        """
        return self.transfers.retrieval(refs, destination, **more).write(transfer=transfer, progress=progress)

    def ingest_zip(self, path: str | Path, *, transfer: str = "auto", **more: Any) -> TransferReport:
        """Take in a zip file that `bundle` wrote, without unpacking it: its members are read in place.

        Parameters
        ----------
        path : str or Path
            The zip file.
        transfer : str
            How it comes in, as for `ingest`.
        **more
            ``dry_run``, ``keep_records``, ``progress``.
        """
        from bunter.butler.transfers.archives import ingest_archive

        return ingest_archive(self._session, path, transfer=transfer, **more)

    def bundle(
        self,
        path: str | Path,
        dataset_types: str | Sequence[str] = "*",
        collections: str | Sequence[str] | None = None,
        *,
        where: str = "",
        refs: Iterable[DatasetRef] | None = None,
        selection: Selection | None = None,
        **more: Any,
    ) -> Manifest:
        """Write datasets to something to be published, a folder or a zip file, that ``Butler(path)`` opens for reading.

        Parameters
        ----------
        path : str or Path
            A zip file if it ends in ``.zip``, else a folder.
        dataset_types, collections, where
            Which datasets, and which collections go along; everything by default.
        refs : iterable of DatasetRef, optional
            These datasets instead; of ``collections`` goes along what tells of them.
        selection : Selection, optional
            All of that in one value.
        **more
            ``title``, ``licence``, ``citation``, ``description``: texts that go into the manifest and README.md;
            ``dry_run``, ``progress``.
        """
        from bunter.butler.transfers import Selection
        from bunter.butler.transfers.bundles import write_bundle

        if refs is not None:
            selection = Selection.of_refs(refs, collections)
        parcel = self.transfers.parcel(dataset_types, collections, where=where, selection=selection)
        return write_bundle(parcel, path, **more)

    def dump(self, folder: str | Path, *, artifacts: bool = True, transfer: str = "auto", **more: Any) -> DumpManifest:
        """Write everything that is in this repository to a folder, from which `load` makes the same repository again.

        Parameters
        ----------
        folder : str or Path
            Empty, or an unfinished dump, which is completed.
        artifacts : bool
            Whether artifacts are written as well; those that stay where they are (``direct``) never are.
        transfer : str
            "copy" (also "auto"), "hardlink", "link", "symlink" or "relsymlink".
        **more
            ``dry_run`` and ``progress``.
        """
        from bunter.butler.transfers.service import dump

        return dump(self._session.repository, folder, artifacts=artifacts, transfer=transfer, **more)

    @classmethod
    def load(cls, folder: str | Path, root: str | Path, **more: Any) -> Self:
        """Make a repository out of a dump, and open it: the same ids, histories and numbers of changes.

        Parameters
        ----------
        folder : str or Path
            What `dump` wrote.
        root : str or Path
            Folder of the new repository: empty, or begun by a load of the same dump.
        **more
            ``database`` (an address as for `create`), ``seed_config``, ``transfer``, ``progress``.
        """
        from bunter.butler.transfers.loading import load_dump

        load_dump(folder, root, **more)
        return cls(root)  # type: ignore[call-arg]

    def import_(self, path: str | Path, *, transfer: str = "auto", **more: Any) -> TransferReport:
        """Take in what `export` wrote, a folder or a zip file of it; ids stay the same, and what is there stays as it is.

        Parameters
        ----------
        path : str or Path
            The export.
        transfer : str
            How artifacts come in, as for `transfer_from`.
        **more
            ``allow_outside``: take files that the export names outside of its folder; and all that `Transfers.take` takes.

        Raises
        ------
        ExportFileError
            If it is no export, or not as it was written.
        TransferConflictError
            If anything contradicts what is there; nothing has changed.
        """
        return self.transfers.import_(path, transfer=transfer, **more)
