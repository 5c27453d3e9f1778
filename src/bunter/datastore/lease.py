"""Owners of staging areas: alive as long as their process holds a lock."""

from __future__ import annotations

import os
import secrets
import socket
from typing import TYPE_CHECKING

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LOCK_SUFFIX", "OwnerLease", "dead_owners", "is_alive"]

LOCK_SUFFIX = ".lock"


def _new_name() -> str:
    host = "".join(char for char in socket.gethostname() if char.isalnum() or char == "-")[:40]
    return f"{host}-{os.getpid()}-{secrets.token_hex(6)}"


class OwnerLease:
    """The life of one owner: a locked file ``<owner>.lock`` in the staging directory.

    Parameters
    ----------
    stage_root : str
        Directory of all staging areas; made if missing.
    """

    def __init__(self, stage_root: str) -> None:
        effects.mkdirs(stage_root)
        self._stage_root = stage_root
        self.process = os.getpid()
        self.owner, self._lock = self._take()

    def _take(self) -> tuple[str, effects.Lease]:
        while True:  # a sweep may take the file between its creation and its lock: then another name is drawn
            owner = _new_name()
            path = f"{self._stage_root}/{owner}{LOCK_SUFFIX}"
            lock = effects.flock(path, blocking=False)
            if lock is not None and _is_same_file(lock, path):
                return owner, lock
            if lock is not None:
                lock.close()

    def end(self) -> None:
        """Give the owner up; its lock file goes only if its staging area is gone."""
        if self.process == os.getpid() and effects.stat(f"{self._stage_root}/{self.owner}") is None:
            effects.unlink(self._lock.path, missing_ok=True)
        self._lock.close()


def _is_same_file(lock: effects.Lease, path: str) -> bool:
    found = effects.stat(path)
    return found is not None and found.st_ino == os.fstat(lock.fileno()).st_ino


def dead_owners(stage_root: str) -> Iterator[str]:
    """Name the owners whose process is gone, each while we hold its lock; the lock file is removed afterwards."""
    names = effects.listdir(stage_root)
    owners = {name.removesuffix(LOCK_SUFFIX) for name in names if name.endswith(LOCK_SUFFIX)} | set(names)
    for owner in sorted(name for name in owners if not name.endswith(LOCK_SUFFIX)):
        path = f"{stage_root}/{owner}{LOCK_SUFFIX}"
        lock = effects.flock(path, blocking=False)
        if lock is None:
            continue
        with lock:
            if _is_same_file(lock, path):
                yield owner
                effects.unlink(path, missing_ok=True)


def is_alive(stage_root: str, owner: str) -> bool:
    """Whether the owner's process lives; also true where that cannot be told."""
    try:
        lock = effects.flock(f"{stage_root}/{owner}{LOCK_SUFFIX}", exclusive=False, blocking=False, create=False)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    if lock is None:
        return True
    lock.close()
    return False
