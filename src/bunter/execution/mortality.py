"""No worker outlives the process that wants its work."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import threading
from multiprocessing import parent_process

__all__ = ["die_with_parent"]


def die_with_parent() -> None:
    """Arrange that this process is killed as soon as the process that asked for it is gone, however that ends.

    The other end of the sentinel pipe is held by that process alone. Linux itself sends SIGKILL when it closes, even while
    a library holds the interpreter's lock; elsewhere a thread watches it. The fork server between the two is watched by
    Linux as well.
    """
    parent = parent_process()
    if parent is None:
        return
    sentinel: int = parent.sentinel
    if sys.platform == "linux":
        _signal_when_closed(sentinel)
        _signal_when_orphaned()
    if select.select([sentinel], [], [], 0)[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_watch, args=(sentinel,), name="bunter-parent-watch", daemon=True).start()


def _signal_when_closed(sentinel: int) -> None:
    if sys.platform == "linux":
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)


def _signal_when_orphaned() -> None:
    import ctypes

    set_parent_death_signal = 1
    with_kernel = ctypes.CDLL(None, use_errno=True)
    with_kernel.prctl(set_parent_death_signal, signal.SIGKILL)


def _watch(sentinel: int) -> None:
    select.select([sentinel], [], [])
    os.kill(os.getpid(), signal.SIGKILL)
