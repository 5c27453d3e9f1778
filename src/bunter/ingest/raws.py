"""Raw frames into a repository, in bulk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.dataset import CollectionType, DatasetRef, DatasetType, FileDataset
from bunter.dataset.changes import InsertRecords, RegisterCollection, RegisterDatasetType
from bunter.dataset.header import HeaderBases, headers_change
from bunter.dimensions import DataCoordinate, Records
from bunter.errors import ButlerError, ConflictingDatasetError, IngestError, InstrumentError
from bunter.ingest.register import registered_instrument, registered_instruments
from bunter.ingest.rules import UnfitFileError
from bunter.ingest.translate import RawFile, day_end, read_raw
from bunter.values import counted, deterministic_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.dataset.header import PackedHeader
    from bunter.dimensions import Element
    from bunter.ingest.instrument import Instrument

_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz", ".fit.gz", ".fit.fz")
_WORKERS = 4
_BATCH = 1000  # files per transaction: large enough that commits cost little, small enough to lose little work

# What all files of an exposure must agree on.
_COMMON = ("obs_id", "physical_filter", "group", "day_obs", "observation_type")


@dataclass(slots=True)
class IngestReport:
    """What became of the files.

    Parameters
    ----------
    refs : list of DatasetRef
        Datasets that are new.
    exposures : set of (str, int)
        Instrument and number of the exposures that they belong to.
    files, skipped : int
        Files ingested, and files all of whose datasets were there before.
    rejected : list of (str, str)
        Path and reason of each file that was left out, sorted by path.
    dry_run : bool
        Whether nothing was changed, and the counts say what would have been.
    """

    refs: list[DatasetRef] = field(default_factory=list)
    exposures: set[tuple[str, int]] = field(default_factory=set)
    files: int = 0
    skipped: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)
    dry_run: bool = False

    def __str__(self) -> str:
        verb = "would ingest" if self.dry_run else "ingested"
        parts = [
            f"{verb} {counted(self.files, 'file')} ({counted(len(self.refs), 'dataset')} of {counted(len(self.exposures), 'exposure')})",
            f"{self.skipped} {'was' if self.skipped == 1 else 'were'} there before",
            f"{len(self.rejected)} {'was' if len(self.rejected) == 1 else 'were'} rejected",
        ]
        return ", ".join(part for part, shown in zip(parts, (True, self.skipped, self.rejected), strict=True) if shown)

    def raise_if_rejected(self) -> None:
        """Raise IngestError if any file was left out."""
        if self.rejected:
            raise IngestError(f"{len(self.rejected)} files were not ingested", rejected=self.rejected)


def ingest_raws(  # noqa: PLR0913 - what the command offers
    butler: Butler,
    paths: Iterable[str | Path],
    *,
    instrument: str | Instrument | None = None,
    run: str | None = None,
    transfer: str = "auto",
    fail_fast: bool = False,
    partial: bool = False,
    dry_run: bool = False,
    workers: int = _WORKERS,
    batch: int = _BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> IngestReport:
    """Ingest raw frames, and make the records of their exposures.

    Headers are read first, in a pool. Then files go in by exposure: an exposure's files land together or not at all,
    many exposures in one transaction. Dataset ids follow from the data ID and the run, so that they are the same
    everywhere. Files that are in already are skipped: the same call again changes nothing.

    Parameters
    ----------
    butler : Butler
        Open for writing.
    paths : Iterable of str or Path
        FITS files, and folders that are searched for them.
    instrument : str or Instrument, optional
        The registered instrument that took them; without it every registered one is tried.
    run : str, optional
        RUN collection; ``<instrument>/raw/all`` by default.
    transfer : str
        As in `Butler.ingest`.
    fail_fast : bool
        Whether the first file that is rejected ends it with IngestError, before anything is ingested.
    partial : bool
        Whether the good files of an exposure go in although others of it are rejected.
    dry_run : bool
        Whether to read and check everything and change nothing.
    workers : int
        Threads that read headers.
    batch : int
        Files per transaction, about.
    progress : callable, optional
        Called with the number of files done and of all files, for reading and for ingesting each half.

    Returns
    -------
    IngestReport
        Says of each file that was left out why.

    Raises
    ------
    IngestError
        If there is nothing to ingest, or with ``fail_fast``.
    InstrumentError
        If no instrument, or not this one, is registered.
    """
    known = _instruments(butler, instrument)
    report = IngestReport(dry_run=dry_run)
    given = [str(path) for path in paths]
    files = list(_expanded(given))
    if not files:
        raise IngestError("there are no FITS files in what was given; name files, or folders that hold some")
    tell = progress or (lambda _done, _all: None)
    raws = _read_all(files, known, report, workers=workers, fail_fast=fail_fast, tell=tell)
    exposures = _by_exposure(raws, report, partial=partial)
    _stop(report, fail_fast=fail_fast)
    target = _Target(butler, run, transfer, report)
    done = len(files) - sum(map(len, exposures))
    with butler.activity("ingest-raws", kind="ingest", paths=given[:20], transfer=transfer):
        for group in _batches(exposures, batch):
            target.ingest(group)
            done += sum(map(len, group))
            tell(len(files) + done, 2 * len(files))
            _stop(report, fail_fast=fail_fast)
    report.rejected.sort()
    return report


def _instruments(butler: Butler, named: str | Instrument | None) -> list[Instrument]:
    if named is not None:
        return [registered_instrument(butler, named if isinstance(named, str) else named.name)]
    known = registered_instruments(butler)
    if not known:
        raise InstrumentError("no instrument is registered; run `bunter register-instrument REPO NAME` first")
    return known


def _expanded(paths: Iterable[str | Path]) -> Iterator[str]:
    """Files, each once; folders are searched for names of FITS files."""
    seen: set[str] = set()
    for path in map(str, paths):
        found = effects.stat(path)
        inside = [path]
        if found is not None and (found.st_mode & 0o170000) == 0o040000:
            names = (name for name, _ in effects.walk(path) if name.lower().endswith(_SUFFIXES))
            inside = [f"{path.rstrip('/')}/{name}" for name in names]
        for each in inside:
            if each not in seen:
                seen.add(each)
                yield each


def _read_all(
    files: Sequence[str],
    instruments: Sequence[Instrument],
    report: IngestReport,
    *,
    workers: int,
    fail_fast: bool,
    tell: Callable[[int, int], None],
) -> list[RawFile]:
    bases = HeaderBases()

    def read(path: str) -> RawFile | str:
        try:
            return read_raw(path, instruments, bases)
        except UnfitFileError as problem:
            return str(problem)
        except (OSError, ValueError, KeyError, TypeError) as error:  # a damaged header may upset any parser
            return f"it cannot be read: {' '.join(str(error).split())[:200] or type(error).__name__}"

    found: list[RawFile] = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for done, (path, result) in enumerate(zip(files, pool.map(read, files), strict=True), 1):
            if isinstance(result, RawFile):
                found.append(result)
            else:
                report.rejected.append((path, result))
                if fail_fast:
                    pool.shutdown(cancel_futures=True)
                    break
            tell(done, 2 * len(files))
    _stop(report, fail_fast=fail_fast)
    return found


def _stop(report: IngestReport, *, fail_fast: bool) -> None:
    if fail_fast:
        report.raise_if_rejected()


def _by_exposure(raws: Sequence[RawFile], report: IngestReport, *, partial: bool) -> list[list[RawFile]]:
    """Group files by exposure, sorted; leave out exposures (or only files) that contradict themselves."""
    groups: dict[tuple[str, int], list[RawFile]] = {}
    for raw in raws:
        groups.setdefault(raw.exposure, []).append(raw)
    kept = []
    for key in sorted(groups):
        group = sorted(groups[key], key=lambda raw: raw.detectors)
        bad = dict(_contradictions(group))
        report.rejected += bad.items()
        good = [raw for raw in group if raw.path not in bad]
        if bad and not partial:
            culprit = min(bad)
            reason = f"another file of exposure {key[1]}, {culprit}, was rejected, and an exposure goes in whole"
            report.rejected += [(raw.path, reason) for raw in good]
        elif good:
            kept.append(good)
    return kept


def _contradictions(group: Sequence[RawFile]) -> Iterator[tuple[str, str]]:
    first = group[0]
    owners: dict[int, str] = {}
    for raw in group:
        for name in _COMMON:
            if raw.fields[name] != first.fields[name]:
                differs = f"its {name} is {raw.fields[name]!r}"
                yield raw.path, f"{differs} and that of {first.path}, the same exposure, is {first.fields[name]!r}"
                break
        for detector, _ in raw.detectors:
            if (owner := owners.setdefault(detector, raw.path)) != raw.path:
                yield raw.path, f"it holds exposure {raw.exposure[1]} of detector {detector}, and so does {owner}"
                break


def _batches(exposures: Sequence[list[RawFile]], size: int) -> Iterator[list[list[RawFile]]]:
    batch: list[list[RawFile]] = []
    count = 0
    for exposure in exposures:
        batch.append(exposure)
        count += len(exposure)
        if count >= size:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


class _Target:
    """Where raw frames go: one repository, one run (or one per instrument)."""

    def __init__(self, butler: Butler, run: str | None, transfer: str, report: IngestReport) -> None:
        self._butler, self._run, self._transfer, self._report = butler, run, transfer, report
        self._universe = butler.universe  # asking the butler for it each time would look at the database

    def ingest(self, exposures: Sequence[list[RawFile]]) -> None:
        """Ingest exposures in one transaction; if that fails, none of them is in and each file says why."""
        exposures = self._without_conflicts(exposures)
        for again in (True, False):
            files = self._files(exposures)
            try:
                self._commit(exposures, files)
            except ConflictingDatasetError:
                if again:  # another ingest was faster: what it did is there now and will be skipped
                    continue
                raise
            except IngestError as error:
                self._reject(exposures, error)
                return
            except (ButlerError, OSError) as error:
                self._report.rejected += [(raw.path, str(error)) for group in exposures for raw in group]
                return
            break
        paths = {file.path for file in files}
        self._report.refs += [ref for file in files for ref in file.refs]
        self._report.files += len(paths)
        self._report.skipped += sum(len(group) for group in exposures) - len(paths)
        self._report.exposures |= {raw.exposure for group in exposures for raw in group if raw.path in paths}

    def _reject(self, exposures: Sequence[list[RawFile]], error: IngestError) -> None:
        reasons = dict(error.rejected)
        others = f"nothing of its batch was ingested: {error.args[0]}"
        self._report.rejected += [(raw.path, reasons.get(raw.path, others)) for group in exposures for raw in group]

    def _without_conflicts(self, exposures: Sequence[list[RawFile]]) -> list[list[RawFile]]:
        """Leave out exposures that are recorded otherwise."""
        kept = []
        known = self._recorded(exposures)
        for group in exposures:
            first = group[0]
            old = known.get(first.exposure)
            wrong = next((name for name in _COMMON if old and old[name] != _cut(first.fields[name], name)), None)
            if old is None or wrong is None:
                kept.append(group)
                continue
            reason = (
                f"exposure {first.exposure[1]} is recorded with {wrong} {old[wrong]!r}, and the header says "
                f"{first.fields[wrong]!r}"
            )
            self._report.rejected += [(raw.path, reason) for raw in group]
        return kept

    def _recorded(self, exposures: Sequence[list[RawFile]]) -> dict[tuple[str, int], dict[str, Any]]:
        numbers: dict[str, list[int]] = {}
        for group in exposures:
            name, number = group[0].exposure
            numbers.setdefault(name, []).append(number)
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for name, these in numbers.items():
            rows = self._butler.query_dimension_records(
                "exposure", where="exposure IN (these)", bind={"these": these}, instrument=name
            ).to_arrow()
            columns = {column: rows.column(column).to_pylist() for column in ("exposure", *_COMMON)}
            for values in zip(*columns.values(), strict=True):
                row = dict(zip(columns, values, strict=True))
                found[name, row["exposure"]] = row
        return found

    def _files(self, exposures: Sequence[list[RawFile]]) -> list[FileDataset]:
        """Files with a ref for each of their datasets, without those that are in already."""
        files = [self._file(raw) for group in exposures for raw in group]
        ids = [ref.id.bytes for file in files for ref in file.refs]
        stored = iter(self._butler.locate(ids)) if ids else iter(())
        there = [[bool(next(stored)) for _ in file.refs] for file in files]
        return [file for file, known in zip(files, there, strict=True) if not all(known)]

    def _file(self, raw: RawFile) -> FileDataset:
        kind, run = self._dataset_type(raw.instrument), self._run_of(raw.instrument)
        values = {**raw.fields, "instrument": raw.instrument.name}
        values["band"] = raw.instrument.filters[values["physical_filter"]]
        refs = []
        for detector, _ in raw.detectors:
            data_id = DataCoordinate.standardize(
                {**_dimension_values(values), "detector": detector}, group=kind.dimensions
            )
            refs.append(DatasetRef(deterministic_id(kind.name, data_id.required, run), kind, data_id, run))
        return FileDataset(raw.path, refs, raw.instrument.model.raw.format, [where for _, where in raw.detectors])

    def _dataset_type(self, instrument: Instrument) -> DatasetType:
        raw = instrument.model.raw
        group = self._universe.conform(["instrument", "exposure", "detector"])
        return DatasetType(raw.dataset_type, group, raw.storage_class)

    def _run_of(self, instrument: Instrument) -> str:
        return self._run or instrument.raw_run

    def _commit(self, exposures: Sequence[list[RawFile]], files: Sequence[FileDataset]) -> None:
        if self._report.dry_run or not files:
            return
        instruments = {raw.instrument.name: raw.instrument for group in exposures for raw in group}
        kinds = {self._dataset_type(each) for each in instruments.values()}
        runs = sorted({self._run_of(each) for each in instruments.values()})
        with self._butler.transaction():
            self._butler.apply(
                *(RegisterDatasetType(kind) for kind in kinds),
                *(RegisterCollection(name, CollectionType.RUN) for name in runs),
                *self._records([group[0] for group in exposures]),
            )
            self._butler.ingest(*files, transfer=self._transfer)
            if (headers := headers_change(_headers(exposures, files))) is not None:
                self._butler.apply(headers)

    def _records(self, firsts: Sequence[RawFile]) -> Iterator[InsertRecords]:
        """Make records of groups, days and exposures; those that are there stay as they are."""
        universe = self._universe
        groups = {(raw.instrument.name, raw.fields["group"]) for raw in firsts}
        days = {(raw.instrument.name, raw.fields["day_obs"]): raw.day_begin for raw in firsts}
        rows: dict[str, list[dict[str, Any]]] = {
            "group": [{"instrument": name, "name": group} for name, group in sorted(groups)],
            "day_obs": [
                {"instrument": name, "id": day, "timespan": (begin, day_end(begin))}
                for (name, day), begin in sorted(days.items())
            ],
            "exposure": [_exposure_row(universe["exposure"], raw) for raw in firsts],
        }
        for element, these in rows.items():
            if element in universe:
                yield InsertRecords(Records.from_rows(universe[element], these), "skip")


def _headers(exposures: Sequence[list[RawFile]], files: Sequence[FileDataset]) -> Iterator[tuple[bytes, PackedHeader]]:
    """Headers of the datasets in files, by their ids."""
    raws = {raw.path: raw for group in exposures for raw in group}
    for file in files:
        yield from zip((ref.id.bytes for ref in file.refs), raws[file.path].headers, strict=True)


def _dimension_values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("instrument", "exposure", "physical_filter", "band", "group", "day_obs")}


def _exposure_row(element: Element, raw: RawFile) -> dict[str, Any]:
    """Record of an exposure, with the columns that the universe has; long texts are cut."""
    known = {column.name: column for column in element.columns}
    row: dict[str, Any] = {
        name: value if not isinstance(value, str) or known[name].length is None else value[: known[name].length]
        for name, value in raw.fields.items()
        if name in known
    }
    return {**row, "instrument": raw.instrument.name, "timespan": (raw.fields["begin"], raw.fields["end"])}


def _cut(value: Any, name: str) -> Any:
    return value[:16] if name == "observation_type" else value
