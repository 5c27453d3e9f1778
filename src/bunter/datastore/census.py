"""What a store has, in 17 bytes for each artifact: enough to tell what is recorded and there, and what is there and not recorded."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.datastore.store import Stat

__all__ = ["Census"]


class Census:
    """Keys and sizes of one walk through a store; keys are known by 64 bits of their digest.

    Two keys of a million are the same here with a probability of 3e-8; a lost artifact would then be overlooked.

    Parameters
    ----------
    walk : iterable of (str, Stat)
        What the store lists.
    """

    def __init__(self, walk: Iterable[tuple[str, Stat]]) -> None:
        import numpy as np

        marks, sizes = array("Q"), array("q")
        for key, stat in walk:
            marks.append(_mark(key))
            sizes.append(stat.size)
        found = np.frombuffer(marks, np.uint64) if marks else np.zeros(0, np.uint64)
        order = np.argsort(found)
        self._marks = found[order]
        self._sizes = (np.frombuffer(sizes, np.int64) if sizes else np.zeros(0, np.int64))[order]
        self._is_known = np.zeros(len(order), bool)

    def __len__(self) -> int:
        return len(self._marks)

    def sizes(self, keys: Sequence[str]) -> list[int]:
        """Return the size of each artifact, -1 where there is none; those asked for are known from now on."""
        import numpy as np

        if not len(self._marks):
            return [-1] * len(keys)
        asked = np.array([_mark(key) for key in keys], np.uint64)
        places = np.minimum(np.searchsorted(self._marks, asked), len(self._marks) - 1)
        is_there = self._marks[places] == asked
        self._is_known[places[is_there]] = True
        sizes: list[int] = np.where(is_there, self._sizes[places], -1).tolist()
        return sizes

    def strange(self, walk: Iterable[tuple[str, Stat]]) -> Iterator[str]:
        """Yield the keys that nobody asked for, out of another walk; that is taken only if there are any."""
        if self._is_known.all():
            return
        unknown = set(self._marks[~self._is_known].tolist())
        for key, _ in walk:
            if _mark(key) in unknown:
                yield key


def _mark(key: str) -> int:
    mark: int = xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass"))
    return mark
