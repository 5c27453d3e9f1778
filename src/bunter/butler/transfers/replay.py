"""What is read more than once, kept from the first time where it is little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Replay"]

T = TypeVar("T")


class Replay(Generic[T]):
    """Items that are read anew each time, or kept from the first time if there are few: a small table takes longer to open than to keep.

    Parameters
    ----------
    read : callable
        Reads the items.
    weigh : callable
        Returns how many rows an item has.
    limit : int
        How many rows are kept at most; with more, none are.
    """

    def __init__(self, read: Callable[[], Iterator[T]], weigh: Callable[[T], int], limit: int) -> None:
        self._read, self._weigh, self._limit = read, weigh, limit
        self._kept: list[T] | None = None

    def __iter__(self) -> Iterator[T]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[T] = []
        room = self._limit
        for item in self._read():
            room -= self._weigh(item)
            if room >= 0:
                kept.append(item)
            else:
                kept.clear()
            yield item
        if room >= 0:
            self._kept = kept
