"""A disk that is full is said with its place, and what becomes of the run."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bunter import effects
from bunter.errors import RunError
from bunter.values import sized

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["saying_full"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def saying_full(place: Path) -> Iterator[None]:
    """Turn the error of a disk that is full into a sentence that names it.

    Parameters
    ----------
    place : Path
        A folder that is written.

    Raises
    ------
    RunError
        If a disk, or the user's quota of it, is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = effects.free_bytes(place) if effects.stat(place) is not None else None
        there = f"{place} has {sized(free)} left" if free is not None else f"{place} was written"
        raise RunError(
            f"a disk is full ({error.strerror}; {there}); what has been committed stays, so make room and give the same command again"
        ) from error
