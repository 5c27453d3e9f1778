"""Sources that are to be removed once a move is committed, kept durably until they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter import effects
from bunter.datastore.notes import Notes

if TYPE_CHECKING:
    from bunter.datastore.store import Staged

__all__ = ["MOVES", "Move"]


@dataclass(frozen=True, slots=True)
class Move:
    """One source to remove: the file that had this inode, size and time when the move was published."""

    key: str
    source: str
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, item: Staged) -> Move:
        """Look at the source of a staged artifact."""
        found = effects.stat(item.source)
        if found is None:
            return cls(item.key, item.source, 0, -1, 0)
        return cls(item.key, item.source, found.st_ino, found.st_size, found.st_mtime_ns)

    def is_unchanged(self) -> bool:
        """Whether the source is still that file; a new one of the same name is not ours to remove."""
        found = effects.stat(self.source)
        seen = None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)
        return seen == (self.inode, self.size, self.modified_ns)


MOVES = Notes("moves", Move, "source", lambda items: [Move.of(item) for item in items])
"""The moves of a publication whose sources go when it is committed."""
