"""The members of a graph file, as slices of one memory map; NumPy is all that reading takes, beside what fetches it."""

from __future__ import annotations

import ast
import json
import mmap
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError

if TYPE_CHECKING:
    import os

    from bunter.graph.keys import Array

__all__ = ["Members"]

# Parts of a zip file without compression, split or encrypted members, as the standard APPNOTE 6.3 lays them out.
_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL_NAMES, _LOCAL_SIZE = 26, 30
_FAR = 2**32 - 1


def _content(path: str | os.PathLike[str]) -> mmap.mmap | bytes:
    if isinstance(path, str) and "://" in path:
        from bunter.graph.far import fetched

        return fetched(path)
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs a worker milliseconds
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class Members:
    """The members of a graph file.

    Parameters
    ----------
    path : path-like or str
        A zip file of stored members, also the address of one in a storage service.

    Raises
    ------
    GraphError
        If there is no such file, or it was cut short.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self._map = _content(path)
            self._places = dict(self._directory())
        except FileNotFoundError:
            raise GraphError(f"there is no graph file {str(path)!r}; `bunter qgraph -q FILE` makes one") from None
        except (ValueError, struct.error) as error:
            raise GraphError(f"{str(path)!r} is not a whole graph file: {error}") from error

    def _directory(self) -> list[tuple[str, tuple[int, int]]]:
        """Names of the members, each with the place of its local header and its size."""
        end = self._map.rfind(b"PK\5\6", max(len(self._map) - 2**16 - _END.size, 0))
        if end < 0:
            raise ValueError("its directory is missing")
        _, _, _, _, count, _, at, _ = _END.unpack_from(self._map, end)
        if at == _FAR or count == 2**16 - 1:
            count, at = self._far_directory(end)
        found = []
        for _ in range(count):
            fields = _ENTRY.unpack_from(self._map, at)
            size, name, extra, comment, begin = fields[9], *fields[10:13], fields[16]
            name_at = at + _ENTRY.size
            if _FAR in {size, begin}:
                size, begin = self._far_place(name_at + name, extra, size, begin)
            found.append((self._map[name_at : name_at + name].decode(), (begin, size)))
            at = name_at + name + extra + comment
        return found

    def _far_directory(self, end: int) -> tuple[int, int]:
        """Find number of members and place of the directory in a file beyond 4 GB."""
        (at,) = struct.unpack_from("<Q", self._map, end - 12)
        count, _, place = struct.unpack_from("<3Q", self._map, at + 32)
        return count, place

    def _far_place(self, at: int, length: int, size: int, begin: int) -> tuple[int, int]:
        """Size and place of a member where they do not fit into 32 bits and stand in the extra field."""
        end = at + length
        while at < end:
            kind, width = struct.unpack_from("<2H", self._map, at)
            if kind == 1:
                values = list(struct.unpack_from(f"<{width // 8}Q", self._map, at + 4))
                size = values.pop(0) if size == _FAR else size
                # The compressed size follows; stored members repeat it there.
                return size, (values[-1] if begin == _FAR else begin)
            at += 4 + width
        raise ValueError("a member has no place")

    def names(self, prefix: str) -> list[str]:
        """Names of the columns below a prefix, without it."""
        return [
            name[len(prefix) :].removesuffix(".npy")
            for name in self._places
            if name.startswith(prefix) and name.endswith(".npy")
        ]

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def content(self, name: str) -> memoryview:
        """Return a member as it is, not copied."""
        begin, size = self._places[name]
        # Lengths of name and extra field stand in the local header, not where the directory of the archive says.
        begin += _LOCAL_SIZE + sum(struct.unpack_from("<2H", self._map, begin + _LOCAL_NAMES))
        return memoryview(self._map)[begin : begin + size]

    def array(self, name: str) -> Array:
        """Return a column, not copied."""
        member = self.content(f"{name}.npy")
        begin = 10 + int.from_bytes(member[8:10], "little")
        described = ast.literal_eval(bytes(member[10:begin]).decode("latin1").strip())
        shape = described["shape"]
        found: Array = np.frombuffer(member, described["descr"], int(np.prod(shape)), begin).reshape(shape)
        return found

    def maybe(self, name: str) -> Array | None:
        """Return a column, or None if the file does not have it."""
        return self.array(name) if f"{name}.npy" in self else None

    def document(self, name: str) -> Any:
        """Read a structured member."""
        return json.loads(bytes(self.content(name)))
