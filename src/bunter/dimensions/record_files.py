"""Dimension records in files: CSV, ECSV, Parquet, JSON and YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunter.dimensions.records import Records
from bunter.errors import DimensionValueError, near

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.dimensions.element import Element

__all__ = ["read_records"]


def read_records(element: Element, path: str | Path) -> Records:
    """Read records from a file; its name's ending says which format it has.

    Parameters
    ----------
    element : Element
        What they are records of.
    path : str or Path
        ``.csv``, ``.ecsv``, ``.parquet``, ``.json`` (a list of objects, or one per line), ``.yaml`` (a list of
        mappings). In text a region is written like ``CIRCLE 150.1 2.2 0.9`` (ICRS degrees), bytes are hexadecimal, and
        an empty cell is unknown.

    Raises
    ------
    DimensionValueError
        If the file cannot be read; the sentence names it.
    DimensionNameError
        If it has a column that the element has not.
    """
    return Records.of(element, read_table(element, path))


def read_table(element: Element, path: str | Path) -> Any:
    """Return the content of a file as `Records.of` takes it, unchecked."""
    file = Path(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise DimensionValueError(
            f"{file} ends in none of {', '.join(_READERS)}{near(file.suffix, _READERS)}; its ending says what a file is"
        )
    try:
        return reader(element, file)
    except OSError as error:
        raise DimensionValueError(f"cannot read {file}: {error.strerror or error}") from error


def _read_bytes(file: Path) -> bytes:
    from bunter import effects

    return effects.read_bytes(str(file))


def _csv(element: Element, file: Path) -> Any:
    from io import BytesIO

    from bunter.values.arrow import pyarrow

    pa = pyarrow()
    from pyarrow import csv

    fields = {name: element.field(name) for name in element.field_names}
    kinds = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    types = {name: kinds.get(column.kind, pa.string()) for name, column in fields.items()}
    times = dict.fromkeys(("timespan_begin", "timespan_end", "datetime_begin", "datetime_end"), pa.string())
    options = csv.ConvertOptions(column_types=types | times, strings_can_be_null=True, null_values=["", "null", "NULL"])
    try:
        return csv.read_csv(
            BytesIO(_read_bytes(file)),
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=options,
        )
    except pa.ArrowInvalid as error:
        raise DimensionValueError(f"{file}: {' '.join(str(error).split())}") from error


def _ecsv(_element: Element, file: Path) -> Any:
    from astropy.table import Table

    try:
        return Table.read(_read_bytes(file).decode().splitlines(), format="ascii.ecsv")
    except ValueError as error:
        raise DimensionValueError(f"{file} is no ECSV table: {' '.join(str(error).split())}") from error


def _parquet(_element: Element, file: Path) -> Any:
    from io import BytesIO

    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.read_table(BytesIO(_read_bytes(file)))
    except pa.ArrowInvalid as error:
        raise DimensionValueError(f"{file} is no Parquet file: {' '.join(str(error).split())}") from error


def _json(_element: Element, file: Path) -> Any:
    text = _read_bytes(file).decode()
    try:
        content = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(line) for line in text.splitlines() if line.strip()]
        )
    except ValueError as error:
        raise DimensionValueError(
            f"{file} is neither a JSON list of objects nor one object per line: {error}"
        ) from error
    return _rows(content, file)


def _yaml(_element: Element, file: Path) -> Any:
    import yaml

    from bunter import safe_yaml

    try:
        content = safe_yaml.load(_read_bytes(file))
    except yaml.YAMLError as error:
        raise DimensionValueError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    return _rows(content if isinstance(content, list) else [content], file)


def _rows(content: Any, file: Path) -> list[dict[str, Any]]:
    for number, row in enumerate(content):
        if not isinstance(row, dict):
            raise DimensionValueError(f"{file}: record {number} is {row!r}; each one must name its fields")
    return list(content)


_READERS: dict[str, Callable[[Element, Path], Any]] = {
    ".csv": _csv, ".ecsv": _ecsv, ".parquet": _parquet, ".parq": _parquet, ".json": _json, ".jsonl": _json,
    ".yaml": _yaml, ".yml": _yaml,
}  # fmt: skip
