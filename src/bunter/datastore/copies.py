"""Files copied many at a time: small ones are read and written by one call each, into folders that are held open."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bunter import effects
from bunter.open_folder import OpenFolder
from bunter.values import Digesting, Digests, quick_digest
from bunter.values.rows import instances

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Copies"]


class Copies:
    """Copies files to new ones, which are not synced, and keeps what was seen of each on the way.

    Parameters
    ----------
    enter : callable
        Makes a folder if need be, and refuses one that is not to be written to; looks anew if told so.

    Attributes
    ----------
    made : list of str
        The new files so far.
    sizes : list of int
        Bytes of each.
    """

    def __init__(self, enter: Callable[[str, bool], object]) -> None:
        self._enter = enter
        self._folder: OpenFolder | None = None
        self.made: list[str] = []
        self.sizes: list[int] = []
        self._sha256: list[bytes] = []
        self._xxh3: list[bytes] = []

    @property
    def digests(self) -> list[Digests]:
        """Digests of each."""
        return instances(Digests, len(self.made), sha256=self._sha256, xxh3=self._xxh3)

    def copy(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        """Copy each file; after an error no copy is left.

        Raises
        ------
        FileExistsError
            If a target is there, by its path; it stays as it was.
        FileNotFoundError
            If a source is not there, by its path.
        """
        try:
            for source, target in zip(sources, targets, strict=True):
                content = effects.read_small(source)
                folder = self._of(target)
                if content is None:
                    self._copy_in_pieces(source, target)
                else:
                    self._write(folder, target, content)
        except BaseException:
            for path in self.made:
                effects.unlink(path, missing_ok=True)
            raise
        finally:
            self._close()

    def _write(self, folder: OpenFolder, target: str, content: bytes) -> None:
        name = target.rpartition("/")[2]
        try:
            folder.write_new(name, content)
        except FileExistsError:
            raise
        except BaseException:
            folder.unlink(name)
            raise
        self._note(target, len(content), hashlib.sha256(content).digest(), quick_digest(content))

    def _copy_in_pieces(self, source: str, target: str) -> None:
        """Copy a file that is empty, or large."""
        digesting = Digesting()
        effects.write_new(target, digesting.tee(effects.read_chunks(source)), sync=False)
        digests = digesting.digests()
        self._note(target, digesting.size, digests.sha256, digests.xxh3)

    def _note(self, target: str, size: int, sha256: bytes, xxh3: bytes) -> None:
        self.made.append(target)
        self.sizes.append(size)
        self._sha256.append(sha256)
        self._xxh3.append(xxh3)

    def _of(self, target: str) -> OpenFolder:
        """Return the folder of a file, which most often is that of the file before."""
        path = target.rpartition("/")[0]
        if self._folder is None or self._folder.path != path:
            self._close()
            self._enter(path, False)
            try:
                self._folder = OpenFolder(path)
            except FileNotFoundError:  # it may just have been removed as empty: then once more
                self._enter(path, True)
                self._folder = OpenFolder(path)
        return self._folder

    def _close(self) -> None:
        if self._folder is not None:
            self._folder.close()
            self._folder = None
