"""Datasets of earlier runs that stand for those of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bunter.graph.keys import Array

__all__ = ["Reused"]


@dataclass(frozen=True, slots=True, eq=False)
class Reused:
    """For the datasets of one type that this graph would make: those that earlier runs have made.

    Parameters
    ----------
    ids : array
        ``(n, 16) uint8``, one row per dataset.
    run : array
        Place of each one's run in ``runs``.
    present, gone : array of bool
        Whether there is one; whether there was one that the repository no longer has.
    runs : tuple of str
        Names of runs.
    """

    ids: Array
    run: Array
    present: Array
    gone: Array
    runs: tuple[str, ...]
