"""Rows of tables in all forms that people keep lists in, some thousand at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from bunter import effects, safe_yaml
from bunter.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Row = dict[str, Any]

__all__ = ["row_lots"]

_ROWS = 5000
_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SPACE = re.compile(r"\s*")


def row_lots(table: Path) -> Iterator[list[Row]]:
    """Yield the rows of a table in lots, each row by the names of its columns, in their order.

    Raises
    ------
    IngestError
        If it cannot be read, or is no list of rows with names.
    """
    rows = iter(_READERS.get(table.suffix.lower(), _other)(table))
    while lot := _next_lot(rows, table):
        if any(not isinstance(row, dict) or not row for row in lot):
            raise IngestError(f"{table} is no list of objects, each with a file first and then the keys of its data ID")
        yield lot


def _next_lot(rows: Iterator[Row], table: Path) -> list[Row]:
    try:
        return list(islice(rows, _ROWS))
    except Exception as exc:  # astropy's readers raise what they like
        said = " ".join(str(exc).partition("The available formats")[0].split())[:200]
        known = ", ".join((*_READERS, ".fits"))
        raise IngestError(
            f"cannot read the table {table}: {said or type(exc).__name__}; its ending says what it is, such as {known}"
        ) from exc


def _lines(table: Path) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedReader(effects.open_to_read(table)), "utf-8-sig", newline="")


def _separated(delimiter: str, *, strip: bool) -> Callable[[Path], Iterator[Row]]:
    """Return a reader of text in columns; those are of numbers all of whose values are."""

    def read(table: Path) -> Iterator[Row]:
        names, kinds = _columns(table, delimiter, strip=strip)
        for values in islice(_fields(table, delimiter, strip=strip), 1, None):
            known = zip(names, kinds, values, strict=False)
            row = {name: kind(value) if value else None for name, kind, value in known}
            yield row if len(row) == len(names) else {name: row.get(name) for name in names}

    return read


def _fields(table: Path, delimiter: str, *, strip: bool) -> Iterator[list[str]]:
    with _lines(table) as lines:
        for fields in csv.reader(lines, delimiter=delimiter):
            if any(fields):
                yield [field.strip() for field in fields] if strip else fields


def _columns(table: Path, delimiter: str, *, strip: bool) -> tuple[list[str], list[Callable[[str], Any]]]:
    """Return the names of columns, and what each is made of."""
    rows = _fields(table, delimiter, strip=strip)
    names = next(rows, None)
    if names is None:
        raise ValueError("it is empty")
    kinds: list[Callable[[str], Any]] = [int] * len(names)
    for number, values in enumerate(rows, 1):
        if len(values) > len(names):
            raise ValueError(f"row {number} has {len(values)} fields, and there are {len(names)} columns")
        for place, value in enumerate(values):
            kind = kinds[place]
            if kind is str or not value or (kind is int and _INT.fullmatch(value)):
                continue
            kinds[place] = float if _FLOAT.fullmatch(value) else str
    return names, kinds


def _parquet(table: Path) -> Iterator[Row]:
    from pyarrow import parquet

    with parquet.ParquetFile(table) as file:
        for batch in file.iter_batches(_ROWS):
            yield from batch.to_pylist()


def _json(table: Path) -> Iterator[Row]:
    """Read a list object by object: all of them would take ten times as much memory as their text."""
    text = effects.read_bytes(table).decode()
    decoder, place = json.JSONDecoder(), _behind_space(text, 0)
    if text[place : place + 1] != "[":
        yield from json.loads(text)
        return
    place = _behind_space(text, place + 1)
    separator = "]" if text[place : place + 1] == "]" else ","
    while separator == ",":
        row, place = decoder.raw_decode(text, place)
        yield row
        place = _behind_space(text, place)
        separator = text[place : place + 1]
        if separator == ",":
            place = _behind_space(text, place + 1)
    if separator != "]" or _behind_space(text, place + 1) != len(text):
        raise json.JSONDecodeError("Expecting ',' or ']'", text, place)


def _behind_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None, "no space is space, too"
    return found.end()


def _json_lines(table: Path) -> Iterator[Row]:
    with _lines(table) as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _yaml(table: Path) -> Iterator[Row]:
    return iter(safe_yaml.load(effects.read_bytes(table)) or [])


def _ecsv(table: Path) -> Iterator[Row]:
    """Read rows as the head of the table says, some thousand at a time."""
    from astropy.table import Table

    with _lines(table) as lines:
        whole = _whole_lines(lines)
        head = []
        for line in whole:
            head.append(line)
            if not line.startswith("#"):
                break
        rows = list(islice(whole, _ROWS))
        while True:
            yield from _plain(Table.read([*head, *rows], format="ascii.ecsv"))
            if not (rows := list(islice(whole, _ROWS))):
                return


def _whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, those of a text in quotes that goes on in the next line as one."""
    held = ""
    for line in lines:
        held += line
        if held.startswith("#") or held.count('"') % 2 == 0:
            if held.strip():
                yield held.rstrip("\r\n")
            held = ""
    if held:
        yield held


def _other(table: Path) -> Iterator[Row]:
    from astropy.table import Table

    rows = Table.read(table)
    for first in range(0, len(rows), _ROWS):
        yield from _plain(rows[first : first + _ROWS])


def _plain(rows: Any) -> Iterator[Row]:
    columns = [rows[name].tolist() for name in rows.colnames]
    return (dict(zip(rows.colnames, row, strict=True)) for row in zip(*columns, strict=True))


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _separated(",", strip=True),
    ".tsv": _separated("\t", strip=False),
    ".ecsv": _ecsv,
    ".parquet": _parquet,
    ".json": _json,
    ".jsonl": _json_lines,
    ".yaml": _yaml,
    ".yml": _yaml,
}
