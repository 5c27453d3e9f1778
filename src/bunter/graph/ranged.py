"""One quantum of a graph in a storage service, by a handful of ranged reads."""

from __future__ import annotations

import json
import struct
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bunter.errors import GraphError, KeyMissingError, StoreUnavailableError
from bunter.graph.far import graph_bucket
from bunter.graph.file import check_version
from bunter.graph.header import Header
from bunter.graph.slices import read_slice
from bunter.graph.unique import UNIT, Units
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bunter.graph.keys import Array
    from bunter.graph.quantum import Quantum
    from bunter.graph.quantum_graph import QuantumGraph

__all__ = ["RangedGraph", "spans"]

_START = 2**16
_LOCAL_SIZE, _LOCAL_LENGTHS = 30, 18  # of the header of a zip member: its size, and where the lengths stand
_NO_RANGES = "Range request not supported"  # what is said of a web server that gives out whole files only
_SPANS = 3
_AHEAD = 512  # units, 8 kB


class RangedGraph:
    """A graph of which one quantum is looked at after the other.

    Parameters
    ----------
    start : mapping
        Its first member.
    begin : int
        Where its slices begin.
    read : callable
        Returns ranges of the file.
    """

    def __init__(
        self, start: Mapping[str, Any], begin: int, read: Callable[[Sequence[ByteRange]], list[bytes]]
    ) -> None:
        self._start, self._begin, self._read = start, begin, read
        self._slices: dict[int, tuple[QuantumGraph, _Fetched]] = {}
        self.header = Header.from_dict(start["header"])

    @classmethod
    def open(cls, address: str) -> Self:
        """Read what stands at the start of a graph file: one read, two if it has some ten million quanta.

        Raises
        ------
        GraphError
            If there is no such file, or it is not a graph file of a version that is known here.
        """
        file = _File(address)
        try:
            size, place = _member(file.head, 0)
            file.lengthen(place + size + _LOCAL_SIZE + 2**8)
            start = json.loads(file.head[place : place + size])
            check_version(start, address)
            return cls(start, _member(file.head, place + size)[1], file.read)
        except (struct.error, ValueError) as error:
            raise GraphError(f"{address!r} is not a whole graph file: {error}") from error

    @property
    def has_slices(self) -> bool:
        """Whether a quantum can be read alone: not of a part of a graph, nor of a file of version 1."""
        return "zone" in self._start and bool(self._start["tasks"])

    @property
    def size(self) -> int:
        """Number of quanta."""
        return int(self._start["size"])

    def quantum(self, number: int) -> Quantum:
        """Return a quantum: one read for its slice, and up to three for the ids and digests of what it reads."""
        graph, zone = self._slice(number)
        quantum = graph.quantum(number)
        zone.fetch(_units(graph, number))
        return quantum

    def _slice(self, number: int) -> tuple[QuantumGraph, _Fetched]:
        if not 0 <= number < self.size:
            raise GraphError(f"the graph has quanta 0 to {self.size - 1}, not {number}")
        task = next(one for one in reversed(self._start["tasks"]) if one["rows"] and one["first"] <= number)
        place = bisect_right(task["rows"], number - task["first"])
        end = task["ends"][place]
        if end not in self._slices:
            begin = task["ends"][place - 1] if place else task["begin"]
            content = self._read([ByteRange(self._begin + begin, end - begin)])[0]
            zone = _Fetched(self._begin + self._start["zone"], self._read)
            self._slices[end] = read_slice(content, self.header, zone), zone
        return self._slices[end]


class _File:
    """A file in a storage service whose first bytes are at hand."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._bucket, self._key = graph_bucket(address)
        try:
            self.head = self._fetched([ByteRange(0, _START)])[0]
        except StoreUnavailableError as error:
            if _NO_RANGES not in str(error):
                raise
            self.head = self._fetched(None)[0]

    def _fetched(self, ranges: Sequence[ByteRange] | None) -> list[bytes]:
        try:
            return self._bucket.read(self._key, ranges)
        except KeyMissingError as error:
            text = f"there is no graph file {self._address!r}; `bunter qgraph -q {self._address}` makes one"
            raise GraphError(text) from error

    def lengthen(self, size: int) -> None:
        """Have so many bytes at hand, unless the file is shorter."""
        if size > len(self.head) == _START:
            self.head += self._fetched([ByteRange(_START, size - _START)])[0]

    def read(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        """Return ranges of the file."""
        far = [one for one in ranges if one.end > len(self.head)]
        fetched = dict(zip(far, self._fetched(far) if far else [], strict=True))
        return [fetched.get(one, self.head[one.begin : one.end]) for one in ranges]


def _member(content: bytes, at: int) -> tuple[int, int]:
    """Size of the zip member whose local header stands at a place, and where its content begins."""
    if content[at : at + 4] != b"PK\3\4":
        raise ValueError("a member is missing")
    _, size, name, extra = struct.unpack_from("<2L2H", content, at + _LOCAL_LENGTHS)
    return size, at + _LOCAL_SIZE + name + extra


def _units(graph: QuantumGraph, number: int) -> list[tuple[int, int]]:
    """Places in the zone of what is known of the inputs of a quantum: begin and end of each, in units."""
    label, own = graph.place(number)
    found: list[tuple[int, int]] = []
    for edge in graph.connections(label):
        table = graph.datasets[edge.dataset_type]
        for row in edge.of_quantum(own):
            if isinstance(table.ids, Units) and table.has(row):
                begin = int(table.ids.at[row])
                found.append((begin, begin + 1))
                if table.artifacts is not None:
                    found += [(place, place + 3) for place in table.artifacts.places_of(row)]
    return found


def spans(pieces: Sequence[tuple[int, int]], most: int = _SPANS) -> list[tuple[int, int]]:
    """Return at most so many spans that hold all pieces, such that as little as possible lies between the pieces."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(pieces):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    gaps = np.array([later[0] - earlier[1] for earlier, later in pairwise(joined)])
    cuts = sorted(np.argsort(-gaps, kind="stable")[: most - 1].tolist())
    bounds = [0, *(cut + 1 for cut in cuts), len(joined)]
    return [(joined[a][0], joined[b - 1][1]) for a, b in pairwise(bounds) if a < b]


class _Fetched:
    """Those units of a graph that were fetched."""

    def __init__(self, begin: int, read: Callable[[Sequence[ByteRange]], list[bytes]]) -> None:
        self._begin, self._read = begin, read
        self._pieces: list[tuple[int, Array]] = []

    def fetch(self, pieces: Sequence[tuple[int, int]]) -> None:
        """Fetch some units, unless they are there."""
        lacking = [piece for piece in pieces if self._found(*piece) is None]
        # What follows is of the next quanta, or else of no use: it is not part of what was asked for.
        wanted = [(begin, max(end, begin + _AHEAD)) for begin, end in spans(lacking)]
        if not wanted:
            return
        contents = self._read([ByteRange(self._begin + a * UNIT, (b - a) * UNIT) for a, b in wanted])
        for (begin, _), content in zip(wanted, contents, strict=True):
            whole = len(content) // UNIT * UNIT
            self._pieces.append((begin, np.frombuffer(content, np.uint8, whole).reshape(-1, UNIT)))

    def _found(self, begin: int, end: int) -> Array | None:
        for first, units in self._pieces:
            if first <= begin and end <= first + len(units):
                return units[begin - first : end - first]
        return None

    def __getitem__(self, index: Any) -> Array:
        if isinstance(index, slice):
            begin, end = index.start, index.stop
            if self._found(begin, end) is None:
                self.fetch([(begin, end)])
            found = self._found(begin, end)
            assert found is not None
            return found
        return np.concatenate([self[int(place) : int(place) + 1] for place in index])
