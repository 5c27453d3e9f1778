"""Forks while other threads use SQLite: its locks must not be held then, for nobody would release them in the child."""

from __future__ import annotations

import os
import threading
import time

__all__ = ["gate"]

_PATIENCE_S = 1.0
_NAP_S = 2e-4


class ForkGate:
    """Keeps threads from beginning to use SQLite while another one forks, and the fork until those inside are done.

    SQLite guards its memory and each connection by locks of the process. A child that is forked while another thread is
    inside has them locked for ever. A thread that stays inside for long, as one that streams rows, is not waited for
    beyond a second.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._inside: dict[int, int] = {}

    def enter(self) -> None:
        """Begin to use a connection."""
        me = threading.get_ident()
        if count := self._inside.get(me, 0):  # a thread that is inside must not wait for one that waits for it
            self._inside[me] = count + 1
            return
        with self._lock:
            self._inside[me] = 1

    def leave(self) -> None:
        """End the use of a connection."""
        me = threading.get_ident()
        count = self._inside.get(me, 0)
        if count > 1:
            self._inside[me] = count - 1
        else:
            self._inside.pop(me, None)

    def before_fork(self) -> None:
        """Close the gate and wait for the threads inside."""
        self._lock.acquire()
        end = time.monotonic() + _PATIENCE_S
        me = threading.get_ident()
        while any(ident != me for ident in list(self._inside)) and time.monotonic() < end:
            time.sleep(_NAP_S)

    def after_fork_in_parent(self) -> None:
        """Open the gate."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: the other threads are not here."""
        mine = self._inside.get(threading.get_ident(), 0)
        self._reset()
        if mine:
            self._inside[threading.get_ident()] = mine


gate = ForkGate()
"""The gate of this process."""

os.register_at_fork(
    before=gate.before_fork,
    after_in_parent=gate.after_fork_in_parent,
    after_in_child=gate.after_fork_in_child,
)
