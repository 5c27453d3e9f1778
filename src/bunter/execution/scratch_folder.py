"""Folder for what tasks write beside their outputs: empty when a quantum begins, listed and emptied when it ends."""

from __future__ import annotations

import os
import stat
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from bunter import effects
from bunter.datastore.key import escape
from bunter.values import sized

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Left", "Leftovers", "ScratchFolder", "ScratchRoot"]

Leftovers = Literal["drop", "keep", "pack"]
_LISTED = 100
_PREFIX = "bunter-scratch-"
_VARIABLE = "TMPDIR"
_LOCK = "lock"


class Left(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a quantum left in its scratch folder.

    Parameters
    ----------
    files : dict of str to int
        Bytes by path in the folder, of the first hundred.
    count, size : int
        Number and bytes of all files.
    place : str
        Where they are now; empty if they were dropped.
    """

    files: dict[str, int]
    count: int
    size: int
    place: str = ""

    def __str__(self) -> str:
        shown = ", ".join(f"{path} ({sized(size)})" for path, size in self.files.items())
        more = f" and {self.count - len(self.files)} more" if self.count > len(self.files) else ""
        return f"{shown}{more}; {self.place or 'dropped'}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"files": self.files, "count": self.count, "size": self.size, "place": self.place}


class ScratchFolder(msgspec.Struct, frozen=True):
    """The scratch folder of one process, and what becomes of what is left in it.

    Parameters
    ----------
    path : str
        The folder.
    leftovers : str
        ``drop`` removes what is left, ``keep`` moves it to a folder, ``pack`` into a zip file.
    kept : str
        Folder for what is kept.
    """

    path: str
    leftovers: Leftovers = "drop"
    kept: str = ""

    def of(self, worker: int) -> ScratchFolder:
        """Return the folder of one worker below this one."""
        return ScratchFolder(str(Path(self.path, str(worker))), self.leftovers, self.kept)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let `tempfile`, and programs that are started, write there."""
        effects.mkdirs(self.path)
        before, variable = tempfile.tempdir, os.environ.get(_VARIABLE)
        tempfile.tempdir = os.environ[_VARIABLE] = self.path
        try:
            yield
        finally:
            tempfile.tempdir = before
            if variable is None:
                os.environ.pop(_VARIABLE, None)
            else:
                os.environ[_VARIABLE] = variable

    def clear(self, name: str) -> Left | None:
        """Empty the folder; return what was left in it, None if nothing was.

        Parameters
        ----------
        name : str
            Of the quantum and its try, for what is kept.
        """
        if not effects.listdir(self.path):
            return None
        files = {path: found.st_size for path, found in effects.walk(self.path) if stat.S_ISREG(found.st_mode)}
        place = ""
        if files and self.leftovers != "drop":
            try:
                place = self._pack(name, files) if self.leftovers == "pack" else self._keep(name, files)
            except OSError as error:
                place = f"not kept, because of {type(error).__name__}: {error}"
        empty(self.path)
        shown = dict(sorted(files.items())[:_LISTED])
        return Left(shown, len(files), sum(files.values()), place)

    def _keep(self, name: str, files: dict[str, int]) -> str:
        place = Path(self.kept, escape(name))
        for path in files:
            effects.mkdirs((place / path).parent)
            effects.copy_new(Path(self.path, path), place / path, sync=False)
        return str(place)

    def _pack(self, name: str, files: dict[str, int]) -> str:
        place = Path(self.kept, f"{escape(name)}.zip")
        effects.mkdirs(place.parent)
        effects.write_new(place, _zipped(self.path, files), sync=False)
        return str(place)


class _Sink:
    """A stream that cannot seek and gives away what was written to it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def drain(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


def _zipped(folder: str, files: Iterable[str]) -> Iterator[bytes]:
    """Yield a zip file of files in a folder, piece by piece."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(files):
            with packed.open(path, "w", force_zip64=True) as member:
                for chunk in effects.read_chunks(Path(folder, path)):
                    member.write(chunk)
                    yield from sink.drain()
    yield from sink.drain()


def empty(folder: str | Path) -> None:
    """Remove all that is in a folder, links but not what they lead to."""
    effects.chmod(folder, stat.S_IRWXU)
    for name in effects.listdir(folder):
        path = Path(folder, name)
        if path.is_dir() and not path.is_symlink():
            empty(path)
            effects.rmdir(path)
        else:
            effects.unlink(path, missing_ok=True)


class ScratchRoot:
    """The scratch folders of the processes of one run, on this machine; close it, or use it as a context.

    What runs have left here that are dead is removed when the next one begins.

    Parameters
    ----------
    leftovers : str
        See `ScratchFolder`.
    kept : Path
        Folder for what is kept.
    """

    def __init__(self, leftovers: Leftovers, kept: Path) -> None:
        place = Path(tempfile.gettempdir())
        _sweep(place)
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getuid()}-", dir=place))
        self._lease = effects.flock(self.path / _LOCK)
        self.folder = ScratchFolder(str(self.path), leftovers, str(kept))

    def close(self) -> None:
        """Remove all of them."""
        empty(self.path)
        effects.rmdir(self.path)
        if self._lease is not None:
            self._lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _sweep(place: Path) -> None:
    """Remove what dead runs of this user have left: nobody holds their locks."""
    for name in effects.listdir(place):
        if not name.startswith(f"{_PREFIX}{os.getuid()}-"):
            continue
        lock = place / name / _LOCK
        lease = effects.flock(lock, blocking=False, create=False) if effects.stat(lock) is not None else None
        if lease is not None:
            with lease:
                empty(place / name)
                effects.rmdir(place / name)
