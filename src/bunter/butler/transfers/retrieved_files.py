"""The files that a retrieval has made: a sequence of paths, each made when somebody looks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, overload

from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["RetrievedFiles"]

_SHOWN = 5


class RetrievedFiles(Sequence[Path]):
    """Paths of files below one folder, kept as the bytes of their names; ``list(files)`` makes them all.

    Parameters
    ----------
    root : Path
        The folder.
    parts : iterable of sequence of str
        Names below it, some together.
    """

    def __init__(self, root: Path, parts: Iterable[Sequence[str]] = ()) -> None:
        pa = pyarrow()
        self.root = root
        self._parts = [pa.array(names, pa.string()) for names in parts]
        self._ends = list(accumulate(map(len, self._parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Path]:
        return map(self._path, self._names())

    def _names(self) -> Iterator[str]:
        return (name for part in self._parts for name in part.to_pylist())

    def _path(self, name: str) -> Path:
        return Path(f"{self.root}/{name}")

    @overload
    def __getitem__(self, place: int) -> Path: ...
    @overload
    def __getitem__(self, place: slice) -> list[Path]: ...
    def __getitem__(self, place: int | slice) -> Path | list[Path]:
        """Return one path, or a list of them."""
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        number = place + len(self) if place < 0 else place
        if not 0 <= number < len(self):
            raise IndexError(f"there is no file {place}; there are {len(self)}")
        part = bisect_right(self._ends, number)
        name: str = self._parts[part][number - self._ends[part]].as_py()
        return self._path(name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | RetrievedFiles):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((self.root, len(self)))

    def __repr__(self) -> str:
        shown = ", ".join(repr(str(path)) for path in self[:_SHOWN])
        return f"<{len(self)} files: {shown}{', ...' if len(self) > _SHOWN else ''}>"
