"""Where an export lies: a folder, or an archive that holds one; nothing outside of it is read."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from bunter import effects
from bunter.butler.transfers.dump_manifest import DUMP_MANIFEST
from bunter.butler.transfers.manifest import MANIFEST
from bunter.datastore import Stat
from bunter.datastore.key import check_key
from bunter.datastore.local_place import local_place
from bunter.datastore.zip_members import ZipMembers
from bunter.errors import ExportFileError, KeyMissingError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.datastore import ArtifactStore
    from bunter.values import ByteRange

__all__ = ["ExportPlace", "FolderFiles", "FolderPlace", "ZipPlace", "place_of"]


class ExportPlace(Protocol):
    """Files of an export."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def below(self, folder: str) -> ArtifactStore:
        """Return its artifacts, by their paths below the folder of artifacts; `BESIDE` is the whole place."""

    def open(self, name: str) -> BinaryIO:
        """Open a file of it; KeyMissingError if there is none."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file of it."""


class FolderPlace:
    """An export in a folder.

    Parameters
    ----------
    root : Path
        The folder.
    outside : bool
        Whether links out of the folder, and absolute paths, are followed.
    """

    def __init__(self, root: Path, *, outside: bool = False) -> None:
        self._root = root
        self._outside = outside
        self.name = str(root)

    def below(self, folder: str) -> ArtifactStore:
        """See `ExportPlace`."""
        return FolderFiles(f"{self._root}/{folder}".rstrip("/"), outside=self._outside)

    def open(self, name: str) -> BinaryIO:
        """See `ExportPlace`."""
        try:
            return io.BufferedReader(io.FileIO(self._root / check_key(name)))
        except FileNotFoundError as exc:
            raise KeyMissingError(f"{self._root / name} is missing; fetch the export again") from exc

    def chunks(self, name: str) -> Iterator[bytes]:
        """See `ExportPlace`."""
        try:
            yield from effects.read_chunks(self._root / check_key(name))
        except FileNotFoundError as exc:
            raise KeyMissingError(f"{self._root / name} is missing; fetch the export again") from exc


class FolderFiles:
    """Files below a folder, for reading; a link that leads out of it is refused.

    Parameters
    ----------
    root : str
        The folder.
    outside : bool
        Whether links out of it, and absolute paths, are followed.
    """

    def __init__(self, root: str, *, outside: bool = False) -> None:
        self._root = root
        self._outside = outside
        self._real = f"{os.path.realpath(root)}/"
        self._inside: set[str] = set()  # folders that are known not to lead out

    def path(self, key: str) -> Path:
        """Return where a file is; ExportFileError if it is not below the folder."""
        return Path(self._text(key))

    def names(self, keys: Sequence[str]) -> list[str]:
        """Return where files are, as `path` does, without an object for each."""
        return [
            text if "//" not in text and "/." not in text and text[-1] != "/" else str(Path(text))
            for text in map(self._text, keys)
        ]

    def _text(self, key: str) -> str:
        if key.startswith("/") and self._outside:
            return key
        try:
            path = f"{self._root}/{check_key(key)}"
        except TemplateError as exc:
            raise ExportFileError(
                f"the export names {key!r}, which is not below its folder; allow_outside=True (--allow-outside) takes such files"
            ) from exc
        if not self._outside and not self._is_inside(path):
            raise ExportFileError(
                f"{path} is a link out of the export; allow_outside=True (--allow-outside) follows such links"
            )
        return path

    def _is_inside(self, path: str) -> bool:
        folder = path.rpartition("/")[0]
        if folder in self._inside and not os.path.islink(path):  # noqa: PTH114 - a text, many times
            return True
        if not os.path.realpath(path).startswith(self._real):
            return False
        if os.path.realpath(folder).startswith(self._real):
            self._inside.add(folder)
        return True

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """See `ArtifactStore`."""
        path = self.path(key)
        try:
            if ranges is None:
                return [effects.read_bytes(path)]
            return [effects.read_range(path, piece.begin, piece.size) for piece in ranges]
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise KeyMissingError(f"{path} is missing; fetch the export again") from exc

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """See `ArtifactStore`."""
        found = [effects.stat(self._text(key)) for key in keys]
        return [None if item is None else Stat(item.st_size, item.st_mtime_ns) for item in found]

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Refuse."""
        return {key: PermissionError(f"{key} is not ours to remove") for key in keys}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """See `ArtifactStore`."""
        for name, found in effects.walk(self._root):
            if name.startswith(prefix):
                yield name, Stat(found.st_size, found.st_mtime_ns)


class ZipPlace:
    """An export in an archive.

    Parameters
    ----------
    members : ZipMembers
        The archive.
    name : str
        What messages call it.
    """

    def __init__(self, members: ZipMembers, name: str) -> None:
        self._members = members
        self.name = name

    def below(self, folder: str) -> ArtifactStore:
        """See `ExportPlace`."""
        return self._members.below(folder) if folder else self._members

    def open(self, name: str) -> BinaryIO:
        """See `ExportPlace`."""
        return io.BytesIO(self._members.read(name)[0])

    def chunks(self, name: str) -> Iterator[bytes]:
        """See `ExportPlace`."""
        return self._members.chunks(name)


def place_of(path: str | Path, *, outside: bool = False) -> ExportPlace:
    """Return the place of an export: a folder, its manifest, or a zip file.

    Raises
    ------
    ExportFileError
        If there is none.
    """
    path = local_place(path, "an export")
    if path.name == MANIFEST and path.is_file():
        path = path.parent
    if (path / MANIFEST).is_file():
        return FolderPlace(path, outside=outside)
    if path.is_file():
        return ZipPlace(ZipMembers.of_file(path), str(path))
    if path.is_dir():
        if (path / DUMP_MANIFEST).is_file():
            raise ExportFileError(
                f"{path} is a dump, not an export; `bunter load {path} REPO` makes a repository of it"
            )
        raise ExportFileError(f"{path} has no {MANIFEST}, so it is no export, or an unfinished one; export once more")
    raise ExportFileError(f"there is no export at {path}")
