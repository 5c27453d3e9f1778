"""Errors of the operating system as sentences that say what to do."""

from __future__ import annotations

import errno

from bunter.errors import ButlerError

__all__ = ["sentence"]

_AGAIN = "then give the same command again"
_FULL = {
    errno.ENOSPC: f"the disk{{where}} is full; free some space, {_AGAIN}",
    errno.EDQUOT: f"your quota of disk space{{where}} is used up; free some, {_AGAIN}",
}
_DENIED = {
    errno.EROFS: "{name} cannot be written, as its disk is mounted read-only; choose another place",
    errno.EACCES: "no permission for {name}; ask its owner, or choose another place",
    errno.EPERM: "no permission for {name}; ask its owner, or choose another place",
}


def sentence(error: Exception) -> str:
    """Say what went wrong: as it says itself if it is ours, else where and what to do next."""
    if isinstance(error, OSError) and not isinstance(error, ButlerError) and error.errno is not None:
        name = error.filename2 or error.filename
        if (full := _FULL.get(error.errno)) is not None:
            return full.format(where="" if name is None else f" that holds {name}")
        if (denied := _DENIED.get(error.errno)) is not None and name is not None:
            return denied.format(name=name)
    return str(error)
