"""Objects that a worker has made and keeps at hand for the quantum that reads them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Held", "Shelf", "weight"]

_MOST_PARTS = 100_000


@dataclass(frozen=True, slots=True)
class Held:
    """An object at hand.

    Parameters
    ----------
    obj : object
        It.
    size : int
        About how many bytes it takes.
    is_bound : bool
        Whether it was written nowhere.
    """

    obj: Any
    size: int
    is_bound: bool


class Shelf:
    """Room for objects, by row of the dataset in the graph.

    What was written somewhere makes room for what is newer; what was not stays until it is taken down.

    Parameters
    ----------
    room : int
        Bytes for all of them; 0 keeps nothing.
    """

    def __init__(self, room: int = 0) -> None:
        self._room, self._used = room, 0
        self._held: dict[int, Held] = {}

    def __contains__(self, row: int) -> bool:
        return row in self._held

    def get(self, row: int) -> Held:
        """Return what is kept for a dataset; KeyError if nothing is."""
        return self._held[row]

    def fits(self, sizes: Iterable[int]) -> bool:
        """Whether objects of these sizes can be kept as well."""
        bound = sum(one.size for one in self._held.values() if one.is_bound)
        return bound + sum(sizes) <= self._room

    def put(self, row: int, held: Held) -> bool:
        """Keep an object if there is room, and say whether it is kept; what is bound must fit."""
        self.drop([row])
        oldest = [one for one, each in self._held.items() if not each.is_bound]
        while self._used + held.size > self._room and oldest:
            self.drop([oldest.pop(0)])
        if self._used + held.size > self._room and not held.is_bound:
            return False
        self._held[row] = held
        self._used += held.size
        return True

    def drop(self, rows: Iterable[int]) -> None:
        """Forget objects, where they are kept."""
        for row in rows:
            gone = self._held.pop(row, None)
            self._used -= 0 if gone is None else gone.size


def weight(obj: Any) -> int | None:
    """Estimate the bytes that an object takes with all it consists of; None if it has too many parts to tell soon."""
    total, stack, seen = 0, [obj], set[int]()
    while stack:
        if len(seen) > _MOST_PARTS:
            return None
        one = stack.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        total += _own(one)
        stack += _parts(one)
    return total


def _own(obj: Any) -> int:
    """Bytes of an object itself: of an array or table, all it holds."""
    size = getattr(obj, "nbytes", None)
    if isinstance(size, int):
        return size
    usage = getattr(obj, "memory_usage", None)
    if callable(usage) and type(obj).__module__.startswith("pandas"):
        found = usage(deep=True)
        return int(found if isinstance(found, int) else found.sum())
    return sys.getsizeof(obj, 64)


def _parts(obj: Any) -> list[Any]:
    if isinstance(obj, str | bytes | bytearray | int | float | complex) or obj is None:
        return []
    if isinstance(obj, Mapping):
        return [*obj.keys(), *obj.values()]
    if isinstance(obj, list | tuple | set | frozenset):
        return list(obj)
    if type(obj).__module__.partition(".")[0] in {"numpy", "pandas", "pyarrow"}:
        return []
    slots = [getattr(obj, name, None) for each in type(obj).__mro__ for name in _names(each)]
    return [*vars(obj).values(), *slots] if hasattr(obj, "__dict__") else slots


def _names(kind: type) -> list[str]:
    names = kind.__dict__.get("__slots__", ())
    return [names] if isinstance(names, str) else [name for name in names if not name.startswith("__")]
