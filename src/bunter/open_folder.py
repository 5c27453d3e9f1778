"""A directory that is held open: many names are made and removed in it without its path being walked for each.

Every call is an effect as those of `bunter.effects` are, is told to the same hook and counted as a step.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Self

from bunter import effects

if TYPE_CHECKING:
    from ctypes import CDLL
    from types import TracebackType

__all__ = ["OpenFolder", "reports_lost_writes", "sync_file_system"]

_TO_USE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""Names in a directory may be made and removed by those who may not list it."""

_REPORTS_SINCE = (5, 8)


class OpenFolder:
    """An open directory; close it or use it as a context. Errors name paths, as if these had been given.

    Parameters
    ----------
    path : str
        The directory, which must exist.
    """

    __slots__ = ("_descriptor", "_prefix", "path")

    def __init__(self, path: str) -> None:
        self.path, self._prefix = path, f"{path}/"
        self._descriptor = os.open(path, _TO_USE)

    def link(self, source: str, name: str) -> None:
        """Give a file, or the file that a symbolic link leads to, another name here; FileExistsError if it is taken."""
        effects.step("link", self._prefix + name)
        try:
            os.link(source, name, dst_dir_fd=self._descriptor)
        except OSError as exc:
            exc.filename2 = self._prefix + name
            raise

    def link_from(self, folder: OpenFolder, name: str) -> None:
        """Give a file or symbolic link of another directory the same name here; FileExistsError if it is taken."""
        effects.step("link", self._prefix + name)
        try:
            os.link(name, name, src_dir_fd=folder._descriptor, dst_dir_fd=self._descriptor, follow_symlinks=False)
        except OSError as exc:
            exc.filename, exc.filename2 = folder._prefix + name, self._prefix + name
            raise

    def symlink(self, text: str, name: str) -> None:
        """Make a symbolic link; FileExistsError if the name is taken."""
        effects.step("symlink", self._prefix + name)
        try:
            os.symlink(text, name, dir_fd=self._descriptor)
        except OSError as exc:
            exc.filename2 = self._prefix + name
            raise

    def write_new(self, name: str, content: bytes) -> None:
        """Create a file with a content, which is not synced; FileExistsError if there is one. After an error it is as far as it came."""
        effects.step("write_new", path := self._prefix + name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = -1
        try:
            descriptor = os.open(name, flags, 0o666, dir_fd=self._descriptor)
            effects.open_to_group(path, descriptor)
            written = os.write(descriptor, content)
            while written < len(content):
                written += os.write(descriptor, memoryview(content)[written:])
        except OSError as exc:
            exc.filename = path
            raise
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def rename_new(self, name: str, new: str) -> None:
        """Give a file of the directory another name, and take its old one; FileExistsError if the new one is taken."""
        effects.step("link", self._prefix + new)
        os.link(name, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        self.unlink(name)

    def unlink(self, name: str) -> None:
        """Remove a name; one that is not there is no error."""
        effects.step("unlink", self._prefix + name)
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return
        except OSError as exc:
            exc.filename = self._prefix + name
            raise

    def close(self) -> None:
        """Close the directory."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def sync_file_system(path: str) -> None:
    """Put everything on stable storage that was written so far to the file system of a directory, by anybody.

    That promises what a sync of each file and each directory promises, see `reports_lost_writes`.
    """
    effects.step("sync_file_system", path)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _c_library().syncfs(descriptor):
            from ctypes import get_errno

            number = get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)


@cache
def reports_lost_writes() -> bool:
    """Whether this kernel can sync a whole file system and tells if something could not be written: Linux since 5.8."""
    found = os.uname()
    numbers = found.release.split(".")
    if found.sysname != "Linux" or not all(each.isdigit() for each in numbers[:2]):
        return False
    return tuple(map(int, numbers[:2])) >= _REPORTS_SINCE and hasattr(_c_library(), "syncfs")


@cache
def _c_library() -> CDLL:
    from ctypes import CDLL

    return CDLL(None, use_errno=True)
