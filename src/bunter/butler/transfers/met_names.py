"""Which names go with which artifacts, as digests: 24 bytes for each, whatever their number."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MetNames"]


class MetNames:
    """Tells what may be doubtful about the names of many artifacts; who doubts looks at the names themselves.

    Two names have one digest once in 10^8 times that a million are looked at: so what is found here is where to look, and no
    verdict.
    """

    def __init__(self) -> None:
        self._names, self._places, self._sizes = array("Q"), array("Q"), array("q")
        self._known: Any = None
        self._repeated: Any = None

    def add(self, names: Iterable[str], places: Iterable[Sequence[str]], sizes: Iterable[int]) -> None:
        """Meet artifacts: the name that each would get, where it is, and its bytes."""
        self._names.extend(map(_digest, names))
        self._places.extend(map(_digest_of_place, places))
        self._sizes.extend(sizes)

    def settle(self) -> tuple[set[int], set[int]]:
        """Look through all: return digests of names that several artifacts would get, and of artifacts with several names."""
        import numpy as np

        names, places = np.array(self._names, np.uint64), np.array(self._places, np.uint64)
        self._known, counts = np.unique(places, return_counts=True)
        self._repeated = self._known[counts > 1]
        found = _several(names, places), _several(places, names)
        del self._names[:]
        return found

    def total(self) -> tuple[int, int]:
        """Return how many artifacts there are, and their bytes; after `settle`."""
        import numpy as np

        _, first = np.unique(np.array(self._places, np.uint64), return_index=True)
        found = len(first), int(np.array(self._sizes, np.int64)[first].sum())
        del self._places[:], self._sizes[:]
        return found

    def are_known(self, places: Sequence[Sequence[str]]) -> list[bool]:
        """Say which artifacts have been met."""
        return _within(self._known, places)

    def are_repeated(self, places: Sequence[Sequence[str]]) -> list[bool]:
        """Say which artifacts may have been met several times."""
        return _within(self._repeated, places)

    def is_among(self, names: set[int], name: str) -> bool:
        """Say whether a name has one of some digests."""
        return _digest(name) in names

    def place_is_among(self, places: set[int], place: Sequence[str]) -> bool:
        """Say whether an artifact's place has one of some digests."""
        return _digest_of_place(place) in places


def _digest(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def _digest_of_place(place: Sequence[str]) -> int:
    return _digest("\n".join(place))


def _several(keys: Any, values: Any) -> set[int]:
    """Return the keys that come with different values."""
    import numpy as np

    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    differ = (keys[1:] == keys[:-1]) & (values[1:] != values[:-1])
    return set(keys[1:][differ].tolist())


def _within(known: Any, places: Sequence[Sequence[str]]) -> list[bool]:
    import numpy as np

    wanted = np.fromiter(map(_digest_of_place, places), np.uint64, len(places))
    found: list[bool] = np.isin(wanted, known).tolist() if len(known) else [False] * len(places)
    return found
