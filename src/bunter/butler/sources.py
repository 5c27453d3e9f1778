"""Where ingested files come from: remembered beside their datasets, with their header cards where these are wanted."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from bunter.dataset.header import headers_change, packed_alike
from bunter.datastore.look import Look
from bunter.errors import FormatError, IngestError
from bunter.values import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dataset import FileDataset
    from bunter.dataset.annotations import AddHeaders

__all__ = ["folders_of", "headers_of", "looks_at", "origins_of", "unfit_files"]


def looks_at(files: Sequence[FileDataset]) -> list[Look | None]:
    """Look at each file once, for all who want to know of it; None where there is no file of this machine."""
    paths = [str(file.path) for file in files]
    return [None if "://" in path else Look.at(path) for path in paths]


def unfit_files(files: Sequence[FileDataset], looks: Sequence[Look | None]) -> list[tuple[str, str]]:
    """Return the files that are none, and why."""
    return [
        (_absolute(str(file.path)), flaw)
        for file, found in zip(files, looks, strict=True)
        if (flaw := _flaw(str(file.path), found))
    ]


def _flaw(path: str, found: Look | None) -> str:
    if found is None:
        return "there is no such file"
    if not stat.S_ISREG(found.st_mode):
        return "is not a file"
    if not path.isascii() and any("\ud800" <= char <= "\udfff" for char in path):
        return "has a name that is no text in UTF-8; rename it"
    return ""


def folders_of(files: Sequence[FileDataset]) -> set[str]:
    """Return the folders that files are in."""
    return {_split(file.path)[0] for file in files}


def origins_of(files: Sequence[FileDataset], looks: Sequence[Look | None]) -> dict[str, list[Any]]:
    """Return columns of where files come from: ``directory``, ``name``, ``size`` and ``modified`` (ns since 1970 UTC)."""
    split = [_split(file.path) for file in files]
    return {
        "directory": [folder for folder, _ in split],
        "name": [name for _, name in split],
        "size": [None if found is None else found.st_size for found in looks],
        "modified": [None if found is None else found.st_mtime_ns for found in looks],
    }


def _split(path: str) -> tuple[str, str]:
    """Return folder and name; relative paths are told as they are from the root."""
    directory, _, name = _absolute(path).rpartition("/")
    return directory, name


def _absolute(path: str) -> str:
    if "://" in path or path.startswith("/"):
        return path
    return os.path.abspath(path)  # noqa: PTH100 - links are told as they were given


def headers_of(files: Sequence[FileDataset]) -> AddHeaders | None:
    """Return the change that keeps the header cards of files, which are read.

    Raises
    ------
    IngestError
        If a file has none; such files are listed.
    """
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
            f"{counted(len(rejected), 'file')} {'has' if len(rejected) == 1 else 'have'} no header to keep; nothing was ingested",
            rejected=rejected[:20],
        )
    return headers_change(zip(ids, packed_alike(headers), strict=True))
