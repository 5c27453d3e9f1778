"""The queue of writers: first come, first served, among threads and processes."""

from __future__ import annotations

import fcntl
import os
import struct
from collections import deque
from typing import TYPE_CHECKING

from bunter import effects
from bunter.errors import DatabaseBusyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

_NUMBER = struct.Struct("<q")
_LOCK = struct.Struct("hhqqi4x")
_HEADER, _PLACES = 0, 4096
# Elsewhere the file has one lock, without order among those who wait.
_NUMBERED = hasattr(fcntl, "F_OFD_SETLK")
_SERVING = 8  # offset in the file of the number whose turn it is
_BOTH = struct.Struct("<qq")  # the number drawn last, and the one that is served
_HEADER_TAKEN = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _HEADER, 1, 0)
_HEADER_FREE = _LOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, _HEADER, 1, 0)
_ALL_FREE = _LOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0)
_NAP_S, _LONGEST_NAP_S = 2e-5, 1e-2


class Turnstile:
    """A queue in a lock file: whoever comes draws the next number and waits for the one before.

    SQLite's own waiting is a sleep of random length, so a busy neighbour can keep a writer out for many seconds. Here a
    writer locks the byte of its number and passes once the byte before is free. Open-file-description locks are freed
    by the kernel when a process dies, so a dead writer blocks nobody. Should a writer die while it waits, its follower
    passes early; the database's own lock still keeps them apart.

    Parameters
    ----------
    path : str
        The lock file; made when first needed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._free: deque[int] = deque()
        self._all: set[int] = set()

    def passage(self, limit_s: float) -> AbstractContextManager[None]:
        """Wait for one's turn and hold it for the block.

        Parameters
        ----------
        limit_s : float
            Longest wait in seconds.

        Raises
        ------
        DatabaseBusyError
            If the turn has not come by then.
        """
        return _Passage(self._enter, self._release, limit_s)

    def _enter(self, limit_s: float) -> int:
        descriptor = self._take()
        try:
            if _NUMBERED:
                place, is_served = _draw(descriptor)
                if not is_served:
                    self._wait(_try_lock, descriptor, place - 1, limit_s)
                    os.pwrite(descriptor, _NUMBER.pack(place), _SERVING)
            else:
                self._wait(_try_whole, descriptor, 0, limit_s)
        except BaseException:
            self._release(descriptor)
            raise
        return descriptor

    def _take(self) -> int:
        try:
            return self._free.pop()
        except IndexError:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            effects.open_to_group(self.path, descriptor)
            self._all.add(descriptor)
            return descriptor

    def _release(self, descriptor: int) -> None:
        if descriptor not in self._all:  # we are a forked child, the lock is the parent's
            return
        if _NUMBERED:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _ALL_FREE)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        self._free.append(descriptor)

    def _wait(self, take: Callable[[int, int], bool], descriptor: int, place: int, limit_s: float) -> None:
        begin = 0.0
        while not take(descriptor, place):
            now = effects.monotonic()
            begin = begin or now
            if now > begin + limit_s:
                raise DatabaseBusyError(
                    f"waited {limit_s:g} s for other writers of {self.path.removesuffix('-queue')}; "
                    "see whether one of them hangs, or raise the time limit"
                )
            effects.sleep(_nap_s(_ahead(descriptor, place), now - begin))

    def abandon(self) -> None:
        """Close the files in a forked child, which shares them with its parent."""
        for descriptor in self._all:
            os.close(descriptor)
        self._all, self._free = set(), deque()

    close = abandon


class _Passage:
    """A turn that is held for a block."""

    __slots__ = ("_descriptor", "_limit_s", "_release", "_wait")

    def __init__(self, wait: Callable[[float], int], release: Callable[[int], None], limit_s: float) -> None:
        self._wait, self._release, self._limit_s = wait, release, limit_s

    def __enter__(self) -> None:
        self._descriptor = self._wait(self._limit_s)

    def __exit__(self, *_: object) -> None:
        self._release(self._descriptor)


def _draw(descriptor: int) -> tuple[int, bool]:
    """Draw the next number and lock its byte; with that of the one before, and so served at once, if nobody has it."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _HEADER_TAKEN)
    try:
        place = max(_PLACES, _read_number(descriptor, 0)) + 1
        is_served = _try_lock(descriptor, place - 1, 2)
        if is_served:
            os.pwrite(descriptor, _BOTH.pack(place, place), 0)
        else:
            os.pwrite(descriptor, _NUMBER.pack(place), 0)
            _lock(descriptor, fcntl.F_WRLCK, place)
    finally:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _HEADER_FREE)
    return place, is_served


def _ahead(descriptor: int, place: int) -> int:
    """Count those between us and whoever's turn it is."""
    return max(0, place - _read_number(descriptor, _SERVING))


def _read_number(descriptor: int, offset: int) -> int:
    packed = os.pread(descriptor, _NUMBER.size, offset)
    return _NUMBER.unpack(packed)[0] if len(packed) == _NUMBER.size else 0


def _nap_s(ahead: int, waited_s: float) -> float:
    """Look often when next in line, seldom from far behind or when the one in front takes its time."""
    return min(_LONGEST_NAP_S, max(_NAP_S * (1 + 10 * ahead), waited_s / 50))


def _try_lock(descriptor: int, offset: int, length: int = 1) -> bool:
    try:
        _lock(descriptor, fcntl.F_WRLCK, offset, length)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _lock(descriptor: int, kind: int, offset: int, length: int = 1) -> None:
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, offset, length, 0))


def _try_whole(descriptor: int, _place: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
