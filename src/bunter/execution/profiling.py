"""Where the time of a quantum goes."""

from __future__ import annotations

import cProfile
import pstats
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["profiled"]


@contextmanager
def profiled(path: Path, *, shown: int = 0) -> Iterator[None]:
    """Measure every call while it is entered.

    Parameters
    ----------
    path : Path
        Gets the measurements, for `pstats`, in place of what was there.
    shown : int, optional
        Number of functions to print on standard error, those first that took longest with what they called.
    """
    import marshal

    profile = cProfile.Profile()
    try:
        with profile:
            yield
    finally:
        profile.create_stats()
        effects.unlink(path, missing_ok=True)
        effects.write_new(path, marshal.dumps(profile.stats), sync=False)
        if shown:
            pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(shown)
