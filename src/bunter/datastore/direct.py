"""Files that stay where their owner keeps them: read by absolute path, never written, never removed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.key import is_direct
from bunter.datastore.store import Stat
from bunter.errors import KeyMissingError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.values import ByteRange

__all__ = ["DirectFiles"]

_MISSING = (FileNotFoundError, NotADirectoryError)


class DirectFiles:
    """The read side of a store, over absolute paths."""

    def path(self, key: str) -> Path:
        """Return the path itself."""
        if not is_direct(key):
            raise TemplateError(f"{key!r} is not an absolute path")
        return Path(key)

    def names(self, keys: Sequence[str]) -> list[str]:
        """Return the paths themselves."""
        if wrong := next((key for key in keys if not is_direct(key)), None):
            raise TemplateError(f"{wrong!r} is not an absolute path")
        return list(keys)

    def read(self, key: str, ranges: Sequence[ByteRange] | None = None) -> list[bytes]:
        """Return the whole file or ranges of it."""
        self.path(key)
        try:
            if ranges is None:
                return [effects.read_bytes(key)]
            return [effects.read_range(key, piece.begin, piece.size) for piece in ranges]
        except _MISSING as exc:
            raise KeyMissingError(
                f"{key} was ingested where it is, and is gone from there; put it back, or `bunter relocate` to its new folder"
            ) from exc

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """Size and time of each file."""
        found = [effects.stat(key) for key in keys]
        return [None if item is None else Stat(item.st_size, item.st_mtime_ns) for item in found]

    def delete_many(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Refuse: these files are not ours."""
        return {key: PermissionError(f"{key} is not ours to remove") for key in keys}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:  # noqa: ARG002 - part of the protocol
        """Nothing: what is not ours is not listed."""
        return iter(())
