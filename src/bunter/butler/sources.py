"""Where ingested files come from: remembered beside their datasets, with their header cards where these are wanted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.dataset.annotations import AddOrigins, OriginRow
from bunter.dataset.header import headers_change, packed_alike
from bunter.errors import FormatError, IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.dataset import FileDataset
    from bunter.dataset.changes import Change
    from bunter.dataset.header import PackedHeader

__all__ = ["said_of", "source_changes"]


def said_of(files: Sequence[FileDataset], transfer: str) -> dict[str, Any]:
    """Say in a few words where files come from: the folders, and how many files there are."""
    folders = sorted({_split(file.path)[0] for file in files})
    return {"folders": folders[:20], "files": len(files), "transfer": transfer}


def source_changes(files: Sequence[FileDataset], *, header: bool) -> list[Change]:
    """Return the changes that remember where files come from, to be asked for while the files are still there.

    Raises
    ------
    IngestError
        If headers are wanted and a file has none; such files are listed.
    """
    changes: list[Change] = [AddOrigins(list(_origins(files)))]
    if header and (kept := headers_change(_headers(files))) is not None:
        changes.append(kept)
    return changes


def _origins(files: Sequence[FileDataset]) -> Iterator[OriginRow]:
    for file in files:
        path = str(file.path)
        directory, name = _split(path)
        found = None if "://" in path else effects.stat(path)
        size, modified = (None, None) if found is None else (found.st_size, found.st_mtime_ns)
        for ref in file.refs:
            yield OriginRow(ref.id.bytes, directory, name, size, modified)


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
