"""Processes that were forked from one that uses an object store, which the library does not survive."""

from __future__ import annotations

import os

from bunter.errors import StoreUnavailableError

__all__ = ["refuse_fork"]

_process: list[int] = []


def refuse_fork() -> None:
    """Raise StoreUnavailableError in a forked child: obstore's threads are not there, and without this it would wait for ever."""
    if not _process:
        _process.append(os.getpid())
    elif _process[0] != os.getpid():
        raise StoreUnavailableError(
            "this process was forked from one that uses an object store already, where the library cannot go on; "
            "start workers by 'spawn' or 'forkserver' (multiprocessing.set_start_method)"
        )
