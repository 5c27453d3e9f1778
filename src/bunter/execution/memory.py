"""Memory of processes as the kernel tells it: what there is, what a worker and its children hold, what was killed for want."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["allowed", "kernel_kills", "resident", "total"]

_PAGE = resource.getpagesize()
_SLACK = 256 << 20  # libraries reserve more than they touch; what is touched is watched from outside
_ENDLESS = 1 << 60
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CGROUP_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control", "/proc/vmstat")


def _read(path: str) -> str:
    try:
        return effects.read_bytes(path).decode("ascii", "replace")
    except OSError:
        return ""


def total() -> int | None:
    """Memory that this machine, or the container we are in, has in bytes; None where nobody says."""
    found = [int(text) for path in _CGROUP_LIMITS if (text := _read(path).strip()).isdigit() and int(text) < _ENDLESS]
    with suppress(ValueError, OSError):
        found.append(os.sysconf("SC_PHYS_PAGES") * _PAGE)
    return min(found, default=None)


def kernel_kills() -> int:
    """How many processes the kernel has killed here because memory ran out, as far as it says."""
    lines = [line.split() for path in _CGROUP_EVENTS for line in _read(path).splitlines()]
    return sum(int(words[1]) for words in lines if len(words) == 2 and words[0] == "oom_kill" and words[1].isdigit())


def resident(process: int) -> int:
    """Resident memory of a process and of all it has started, in bytes; 0 if it is gone or nobody says."""
    size, stack = 0, [process]
    while stack:
        number = stack.pop()
        words = _read(f"/proc/{number}/statm").split()
        size += int(words[1]) * _PAGE if len(words) > 1 else 0
        stack += map(int, _read(f"/proc/{number}/task/{number}/children").split())
    return size


@contextmanager
def allowed(memory: int) -> Iterator[None]:
    """Let this process allocate only so many bytes, and some more: a task that wants too much gets a MemoryError.

    What it really uses is watched from outside, because a kernel counts promises and not pages here. 0 is no limit.
    """
    if not memory:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = memory + max(_SLACK, memory // 4)
    ceiling = wanted if before[1] == resource.RLIM_INFINITY else min(wanted, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
