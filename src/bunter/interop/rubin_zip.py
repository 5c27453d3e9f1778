"""Zip files that ``Butler.retrieve_artifacts_zip`` of a Rubin repository wrote: taken in whole, their members read in place."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset import CollectionType, DatasetColumns, DatasetRef, DatasetType
from bunter.dataset.changes import AddDatasets, RegisterCollection, RegisterDatasetTypes
from bunter.datastore.zip_members import ZipMembers
from bunter.dimensions import DataCoordinate
from bunter.errors import ButlerError, ExportFileError
from bunter.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bunter.butler import Butler
    from bunter.dataset.changes import Change
    from bunter.dimensions import Universe

__all__ = ["RubinZipReport", "ingest_rubin_zip", "is_rubin_zip"]

_INDEX = "_butler_zip_index.json"
_VERSION = "V1"
_NO_COMPONENT: dict[str, Any] = {"component": None}


@dataclass(frozen=True, slots=True)
class RubinZipReport:
    """What a zip file held: datasets, those of them that were there with their artifacts before, and dataset types."""

    datasets: int
    known: int
    dataset_types: int
    dry_run: bool = False

    def as_row(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        verb = "would take in" if self.dry_run else "took in"
        said = f"{verb} {counted(self.datasets, 'dataset')} of {counted(self.dataset_types, 'dataset type')}"
        return said + (f"; there already: {self.known}" if self.known else "")


def is_rubin_zip(path: str | Path) -> bool:
    """Whether a file is a zip archive with the index of a Rubin repository."""
    try:
        return _INDEX in ZipMembers.of_file(path)
    except ButlerError:
        return False


def ingest_rubin_zip(
    butler: Butler, path: str | Path, *, transfer: str = "auto", dry_run: bool = False
) -> RubinZipReport:
    """Take in a zip file without unpacking it; ids are kept, and datasets that have their artifacts already stay as they are.

    The dimension records of the datasets must be in the repository, as these files do not bring all of them.

    Parameters
    ----------
    butler : Butler
        Where it goes.
    path : str or Path
        The zip file, with an index of version V1.
    transfer : str
        How it comes in, as for `Butler.ingest`.
    dry_run : bool
        Whether everything is read and checked and nothing changed.

    Raises
    ------
    ExportFileError
        If the index cannot be read, names members that are not there, or is of another universe.
    StorageClassError
        If a dataset is of a storage class that is not known here; nothing has changed.
    """
    members = ZipMembers.of_file(path)
    try:
        refs, places = _content(members, butler.universe, str(path))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ExportFileError(f"the index of {path} cannot be read: {type(exc).__name__} {exc}") from exc
    if len(places) != len({place[0] for place in places}) or {place[0] for place in places} != refs.keys():
        raise ExportFileError(f"{path}: its index does not name one member for each dataset")
    types = {ref.dataset_type.name: ref.dataset_type for ref in refs.values()}
    there = butler.transfers.which_have_artifacts(list(refs))
    report = RubinZipReport(len(refs) - len(there), len(there), len(types), dry_run)
    if dry_run or not report.datasets:
        return report
    runs = dict.fromkeys(ref.run for ref in refs.values())
    changes: list[Change] = [
        RegisterDatasetTypes(tuple(types.values())),
        *(RegisterCollection(run, CollectionType.RUN) for run in runs),
        *(AddDatasets(columns, on_conflict="skip") for columns in DatasetColumns.from_refs(list(refs.values()))),
    ]
    parts = [
        (refs[id_], component, extension, member) for id_, component, extension, member in places if id_ not in there
    ]
    butler.transfers.adopt_archive(path, changes, parts, transfer=transfer)
    return report


def _content(
    members: ZipMembers, universe: Universe, where: str
) -> tuple[dict[bytes, DatasetRef], list[tuple[bytes, str, str, str]]]:
    """Read the index, which takes ten times its size if it is kept as it stands; what has been made of it is let go."""
    text = members.read(_INDEX)[0].decode()
    index = json.loads(text, object_hook=_needed)
    del text
    return _refs(index, universe, where), _places(index, members, where)


def _needed(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is needed of an object of the index; texts that come again and again are one."""
    if "formatter" in found and "component" in found:
        return _NO_COMPONENT if not found["component"] else {"component": found["component"]}
    return {name: sys.intern(value) if isinstance(value, str) else value for name, value in found.items()}


def _taken(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what is in a mapping, and take it out."""
    for name in list(found):
        yield name, found.pop(name)


def _refs(index: dict[str, Any], universe: Universe, where: str) -> dict[bytes, DatasetRef]:
    held = index["refs"]
    if (index["index_version"], held["container_version"]) != (_VERSION, _VERSION):
        raise ExportFileError(f"{where} has an index of version {index['index_version']}; this Bunter reads {_VERSION}")
    if held["universe_namespace"] != universe.namespace:
        raise ExportFileError(
            f"{where} is of the dimension universe {held['universe_namespace']!r}, this repository of {universe.namespace!r}"
        )
    types = {
        name: DatasetType(name, universe.conform(kind["dimensions"]), kind["storageClass"], kind["isCalibration"])
        for name, kind in held["dataset_types"].items()
    }
    found = {}
    for text, each in _taken(held["compact_refs"]):
        kind, id_ = types[each["dataset_type_name"]], UUID(text)
        values = {name: each["data_id"][name] for name in kind.dimensions.required}
        data_id = DataCoordinate.standardize(values, group=kind.dimensions)
        found[id_.bytes] = DatasetRef(id_, kind, data_id, each["run"])
    return found


def _places(index: dict[str, Any], members: ZipMembers, where: str) -> list[tuple[bytes, str, str, str]]:
    """Return dataset id, component, ending and name of each member."""
    found = []
    for member, each in _taken(index["artifact_map"]):
        if member not in members:
            raise ExportFileError(f"{where} has no member {member!r}, which its index names")
        _, dot, extension = member.rpartition(".")
        if each["info"]["component"]:
            raise ExportFileError(f"{where} has components as members, which are not taken in; export them instead")
        found += [(UUID(text).bytes, "", f"{dot}{extension}", member) for text in each["ids"]]
    return found
