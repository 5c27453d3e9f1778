"""Files on stable storage: each by itself, or a whole file system at once where many were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter import effects
from bunter.open_folder import reports_lost_writes

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["can_sync_at_once", "sync_files"]

_SYNCERS = 8
_MANY = 200
"""From so many files on, one sync of all that is unwritten there costs less than theirs, whoever else is writing."""

_WHOLE = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs"})
"""File systems of this machine, of which it is known that a sync of the whole waits for the disk as that of a file does."""


def can_sync_at_once(root: str, files: int) -> bool:
    """Whether so many files, and the directories that their names are in, are best synced with their file system."""
    if files < _MANY or not reports_lost_writes():
        return False
    from bunter.database.filesystem import file_system

    return file_system(root) in _WHOLE


def sync_files(paths: Sequence[str]) -> None:
    """Sync files; several at once, as a journaling file system then shares its commits among them."""
    if len(paths) < _SYNCERS:
        _sync_each(paths)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_SYNCERS) as pool:
        list(pool.map(_sync_each, [paths[part::_SYNCERS] for part in range(_SYNCERS)]))


def _sync_each(paths: Sequence[str]) -> None:
    for path in paths:
        effects.sync_file(path)
