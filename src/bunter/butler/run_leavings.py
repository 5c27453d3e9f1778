"""What dead writers left in the folders of runs: files that were being written under another name first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter import effects

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunLeaving", "run_leavings"]

_PART = re.compile(r"\.[a-z2-7]{13}\.part")


@dataclass(frozen=True, slots=True)
class RunLeaving:
    """A half-written file.

    Parameters
    ----------
    path : str
        Where it is.
    size : int
        Bytes.
    """

    path: str
    size: int


def run_leavings(runs: Path | None, until_ns: int) -> list[RunLeaving]:
    """Return half-written files below the folder of runs that nobody has written to for a while.

    Parameters
    ----------
    runs : Path or None
        The folder; None where there is none.
    until_ns : int
        Time of the last change from which on a file may still be in work, ns UTC since 1970.
    """
    if runs is None or effects.stat(runs) is None:
        return []
    return [
        RunLeaving(f"{runs}/{name}", found.st_size)
        for name, found in effects.walk(runs)
        if _PART.fullmatch(name.rpartition("/")[2]) and found.st_mtime_ns <= until_ns
    ]
