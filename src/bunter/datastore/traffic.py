"""How much of an artifact was read to get a piece of it, for who wants to know."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Traffic", "note_ranges", "watched"]


@dataclass(slots=True)
class Traffic:
    """What was read in ranges: bytes, ranges, and the size of the artifacts that these were taken from."""

    moved: int = 0
    ranges: int = 0
    whole: int = 0


_watching: ContextVar[Traffic | None] = ContextVar("traffic", default=None)


@contextmanager
def watched() -> Iterator[Traffic]:
    """Count what this thread or task reads in ranges within the block."""
    traffic = Traffic()
    token = _watching.set(traffic)
    try:
        yield traffic
    finally:
        _watching.reset(token)


def note_ranges(moved: int = 0, ranges: int = 0, *, whole: int = 0) -> None:
    """Count ranges that were read, or an artifact of which some will be."""
    if (traffic := _watching.get()) is not None:
        traffic.moved += moved
        traffic.ranges += ranges
        traffic.whole += whole
