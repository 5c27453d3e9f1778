"""Folders of runs (graph, journals with receipts, logs), which go along with the datasets of the runs.

They are moved by name and not understood here; what is in them is read by `bunter.execution`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.butler.runs_place import FOREIGN, RUNS, run_folder
from bunter.dataset.collection import collection_name_problem
from bunter.errors import ExportFileError
from bunter.values import new_nonce, pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from bunter.butler.transfers.table_files import TableWriter

__all__ = [
    "PIECES_TOGETHER",
    "RunPiece",
    "all_runs",
    "pieces_in",
    "read_runs",
    "runs_schema",
    "write_pieces",
    "write_runs",
]

_LAST = "request.json"  # without it a folder counts for none, so it comes last
_GROWING = re.compile(r"journal-[^/\0]{1,230}\.jsonl")
_PART = re.compile(r"part(\d{1,6})/")
_NAME = re.compile(
    rf"(?:{_PART.pattern})?(?:request\.json|graph\.bqg|summary\.json|{_GROWING.pattern}|logs/[^/\0.][^/\0]{{0,230}}\.log)"
)
PIECES_TOGETHER = 8
"""Rows of a table of pieces that are read at a time."""


@dataclass(frozen=True, slots=True)
class RunPiece:
    """Part of a file of a run's folder; parts of a file, and files of a run, follow one another.

    Parameters
    ----------
    run : str
        The run.
    name : str
        The file, relative to the folder; for a further part of an extended run with its number before it, ``part2/``.
    size : int
        Bytes of the whole file.
    content : bytes
        This part.
    """

    run: str
    name: str
    size: int
    content: bytes


def all_runs(root: Path | None) -> Iterator[str]:
    """Yield the names of all runs that have a folder."""
    if root is None:
        return
    folders = [root / RUNS / name for name in sorted(effects.listdir(root / RUNS)) if not name.startswith(".")]
    found = (json.loads(effects.read_bytes(one / _LAST)) for one in folders if effects.stat(one / _LAST) is not None)
    yield from dict.fromkeys(str(one["run"]) for one in found)


def read_runs(root: Path | None, runs: Iterable[str]) -> Iterator[RunPiece]:
    """Read the folders of runs, those that have one.

    Parameters
    ----------
    root : Path or None
        Where the folders of runs lie; None where there are none.
    runs : iterable of str
        Which runs.
    """
    if root is None:
        return
    for run in runs:
        part = 1
        while effects.stat((folder := run_folder(root, run, part)) / _LAST) is not None:
            yield from _read_part(run, folder, "" if part == 1 else f"part{part}/")
            part += 1


def _read_part(run: str, folder: Path, prefix: str) -> Iterator[RunPiece]:
    for name in sorted(_names(folder), key=lambda name: (name == _LAST, name)):
        found = effects.stat(folder / name)
        size = 0 if found is None else found.st_size
        if not size:
            yield RunPiece(run, prefix + name, 0, b"")
        for chunk in effects.read_chunks(folder / name):
            yield RunPiece(run, prefix + name, size, bytes(chunk))


def _names(folder: Path) -> list[str]:
    names = [*effects.listdir(folder), *(f"logs/{name}" for name in effects.listdir(folder / "logs"))]
    return [name for name in names if _NAME.fullmatch(name)]


def write_runs(root: Path | None, pieces: Iterable[RunPiece]) -> None:
    """Write folders of runs, which may be looked at here and not gone on with: their graphs name tasks to be imported.

    A file that is there stays, but for a journal that has grown since.

    Parameters
    ----------
    root : Path or None
        Where the folders of runs lie; nothing is kept if it is None, as in memory.
    pieces : iterable of RunPiece
        What to write.

    Raises
    ------
    ExportFileError
        If a file has a name that no run's folder has.
    """
    if root is None:
        return
    for run, files in groupby(pieces, attrgetter("run")):
        if problem := collection_name_problem(run):
            raise ExportFileError(problem)
        for part, own in groupby(files, _part_of):
            _write_part(run_folder(root, run, part), own)


def _part_of(piece: RunPiece) -> int:
    match = _PART.match(piece.name)
    return int(match[1]) if match else 1


def _write_part(folder: Path, pieces: Iterable[RunPiece]) -> None:
    effects.mkdirs(folder / "logs")
    if effects.stat(folder / _LAST) is None and effects.stat(folder / FOREIGN) is None:
        effects.write_new(folder / FOREIGN, b"", sync=True)
    for name, pieces_of_one in groupby(pieces, attrgetter("name")):
        if not _NAME.fullmatch(name):
            raise ExportFileError(f"{name!r} is no file of a run's folder")
        _write_file(folder / _PART.sub("", name, count=1), pieces_of_one)
    effects.sync_dir(folder)


def _write_file(path: Path, parts: Iterator[RunPiece]) -> None:
    first = next(parts)
    there = effects.stat(path)
    if there is not None and (there.st_size >= first.size or not _GROWING.fullmatch(path.name)):
        return
    part = path.parent / f".{new_nonce()}.part"
    try:
        effects.write_new(part, (each.content for each in _chained(first, parts)), sync=True)
        if there is None or _begins_with(part, path):
            effects.rename(part, path)
    finally:
        effects.unlink(part, missing_ok=True)


def _chained(first: RunPiece, others: Iterator[RunPiece]) -> Iterator[RunPiece]:
    yield first
    yield from others


def _begins_with(longer: Path, shorter: Path) -> bool:
    """Whether one file is the other one and more: not so for runs of one name that two repositories have made."""
    begin = 0
    for chunk in effects.read_chunks(shorter):
        if effects.read_range(longer, begin, len(chunk)) != chunk:
            return False
        begin += len(chunk)
    return True


def runs_schema() -> pa.Schema:
    """Columns of a table of pieces."""
    pa = pyarrow()
    return pa.schema(
        [("run", pa.string()), ("name", pa.string()), ("size", pa.int64()), ("content", pa.large_binary())]
    )


def write_pieces(writer: TableWriter, pieces: Iterable[RunPiece]) -> None:
    """Write pieces to a table, each as it comes."""
    for each in pieces:
        row: dict[str, list[Any]] = {name: [getattr(each, name)] for name in ("run", "name", "size", "content")}
        writer.add(row)


def pieces_in(batches: Iterable[pa.RecordBatch], where: str) -> Iterator[RunPiece]:
    """Read pieces from a table; its batches should have few rows, see `PIECES_TOGETHER`."""
    schema = runs_schema()
    for batch in batches:
        if batch.schema.names != schema.names or batch.schema.types != schema.types:
            raise ExportFileError(f"{where}: a table has the columns {batch.schema.names}, not {schema.names}")
        for row in zip(*(batch.column(name).to_pylist() for name in schema.names), strict=True):
            yield RunPiece(*row)
