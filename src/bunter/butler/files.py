"""Files in and out: ingest of files that exist, retrieval of artifacts to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from bunter.butler.activities import performed
from bunter.butler.file_lot import FileLot
from bunter.butler.file_lots import LOT_FILES, FileLots
from bunter.butler.file_names import FileNames
from bunter.butler.sources import folders_of, headers_of, looks_at, origins_of, unfit_files
from bunter.butler.staged_lots import StagedLots
from bunter.dataset import CollectionType
from bunter.dataset.changes import RegisterCollection
from bunter.datastore import Transfer, format_of
from bunter.errors import ConflictingDatasetError, IngestError
from bunter.values.identity import new_nonces
from bunter.values.rows import unhindered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bunter.butler.lookup import Lookup
    from bunter.butler.session import Session
    from bunter.dataset import FileDataset
    from bunter.dataset.changes import Change
    from bunter.datastore.chain import Route
    from bunter.datastore.look import Look

__all__ = ["Files", "FilesReport"]

_FOLDERS = 20
_BROUGHT = frozenset({Transfer.AUTO, Transfer.COPY, Transfer.LINK, Transfer.MOVE})
"""Ways in which staging a file may take long."""

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


@dataclass(frozen=True, slots=True)
class FilesReport:
    """What became of files: how many came in, their datasets, and how many were there already, with all their datasets."""

    files: int
    datasets: int
    known: int
    dry_run: bool = False


class _Tally:
    """Counts files, and what is remembered of all of them together."""

    def __init__(self, transfer: str) -> None:
        self._transfer = transfer
        self._folders: list[str] = []
        self.files = self.datasets = self.known = 0
        self.runs: dict[str, None] = {}

    def add(self, files: Sequence[FileDataset]) -> None:
        """Count files that come in."""
        self.files += len(files)
        self.datasets += sum([len(file.refs) for file in files])
        self._folders = sorted({*self._folders, *folders_of(files)})[:_FOLDERS]
        self.runs |= dict.fromkeys([ref.run for file in files for ref in file.refs])

    @property
    def facts(self) -> dict[str, Any]:
        """Where the files come from, in a few words."""
        return {"folders": self._folders, "files": self.files, "transfer": self._transfer}

    def report(self, *, dry_run: bool) -> FilesReport:
        """Tell what was counted."""
        return FilesReport(self.files, self.datasets, self.known, dry_run)


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
        files: Iterable[FileDataset],
        *,
        transfer: str = "auto",
        skip_existing: bool = False,
        header: bool = False,
        make_runs: bool = False,
        dry_run: bool = False,
        took: Callable[[Sequence[FileDataset]], object] | None = None,
    ) -> FilesReport:
        """Register files as datasets, all or none; they are gone through once, some thousand at a time.

        Parameters
        ----------
        files : iterable of FileDataset
            Files with the datasets in each.
        transfer : str
            How they come in.
        skip_existing : bool
            Whether files whose datasets are all registered are left out.
        header : bool
            Whether to keep the header cards of FITS files, to be asked for.
        make_runs : bool
            Whether runs that are not there are made.
        dry_run : bool
            Whether only to look which there are, and count them.
        took : callable, optional
            Is told of the files that come in, some at a time.

        Raises
        ------
        ConflictingDatasetError
            If a dataset is registered already; nothing has changed.
        IngestError
            If a file is missing or unfit; nothing has changed.
        """
        tally = _Tally(transfer)
        lots = FileLots()
        rest = iter(files)
        try:
            if isinstance(files, Sequence) and len(files) > LOT_FILES and transfer in _BROUGHT and not skip_existing:
                _refuse_unfit(files)  # before many are copied
            while some := list(islice(rest, LOT_FILES)):
                new = self._new(some) if skip_existing else some
                tally.known += len(some) - len(new)
                if new:
                    looks = _looked_at(new, rest, tally.files)
                    tally.add(new)
                    if not dry_run:
                        self._stage(new, looks, lots, Transfer(transfer), header=header)
                    if took is not None:
                        took(new)
        except BaseException:
            for staged in StagedLots.of(lots.staged):
                self._session.repository.datastore.discard(staged)
            raise
        if lots:
            made = self._made_runs(tally.runs) if make_runs else []
            with performed(self._session, "ingest", kind="ingest", facts=tally.facts, only_outermost=True):
                self._session.commit([*made, *lots.changes], lots.staged)
        return tally.report(dry_run=dry_run)

    def _stage(
        self,
        files: Sequence[FileDataset],
        looks: Sequence[Look],
        lots: FileLots,
        transfer: Transfer,
        *,
        header: bool,
    ) -> None:
        """Stage some files, and add them to the lots with what registers them."""
        datastore = self._session.repository.datastore
        nonces = new_nonces(len(files))
        with unhindered():
            suffixes = [_suffix(file.path) for file in files]
            formats = self._formats(files, suffixes)
            routes = datastore.chain.routes([file.refs[0] for file in files])
            keys = None if transfer is Transfer.DIRECT else self._keys(files, suffixes, nonces, routes)
        headers = headers_of(files) if header else None
        paths = [file.path for file in files]
        staged = datastore.ingest_stage(paths, transfer=transfer, keys=keys, routes=routes, looks=looks)
        try:
            with unhindered():
                lots.add(FileLot.of(files, nonces, formats, origins_of(files, looks), headers), staged)
        except BaseException:
            datastore.discard(staged)
            raise

    def _made_runs(self, runs: Iterable[str]) -> list[Change]:
        known = self._session.facts.collections
        return [RegisterCollection(run, CollectionType.RUN) for run in runs if run not in known]

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


def _looked_at(files: Sequence[FileDataset], rest: Iterator[FileDataset], before: int) -> list[Look]:
    """Look at files; if one is none, look at the rest as well, and tell of all that are none."""
    looks = looks_at(files)
    if unfit_files(files, looks):
        _refuse_unfit(chain(files, rest), before)
    return [look for look in looks if look is not None]


def _refuse_unfit(files: Iterable[FileDataset], count: int = 0) -> None:
    """Raise IngestError if some are no files; ``count`` others were looked at before."""
    rejected: list[tuple[str, str]] = []
    rest = iter(files)
    while some := list(islice(rest, LOT_FILES)):
        count += len(some)
        rejected += unfit_files(some, looks_at(some))
    if rejected:
        raise IngestError(f"{len(rejected)} of {count} files cannot be ingested; none was", rejected=rejected)
