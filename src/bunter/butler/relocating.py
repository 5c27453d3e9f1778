"""To say that files which were ingested where they are lie in another folder now."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter import effects
from bunter.dataset.changes import RelocateFiles
from bunter.errors import IngestError
from bunter.values import counted

if TYPE_CHECKING:
    from pathlib import Path

    from bunter.butler.session import Session

__all__ = ["Relocation", "relocate_files"]


@dataclass(frozen=True, slots=True)
class Relocation:
    """Files whose place is recorded anew.

    Parameters
    ----------
    old, new : str
        Absolute paths of the folders.
    files : int
        How many files there are.
    known : int
        How many were recorded in the new folder before.
    """

    old: str
    new: str
    files: int
    known: int = 0


def relocate_files(session: Session, old: str | Path, new: str | Path, *, dry_run: bool = False) -> Relocation:
    """Record that the files below a folder lie below another one; see `Butler.relocate`."""
    before, after = os.path.abspath(old), os.path.abspath(new)  # noqa: PTH100 - as ingested; links are not followed
    files = session.repository.files_in_place(before)
    if not files:
        known = session.repository.files_in_place(after)
        if not known:
            _refuse(session, before)
        return Relocation(before, after, 0, len(known))
    rejected = [(path, trouble) for path, size in files if (trouble := _trouble(after + path[len(before) :], size))]
    if rejected:
        raise IngestError(
            f"{counted(len(rejected), 'file')} of {len(files)} in {before} are not in {after} as they were recorded; nothing was changed",
            rejected=rejected[:10],
        )
    if not dry_run:
        session.commit([RelocateFiles(before, after)])
    return Relocation(before, after, len(files))


def _trouble(path: str, size: int) -> str:
    """Say what is wrong with a file in its new place; nothing if it is there with its size."""
    stat = effects.stat(path)
    if stat is None:
        return f"there is no {path}"
    return "" if size in {stat.st_size, -1} else f"{path} has {stat.st_size} bytes, not {size}"


def _refuse(session: Session, folder: str) -> None:
    some = session.repository.folders_in_place()
    told = f"such files are in {', '.join(some)}" if some else "there are no such files at all"
    raise IngestError(f"no file was ingested where it is (`--transfer direct`) below {folder}; {told}")
