"""Where ingested files come from: remembered beside their datasets, with their header cards where these are wanted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bunter.dataset.annotations import AddOrigins, OriginRow
from bunter.dataset.header import headers_change, packed_alike
from bunter.datastore.look import Look
from bunter.errors import FormatError, IngestError
from bunter.values.rows import instances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset import FileDataset
    from bunter.dataset.changes import Change
    from bunter.dataset.header import PackedHeader

__all__ = ["looks_at", "said_of", "source_changes"]


def said_of(files: Sequence[FileDataset], transfer: str) -> dict[str, Any]:
    """Say in a few words where files come from: the folders, and how many files there are."""
    folders = sorted({_split(file.path)[0] for file in files})
    return {"folders": folders[:20], "files": len(files), "transfer": transfer}


def looks_at(files: Sequence[FileDataset]) -> list[Look | None]:
    """Look at each file once, for all who want to know of it; None where there is no file of this machine."""
    paths = [str(file.path) for file in files]
    return [None if "://" in path else Look.at(path) for path in paths]


def source_changes(files: Sequence[FileDataset], looks: Sequence[Look | None], *, header: bool) -> list[Change]:
    """Return the changes that remember where files come from, to be asked for while the files are still there.

    Parameters
    ----------
    files : sequence of FileDataset
        The files.
    looks : sequence of Look
        What `looks_at` has seen of each.
    header : bool
        Whether header cards are wanted.

    Raises
    ------
    IngestError
        If headers are wanted and a file has none; such files are listed.
    """
    changes: list[Change] = [AddOrigins(_origins(files, looks))]
    if header and (kept := headers_change(_headers(files))) is not None:
        changes.append(kept)
    return changes


def _origins(files: Sequence[FileDataset], looks: Sequence[Look | None]) -> list[OriginRow]:
    counts = [len(file.refs) for file in files]
    ids = [ref.id.bytes for file in files for ref in file.refs]
    split = [_split(file.path) for file in files]
    columns: dict[str, list[Any]] = {
        "directory": [folder for folder, _ in split],
        "name": [name for _, name in split],
        "size": [None if found is None else found.st_size for found in looks],
        "modified": [None if found is None else found.st_mtime_ns for found in looks],
    }
    if len(ids) != len(files) or set(counts) != {1}:
        columns = {name: _repeated(values, counts) for name, values in columns.items()}
    return instances(OriginRow, len(ids), id=ids, **columns)


def _repeated(values: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    return [value for value, count in zip(values, counts, strict=True) for _ in range(count)]


def _split(path: str) -> tuple[str, str]:
    """Return folder and name; relative paths are told as they are from the root."""
    if "://" not in path and not path.startswith("/"):
        path = os.path.abspath(path)  # noqa: PTH100 - links are told as they were given
    directory, _, name = path.rpartition("/")
    return directory, name


def _headers(files: Sequence[FileDataset]) -> list[tuple[bytes, PackedHeader]]:
    from bunter.datastore.formats.fits_cards import headers_in

    ids: list[bytes] = []
    headers = []
    rejected = []
    for file in files:
        try:
            headers += headers_in(file.path, tuple(file.selectors or [""] * len(file.refs)))
        except FormatError as exc:
            rejected.append((str(file.path), str(exc)))
        ids += [ref.id.bytes for ref in file.refs]
    if rejected:
        raise IngestError(
            f"{len(rejected)} of {len(files)} files have no header to keep; nothing was ingested",
            rejected=rejected[:20],
        )
    return list(zip(ids, packed_alike(headers), strict=True))
