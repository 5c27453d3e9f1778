"""Sources that are to be removed once a move is committed, kept durably until they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.datastore.store import Staged

__all__ = ["Move", "MoveList"]

_PREFIX = ".moves-"


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


class MoveList:
    """The file ``.moves-...`` in an owner's staging area: one line for each move of a publication."""

    @staticmethod
    def write(stage_root: str, staged: Sequence[Staged], *, sync: bool) -> None:
        """Write down the moves among ``staged``, before they are committed."""
        moves = [item for item in staged if item.source]
        if not moves:
            return
        path = _path(stage_root, moves)
        effects.unlink(path, missing_ok=True)
        lines = [json.dumps([m.key, m.source, m.inode, m.size, m.modified_ns]) for m in map(Move.of, moves)]
        effects.write_new(path, ("\n".join(lines) + "\n").encode(), sync=sync)
        if sync:
            effects.sync_dir(path.rpartition("/")[0])

    @staticmethod
    def forget(stage_root: str, staged: Sequence[Staged]) -> None:
        """Remove the file that `write` made for the same artifacts."""
        moves = [item for item in staged if item.source]
        if moves:
            effects.unlink(_path(stage_root, moves), missing_ok=True)

    @staticmethod
    def is_list(name: str) -> bool:
        """Whether a path below an owner's staging directory is such a file and no staged key."""
        return name.startswith(_PREFIX)

    @staticmethod
    def read(path: str) -> list[Move]:
        """Return the moves; a last line cut short by a crash is left out, as nothing was committed by then."""
        return [Move(*json.loads(line)) for line in effects.read_bytes(path).split(b"\n")[:-1]]


def _path(stage_root: str, moves: Sequence[Staged]) -> str:
    name = hashlib.sha256("\n".join(item.key for item in moves).encode()).hexdigest()[:16]
    return f"{stage_root}/{moves[0].owner}/{_PREFIX}{name}"
