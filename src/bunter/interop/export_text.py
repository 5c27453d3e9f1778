"""The export file of a Rubin repository, written piece by piece: YAML, format 1.0.2, so that memory does not grow with it."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from bunter.errors import ExportFileError
from bunter.values import MAX_NS, MIN_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

    from bunter.dataset import CollectionInfo, DatasetType
    from bunter.dimensions import Records, Universe
    from bunter.values import Timespan

__all__ = [
    "association_lines",
    "collection_lines",
    "dataset_line",
    "dataset_lines",
    "dataset_type_lines",
    "head_lines",
    "record_lines",
]

_SHAPES = {
    "b": "Box",
    "c": "Circle",
    "p": "ConvexPolygon",
    "e": "Ellipse",
    "u": "UnionRegion",
    "i": "IntersectionRegion",
}
_ROW = 1000


def head_lines(universe: Universe) -> Iterator[str]:
    """Yield what comes before all sections."""
    yield "description: Butler Data Repository Export"
    yield "version: 1.0.2"
    yield f"universe_version: {universe.version}"
    yield f"universe_namespace: {universe.namespace}"
    yield "data:"


def record_lines(records: Records) -> Iterator[str]:
    """Yield a section with dimension records."""
    element = records.element
    yield "- type: dimension"
    yield f"  element: {element.name}"
    yield "  records:"
    own = {element.name: element.key.name} if element.key is not None and element.name in records.columns else {}
    names = {"timespan_begin": "datetime_begin", "timespan_end": "datetime_end", **own}
    writers = {name: _writer(name) for name in records.columns}
    for row in zip(*records.columns.values(), strict=True):
        pairs = [(name, value) for name, value in zip(records.columns, row, strict=True) if _is_told(name, value)]
        yield "  - {" + ", ".join(f"{names.get(name, name)}: {writers[name](value)}" for name, value in pairs) + "}"


def _is_told(name: str, value: Any) -> bool:
    """Leave out an unknown time: two nulls would be one without bounds."""
    return value is not None or name not in {"timespan_begin", "timespan_end"}


def _writer(name: str) -> Any:
    if name in {"timespan_begin", "timespan_end"}:
        return _instant
    return _region if name == "region" else _scalar


def collection_lines(info: CollectionInfo) -> Iterator[str]:
    """Yield a section with a collection."""
    said = f"- {{type: collection, collection_type: {info.type.name}, name: {_scalar(info.name)}"
    if info.doc:
        said += f", doc: {_scalar(info.doc)}"
    if info.type.name == "RUN":
        said += ", host: null, timespan_begin: null, timespan_end: null"
    elif info.type.name == "CHAINED":
        said += f", children: [{', '.join(map(_scalar, info.children))}]"
    yield f"{said}}}"


def dataset_type_lines(kind: DatasetType) -> Iterator[str]:
    """Yield a section with a dataset type."""
    yield (
        f"- {{type: dataset_type, name: {_scalar(kind.name)}, dimensions: [{', '.join(kind.dimensions.names)}], "
        f"storage_class: {_scalar(kind.storage_class)}, is_calibration: {_scalar(kind.is_calibration)}}}"
    )


def dataset_lines(dataset_type: str, run: str) -> Iterator[str]:
    """Yield the head of a section with datasets of a type and run; `dataset_line` follows."""
    yield "- type: dataset"
    yield f"  dataset_type: {_scalar(dataset_type)}"
    yield f"  run: {_scalar(run)}"
    yield "  records:"


def dataset_line(ids: Sequence[UUID], data_ids: Sequence[Mapping[str, Any]], path: str, formatter: str | None) -> str:
    """Return the line for one file and the datasets in it; no file where the path is empty."""
    keys = ", ".join("{" + ", ".join(f"{k}: {_scalar(v)}" for k, v in each.items()) + "}" for each in data_ids)
    file = f"path: {_scalar(path)}" + (f", formatter: {formatter}" if formatter else "")
    return f"  - {{dataset_id: [{_ids(ids)}], data_id: [{keys}], {file}}}"


def association_lines(collection: str, members: Mapping[Timespan | None, Sequence[UUID]]) -> Iterator[str]:
    """Yield a section with the members of a TAGGED collection (None), or of a CALIBRATION collection."""
    if None in members:
        yield f"- {{type: associations, collection: {_scalar(collection)}, collection_type: TAGGED, dataset_ids: ["
        yield from _broken(members[None])
        yield "  ]}"
    if spans := {span: ids for span, ids in members.items() if span is not None}:
        yield f"- type: associations\n  collection: {_scalar(collection)}\n  collection_type: CALIBRATION"
        yield "  validity_ranges:"
        for span, ids in spans.items():
            begin, end = span.bounds
            yield (
                f"  - timespan: !lsst.daf.butler.Timespan {{begin: {_instant(begin)}, end: {_instant(end)}}}\n"
                "    dataset_ids: ["
            )
            yield from _broken(ids)
            yield "    ]"


def _broken(ids: Sequence[UUID]) -> Iterator[str]:
    for first in range(0, len(ids), _ROW):
        yield f"    {_ids(ids[first : first + _ROW])},"


def _ids(ids: Sequence[UUID]) -> str:
    return ", ".join(f"!uuid '{each}'" for each in ids)


def _scalar(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa or not e else '.0'}{e}{exponent}"  # 1e-05 would be a text to YAML 1.1
    if isinstance(value, bytes):
        return f"!!binary '{b64encode(value).decode()}'"
    return json.dumps(value)


def _instant(time_ns: int | None) -> str:
    """Write an instant of TAI to the nanosecond; open ends are null."""
    import numpy as np

    if time_ns is None or time_ns in {MIN_NS, MAX_NS}:
        return "null"
    text = str(np.datetime64(time_ns, "ns")).replace("T", " ")
    return f"!butler_time/tai/iso '{text}'"


def _region(encoded: bytes | None) -> str:
    if encoded is None:
        return "null"
    shape = _SHAPES.get(chr(encoded[0]))
    if shape is None:
        raise ExportFileError(f"a region of kind {encoded[0]} is not known to the file's readers")
    return f"!<lsst.sphgeom.{shape}> {{encoded: {encoded.hex()!r}}}"
