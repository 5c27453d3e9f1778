"""The export file of a Rubin repository: YAML, format 1.0.x, in the words of whatever universe wrote it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid3

import yaml

from bunter import effects, safe_yaml
from bunter.errors import ExportFileError
from bunter.values import Timespan, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["ExportFile", "ExportedFile", "ExportedType", "Membership", "read_export"]

_MAJOR, _MINOR = 1, 0
_OLD_IDS: Final = UUID("4d4851f4-2890-4d41-8779-5f38a3f5062b")
_SHAPES: Final = (
    "Box",
    "Circle",
    "CompoundRegion",
    "ConvexPolygon",
    "Ellipse",
    "IntersectionRegion",
    "Region",
    "UnionRegion",
)


@dataclass(frozen=True, slots=True)
class ExportedType:
    """A dataset type as the file has it."""

    name: str
    dimensions: tuple[str, ...]
    storage_class: str
    is_calibration: bool = False


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file, and the datasets in it: ids and data IDs in the same order; no path where only the registry was saved."""

    dataset_type: str
    run: str
    ids: tuple[UUID, ...]
    data_ids: tuple[Mapping[str, Any], ...]
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """Datasets of a TAGGED collection, or, with a timespan, of a CALIBRATION collection."""

    collection: str
    ids: tuple[UUID, ...]
    timespan: Timespan | None = None


@dataclass(frozen=True, slots=True)
class ExportFile:
    """All that an export file says.

    Parameters
    ----------
    universe_namespace, universe_version
        The universe that its dimensions are of; version 0 where the file does not say.
    records : dict
        Dimension records by element, with the names of that universe; times are ns TAI, regions encoded.
    dataset_types : list of ExportedType
        Dataset types.
    collections : dict
        Type (as its name in capitals) of each collection, in the order of the file.
    docs : dict
        What collections are for, where the file says it.
    chains : dict
        Children of each chain.
    files : list of ExportedFile
        Datasets.
    memberships : list of Membership
        Tags and certifications.
    """

    universe_namespace: str = "daf_butler"
    universe_version: int = 0
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    dataset_types: list[ExportedType] = field(default_factory=list)
    collections: dict[str, str] = field(default_factory=dict)
    docs: dict[str, str] = field(default_factory=dict)
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: list[ExportedFile] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)


def read_export(path: str | Path) -> ExportFile:
    """Read an export file.

    Raises
    ------
    ExportFileError
        If it cannot be read, is no such file, or is of a format that is not known here.
    """
    try:
        content = safe_yaml.load(effects.read_bytes(str(path)), _TAGS)
    except OSError as error:
        raise ExportFileError(f"cannot read the export {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ExportFileError(f"the export {path} is not YAML that we know: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise ExportFileError(f"{path} is no butler export; one has 'version' and a list 'data'")
    _check_version(path, content.get("version", 0))
    export = ExportFile(content.get("universe_namespace", "daf_butler"), int(content.get("universe_version", 0)))
    for place, section in enumerate(content["data"]):
        _read_section(export, section, f"section {place} of {path}")
    return export


def _check_version(path: str | Path, version: object) -> None:
    numbers = str(version).split(".")
    if version == 0 or (len(numbers) == 3 and numbers[0] == str(_MAJOR) and int(numbers[1]) <= _MINOR):
        return
    raise ExportFileError(f"the export {path} has format {version}; this Bunter reads {_MAJOR}.{_MINOR}.x")


def _read_section(export: ExportFile, section: Any, where: str) -> None:
    kind = section.get("type") if isinstance(section, dict) else None
    reader = _SECTIONS.get(str(kind))
    if reader is None:
        raise ExportFileError(f"{where} is of type {kind!r}; known are {', '.join(_SECTIONS)}")
    try:
        reader(export, section)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ExportFileError(f"{where} ({kind}) cannot be read: {type(error).__name__} {error}") from error


def _dimension(export: ExportFile, section: dict[str, Any]) -> None:
    export.records.setdefault(section["element"], []).extend(dict(row) for row in section["records"])


def _collection(export: ExportFile, section: dict[str, Any]) -> None:
    name, kind = section["name"], section["collection_type"]
    export.collections[name] = kind
    if section.get("doc"):
        export.docs[name] = section["doc"]
    if kind == "CHAINED":
        # Children were once pairs of a name and dataset types.
        export.chains[name] = tuple(child if isinstance(child, str) else child[0] for child in section["children"])


def _run(export: ExportFile, section: dict[str, Any]) -> None:
    export.collections[section["name"]] = "RUN"


def _dataset_type(export: ExportFile, section: dict[str, Any]) -> None:
    export.dataset_types.append(
        ExportedType(
            section["name"],
            tuple(section["dimensions"]),
            section["storage_class"],
            bool(section.get("is_calibration", False)),
        )
    )


def _dataset(export: ExportFile, section: dict[str, Any]) -> None:
    for record in section["records"]:
        ids, data_ids = record["dataset_id"], record["data_id"]
        export.files.append(
            ExportedFile(
                section["dataset_type"],
                section["run"],
                tuple(_ids(ids if isinstance(ids, list) else [ids])),
                tuple(data_ids if isinstance(data_ids, list) else [data_ids]),
                record.get("path") or None,
            )
        )


def _associations(export: ExportFile, section: dict[str, Any]) -> None:
    name = section["collection"]
    if section["collection_type"] == "TAGGED":
        export.memberships.append(Membership(name, tuple(_ids(section["dataset_ids"]))))
        return
    for item in section["validity_ranges"]:
        span = item["timespan"] if "timespan" in item else Timespan.from_times(item["begin"], item["end"])
        export.memberships.append(Membership(name, tuple(_ids(item["dataset_ids"])), span))


def _ids(values: list[Any]) -> Iterator[UUID]:
    """Yield ids; the whole numbers of the oldest files stand for UUIDs that everybody makes alike."""
    for value in values:
        if isinstance(value, int):
            yield uuid3(_OLD_IDS, str(value))
        else:
            yield value if isinstance(value, UUID) else UUID(str(value))


_SECTIONS: Final[dict[str, Callable[[ExportFile, dict[str, Any]], None]]] = {
    "dimension": _dimension,
    "collection": _collection,
    "run": _run,
    "dataset_type": _dataset_type,
    "dataset": _dataset,
    "associations": _associations,
}


def _timespan(content: Any) -> Timespan:
    return Timespan.EMPTY if content == "EMPTY" else Timespan.from_times(content["begin"], content["end"])


def _region(content: Mapping[str, str]) -> bytes:
    from bunter.geometry import Region

    return Region.decode(bytes.fromhex(content["encoded"])).encode()


_TAGS: Final[dict[str, Callable[[Any], Any]]] = {
    "!uuid": UUID,
    "!butler_time/tai/iso": lambda text: parse_instant(f"{text}/tai"),
    "!lsst.daf.butler.Timespan": _timespan,
    **{f"lsst.sphgeom.{shape}": _region for shape in _SHAPES},
}
