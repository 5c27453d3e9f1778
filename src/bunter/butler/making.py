"""Folders in which a repository is being made: marked, so that the same command begins anew what was killed."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.config import CONFIG_NAME
from bunter.errors import RepositoryExistsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["making", "refuse_unless_new", "write_configuration"]

_MARK = ".bunter-making"
_LEAVING = re.compile(rf"registry\.sqlite3(\.part)?(-\w+)?|{re.escape(_MARK)}")


def refuse_unless_new(folder: Path) -> None:
    """See that a folder is not there, is empty, or holds only what a making that was killed has left.

    Raises
    ------
    RepositoryExistsError
        If it holds anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise RepositoryExistsError(f"{folder} is a file; choose a folder that is empty or does not exist")
    names = effects.listdir(folder)
    if names and not (_MARK in names and all(map(_LEAVING.fullmatch, names))):
        what = "is a repository already" if CONFIG_NAME in names else "is not empty"
        raise RepositoryExistsError(f"{folder} {what}; choose a folder that is empty or does not exist")


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Mark a folder while a repository is made there; what one that was killed has left is removed before.

    Raises
    ------
    RepositoryExistsError
        If it holds anything else, or another program is making one there.
    """
    refuse_unless_new(folder)
    was_there = folder.is_dir()
    effects.mkdirs(folder)
    held = effects.flock(folder / _MARK, blocking=False)
    if held is None:
        raise RepositoryExistsError(f"another program makes a repository in {folder} now; choose another folder")
    with held:
        try:
            refuse_unless_new(folder)  # another program may have made one since
            _clear(folder)
            yield
        finally:
            if not (folder / CONFIG_NAME).exists():
                _clear(folder)
            effects.unlink(folder / _MARK, missing_ok=True)  # that of another program which came in between
            if not was_there:
                effects.rmdir(folder)  # only if it is empty


def write_configuration(folder: Path, text: str) -> None:
    """Give a folder the file that makes it a repository: the mark becomes it, so that no folder ever has both."""
    with effects.open_append(folder / _MARK) as mark:
        mark.clear()
        mark.append(text.encode())
        mark.sync()
    effects.rename(folder / _MARK, folder / CONFIG_NAME)
    effects.sync_dir(folder)


def _clear(folder: Path) -> None:
    for name in effects.listdir(folder):
        if name != _MARK and _LEAVING.fullmatch(name):
            effects.unlink(folder / name, missing_ok=True)
