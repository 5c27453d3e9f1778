"""What was seen of a file at one look, as small as many of them need."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bunter import effects

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Look"]


class Look(NamedTuple):
    """The few facts of a file that bringing it in needs, under the names of `os.stat_result`, which takes three times the memory."""

    st_mode: int
    st_ino: int
    st_dev: int
    st_nlink: int
    st_uid: int
    st_size: int
    st_mtime_ns: int

    @classmethod
    def at(cls, path: str | Path) -> Look | None:
        """Look at a file, following links; None where there is none."""
        found = effects.stat(path)
        if found is None:
            return None
        return cls(
            found.st_mode,
            found.st_ino,
            found.st_dev,
            found.st_nlink,
            found.st_uid,
            found.st_size,
            found.st_mtime_ns,
        )
