"""Export files of Rubin repositories, taken into one of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bunter.dataset import CollectionType, DatasetColumns, DatasetRef, DatasetType, FileDataset
from bunter.dataset.changes import (
    AddDatasets,
    Associate,
    Certify,
    InsertRecords,
    RegisterCollection,
    RegisterDatasetType,
    SetChain,
)
from bunter.dimensions import DataCoordinate, Records
from bunter.errors import ExportFileError, MissingDatasetTypeError
from bunter.interop.export_file import read_export
from bunter.interop.old_universes import modernised
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler import Butler
    from bunter.dataset.changes import Change
    from bunter.dimensions import Universe
    from bunter.interop.export_file import ExportedFile, ExportFile

__all__ = ["ImportReport", "import_rubin"]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an export file held: counts, whether they were new or not."""

    records: int
    dataset_types: int
    collections: int
    datasets: int
    files: int
    memberships: int
    dry_run: bool = False

    def __str__(self) -> str:
        verb = "would import" if self.dry_run else "imported"
        return (
            f"{verb} {self.records} dimension records, {self.dataset_types} dataset types, {self.collections} "
            f"collections, {self.datasets} datasets ({self.files} files), {self.memberships} memberships"
        )


def import_rubin(
    butler: Butler,
    path: str | Path,
    *,
    directory: str | Path | None = None,
    transfer: str = "auto",
    dry_run: bool = False,
) -> ImportReport:
    """Take in an export file of a Rubin repository; ids are kept.

    What is there already stays as it is, so that an import that was interrupted can be repeated.

    Parameters
    ----------
    butler : Butler
        Where it goes.
    path : str or Path
        The YAML file that ``Butler.export`` wrote, of any version of its format.
    directory : str or Path, optional
        Folder that the paths in the export start from. Without it only the registry is filled.
    transfer : str
        How files come in, see `Butler.ingest`.
    dry_run : bool
        Whether everything is read and checked and nothing changed.

    Returns
    -------
    ImportReport
        What the file holds.

    Raises
    ------
    ExportFileError
        If the file cannot be read, or is of another universe.
    StorageClassError
        If files are asked for whose storage class is not known here; nothing has changed.
    """
    export = modernised(read_export(path))
    universe = butler.universe
    if export.universe_namespace != universe.namespace:
        raise ExportFileError(
            f"{path} is of the dimension universe {export.universe_namespace!r}, this repository of "
            f"{universe.namespace!r}; create a repository with that universe first"
        )
    types = _dataset_types(butler, export)
    definitions = list(_definitions(export, universe, types))
    refs = [_refs(file, types) for file in export.files]
    files = 0 if directory is None else _count_files(export, types)
    if not dry_run:
        butler.apply(*definitions)
        _add_datasets(butler, export.files, refs, directory, transfer)
        butler.apply(*_memberships(butler, export, refs))
    return _report(export, files, dry_run=dry_run)


def _count_files(export: ExportFile, types: dict[str, DatasetType]) -> int:
    """Count the files; refuse those of storage classes that nothing here can read before anything is changed."""
    from bunter.storage_class import storage_class

    files = [file for file in export.files if file.path is not None]
    for name in dict.fromkeys(file.dataset_type for file in files):
        storage_class(types[name].storage_class)
    return len(files)


def _report(export: ExportFile, files: int, *, dry_run: bool) -> ImportReport:
    return ImportReport(
        records=sum(map(len, export.records.values())),
        dataset_types=len(export.dataset_types),
        collections=len(export.collections),
        datasets=sum(len(file.ids) for file in export.files),
        files=files,
        memberships=sum(len(each.ids) for each in export.memberships),
        dry_run=dry_run,
    )


def _dataset_types(butler: Butler, export: ExportFile) -> dict[str, DatasetType]:
    types = {kind.name: kind for kind in butler.dataset_types}
    for each in export.dataset_types:
        group = butler.universe.conform(each.dimensions)
        types[each.name] = DatasetType(each.name, group, each.storage_class, each.is_calibration)
    for file in export.files:
        if file.dataset_type not in types:
            raise MissingDatasetTypeError(
                f"the export has datasets of type {file.dataset_type!r}, which neither it nor the repository defines"
            )
    return types


def _definitions(export: ExportFile, universe: Universe, types: dict[str, DatasetType]) -> Iterator[Change]:
    for name in universe.sorted(export.records):
        yield InsertRecords(Records.from_rows(universe[name], export.records[name]), on_conflict="skip")
    for each in export.dataset_types:
        yield RegisterDatasetType(types[each.name])
    for name, kind in export.collections.items():
        yield RegisterCollection(name, CollectionType[kind], export.docs.get(name, ""))
    for name, children in export.chains.items():
        yield SetChain(name, children)


def _refs(file: ExportedFile, types: dict[str, DatasetType]) -> list[DatasetRef]:
    kind = types[file.dataset_type]
    return [
        DatasetRef(dataset_id, kind, DataCoordinate.standardize(values, group=kind.dimensions), file.run)
        for dataset_id, values in zip(file.ids, file.data_ids, strict=True)
    ]


def _add_datasets(
    butler: Butler, files: list[ExportedFile], refs: list[list[DatasetRef]], directory: str | Path | None, transfer: str
) -> None:
    with_path = [
        FileDataset(str(Path(directory) / file.path), datasets)
        for file, datasets in zip(files, refs, strict=True)
        if directory is not None and file.path is not None
    ]
    bare = [
        ref
        for file, datasets in zip(files, refs, strict=True)
        if directory is None or file.path is None
        for ref in datasets
    ]
    butler.apply(*(AddDatasets(columns, on_conflict="skip") for columns in DatasetColumns.from_refs(bare)))
    butler.ingest(*with_path, transfer=transfer, skip_existing=True)


def _memberships(butler: Butler, export: ExportFile, refs: list[list[DatasetRef]]) -> Iterator[Change]:
    known = _certified(butler, export, {ref.dataset_type.name for datasets in refs for ref in datasets})
    for each in export.memberships:
        ids = [dataset_id.bytes for dataset_id in each.ids]
        if each.timespan is None:
            yield Associate(each.collection, ids)
        elif new := [one for one in ids if (each.collection, one, each.timespan.bounds) not in known]:
            yield Certify(each.collection, new, each.timespan)


def _certified(butler: Butler, export: ExportFile, types: set[str]) -> set[tuple[str, bytes, tuple[int, int]]]:
    """Find the validity ranges that are there, so that repeating an import is no conflict."""
    calibrations = {each.collection for each in export.memberships if each.timespan is not None}
    found = set()
    for name in sorted(types):
        if not calibrations or not butler.dataset_types[name].is_calibration:
            continue
        for row in butler.calibrations(name, sorted(calibrations)).to_pylist():
            begin, end = row["timespan_begin"], row["timespan_end"]
            if begin is not None:
                found.add((row["collection"], row["id"], Timespan.from_bounds(begin, end).bounds))
    return found
