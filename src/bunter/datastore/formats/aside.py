"""Values by name that are kept in a file without a name rather than in memory."""

from __future__ import annotations

import weakref
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from bunter import effects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Aside"]


class Aside(MutableMapping[str, Any]):
    """Buffers of Zarr on disk, as the dict of a memory store; what is replaced keeps its room until all goes.

    Parameters
    ----------
    make : callable
        Makes a buffer of bytes.
    """

    def __init__(self, make: Callable[[bytes], Any]) -> None:
        self._make = make
        self._file = effects.nameless_file()
        weakref.finalize(self, self._file.close)
        self._places: dict[str, tuple[int, int]] = {}

    def __getitem__(self, key: str) -> Any:
        begin, size = self._places[key]
        self._file.seek(begin)
        return self._make(self._file.read(size))

    def __setitem__(self, key: str, value: Any) -> None:
        begin = self._file.seek(0, 2)
        self._places[key] = begin, self._file.write(value.to_bytes())

    def __delitem__(self, key: str) -> None:
        del self._places[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
