"""Files in and out: ingest of files that exist, retrieval of artifacts to a folder."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from bunter.butler.activities import performed
from bunter.butler.file_names import FileNames
from bunter.butler.sources import looks_at, said_of, source_changes
from bunter.dataset import ArtifactLink, DatasetColumns, DatasetRef, FileDataset
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.datastore import format_of
from bunter.datastore.recorded import artifact_rows
from bunter.errors import ConflictingDatasetError
from bunter.values.identity import new_nonces
from bunter.values.rows import instances, unhindered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler.lookup import Lookup
    from bunter.butler.session import Session
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged
    from bunter.datastore.chain import Route

__all__ = ["Files"]

_SUFFIXES = {
    ".fits": "fits",
    ".fit": "fits",
    ".fz": "fits",
    ".parq": "parquet",
    ".parquet": "parquet",
    ".ecsv": "ecsv",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".txt": "text",
    ".npy": "npy",
    ".png": "png",
    ".svg": "svg",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".asdf": "asdf",
}


class Files:
    """Brings files in and takes them out.

    Parameters
    ----------
    session : Session
        The repository.
    lookup : Lookup
        Finds what is there.
    """

    def __init__(self, session: Session, lookup: Lookup) -> None:
        self._session = session
        self._lookup = lookup

    def ingest(
        self,
        files: Sequence[FileDataset],
        *,
        transfer: str = "auto",
        skip_existing: bool = False,
        header: bool = False,
    ) -> list[DatasetRef]:
        """Register files as datasets, all or none.

        Parameters
        ----------
        files : sequence of FileDataset
            Files with the datasets in each.
        transfer : str
            How they come in.
        skip_existing : bool
            Whether files whose datasets are all registered are left out.
        header : bool
            Whether to keep the header cards of FITS files, to be asked for.

        Raises
        ------
        ConflictingDatasetError
            If a dataset is registered already; nothing has changed.
        IngestError
            If a file is missing or unfit; nothing has changed.
        """
        if skip_existing:
            files = self._new(files)
        if not files:
            return []
        datastore = self._session.repository.datastore
        nonces = new_nonces(len(files))
        with unhindered():
            suffixes = [_suffix(file.path) for file in files]
            formats = self._formats(files, suffixes)
            routes = datastore.chain.routes([file.refs[0] for file in files])
            keys = None if transfer == "direct" else self._keys(files, suffixes, nonces, routes)
            looks = looks_at(files)
        more = source_changes(files, looks, header=header)
        paths = [file.path for file in files]
        staged = datastore.ingest_stage(paths, transfer=transfer, keys=keys, routes=routes, looks=looks)
        with unhindered():
            refs = [ref for file in files for ref in file.refs]
            changes: list[Change] = [AddDatasets(columns) for columns in DatasetColumns.from_refs(refs)]
            changes.append(_artifacts(files, staged, nonces, formats))
        with performed(self._session, "ingest", kind="ingest", facts=said_of(files, transfer), only_outermost=True):
            self._session.commit([*changes, *more], staged)
        return refs

    def _keys(
        self, files: Sequence[FileDataset], suffixes: Sequence[str], nonces: Sequence[str], routes: Sequence[Route]
    ) -> list[str]:
        endings = [
            _suffix(file.path.removesuffix(suffix)) + suffix if suffix in {".gz", ".fz"} else suffix
            for file, suffix in zip(files, suffixes, strict=True)
        ]
        refs = [file.refs[0] for file in files]
        named = FileNames(self._session.repository.datastore, self._lookup)
        return named.keys(refs, endings, nonces, routes)

    def _new(self, files: Sequence[FileDataset]) -> list[FileDataset]:
        """Leave out files all of whose datasets are registered; a file that is partly registered is an error."""
        refs = [ref for file in files for ref in file.refs]
        found = iter(self._lookup.in_runs(refs))
        new = []
        for file in files:
            there = [next(found) is not None for _ in file.refs]
            if not any(there):
                new.append(file)
            elif not all(there):
                raise ConflictingDatasetError(
                    f"some datasets of {file.path} are registered and some are not; remove them first"
                )
        return new

    def _formats(self, files: Sequence[FileDataset], suffixes: Sequence[str]) -> list[str]:
        known = {suffix: _SUFFIXES.get(suffix) for suffix in set(suffixes)}
        return [
            (None if file.format is not None else known[suffix]) or self._format_name(file)
            for file, suffix in zip(files, suffixes, strict=True)
        ]

    def _format_name(self, file: FileDataset) -> str:
        """Return the format of a file: the one named, that of its suffix, or that of its dataset type."""
        if file.format is not None:
            return format_of(file.format).name
        return (
            _SUFFIXES.get(_suffix(file.path.removesuffix(".gz")))
            or self._session.repository.datastore.choice(file.refs[0].dataset_type).format.name
        )


def _suffix(path: str) -> str:
    """Return the suffix of a file with its dot, as `Path.suffix` does; a `Path` for each of many files takes longer."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return dot + suffix if stem and suffix else ""


def _artifacts(
    files: Sequence[FileDataset], staged: Sequence[Staged], nonces: Sequence[str], formats: Sequence[str]
) -> AddArtifacts:
    rows = artifact_rows(staged, nonces, formats, [1] * len(staged))
    refs = [ref for file in files for ref in file.refs]
    links = instances(
        ArtifactLink,
        len(refs),
        dataset_id=[ref.id.bytes for ref in refs],
        component=repeat(""),
        nonce=[nonce for file, nonce in zip(files, nonces, strict=True) for _ in file.refs],
        selector=[selector for file in files for selector in file.selectors or [""] * len(file.refs)],
    )
    return AddArtifacts(rows, links)
