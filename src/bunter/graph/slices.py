"""Slices: some thousand quanta of one task with all that is to be known of them, compressed, for those who fetch a few."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError
from bunter.graph.columns import columns_of, graph_of, structure_of
from bunter.graph.part import part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bunter.graph.header import Header
    from bunter.graph.keys import Array
    from bunter.graph.quantum_graph import QuantumGraph
    from bunter.graph.unique import Zone

__all__ = ["encode_slice", "packed", "read_slice", "slice_bounds"]

_QUANTA, _EDGES = 1000, 12_000
_MOST = 1 << 30  # bytes that a slice may become: those of one quantum that reads ten million datasets
_LEVEL = 3  # of zlib: a tenth longer than the best, in a quarter of the time


def slice_bounds(graph: QuantumGraph, label: str) -> list[int]:
    """Return where the slices of a task begin, as rows of its table, and their end.

    None has more than 1,000 quanta, nor, unless it is one alone, 12,000 datasets that they read and write.
    """
    size = len(graph.tasks[label])
    weights = np.full(size, _EDGES // _QUANTA, np.int64)
    for edge in graph.connections(label):
        if edge.begin is not None and not edge.kind.startswith("init"):
            weights += edge.begin[1:].astype(np.int64) - edge.begin[:-1]
    groups = np.cumsum(weights) // _EDGES
    return [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), size] if size else [0]


def encode_slice(graph: QuantumGraph, label: str, begin: int, end: int) -> bytes:
    """Encode the quanta of a task in rows ``begin`` to ``end``; the graph is laid out."""
    table = graph.tasks[label]
    return packed(part_of(graph, table.numbers(np.arange(begin, end)), labels=[label]))


def packed(part: QuantumGraph) -> bytes:
    """Encode a graph that is laid out as one piece: small, and to be read whole."""
    described: list[tuple[str, str, tuple[int, ...]]] = []
    bodies: list[bytes] = []
    for name, column in columns_of(part):
        described.append((name, column.dtype.str, column.shape))
        bodies.append(_packed(column))
    words = {name: dict(table.artifacts.words) for name, table in part.datasets.items() if table.artifacts is not None}
    head = json.dumps({"structure": structure_of(part), "columns": described, "words": words}).encode()
    return zlib.compress(len(head).to_bytes(4, "little") + head + b"".join(bodies), _LEVEL)


def read_slice(
    content: bytes | memoryview, header: Header, zone: Zone, document: Callable[[str], Any] | None = None
) -> QuantumGraph:
    """Make the part of a graph that a slice holds.

    Parameters
    ----------
    content : bytes
        The slice.
    header : Header
        The header of the graph.
    zone : Zone
        Its ids and digests.
    document : callable, optional
        Returns other documents of the graph by name.
    """
    try:
        columns = _Slice(_inflated(content), document)
    except zlib.error as error:
        raise GraphError(
            f"a slice of the graph for {header.output_run!r} is damaged: {error}; write it again"
        ) from error
    return graph_of(columns.structure, columns, header, zone)


def _inflated(content: bytes | memoryview) -> bytes:
    inflating = zlib.decompressobj()
    found = inflating.decompress(content, _MOST)
    if not inflating.eof:
        raise zlib.error("it is cut off, or becomes larger than any slice")
    return found


def _packed(column: Array) -> bytes:
    """Turn a column into bytes that compress well: differences of integers, byte by byte of all rows."""
    if column.ndim != 1 or column.dtype.kind not in "iu" or column.dtype.itemsize == 1:
        return column.tobytes()
    steps = np.diff(column, prepend=column.dtype.type(0))
    return np.ascontiguousarray(steps.view(np.uint8).reshape(len(steps), column.dtype.itemsize).T).tobytes()


def _unpacked(content: memoryview, kind: str, shape: tuple[int, ...]) -> Array:
    dtype = np.dtype(kind)
    if len(shape) != 1 or dtype.kind not in "iu" or dtype.itemsize == 1:
        return np.frombuffer(content, dtype).reshape(shape)
    planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, int(shape[0]))
    steps = np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
    return np.cumsum(steps, dtype=dtype)


class _Slice:
    """The columns of one slice."""

    def __init__(self, content: bytes, document: Callable[[str], Any] | None = None) -> None:
        self._document = document
        begin = 4 + int.from_bytes(content[:4], "little")
        head = json.loads(content[4:begin])
        self.structure: Mapping[str, Any] = head["structure"]
        self._words = head["words"]
        self._columns = dict(self._found(head["columns"], memoryview(content), begin))

    @staticmethod
    def _found(described: list[Any], content: memoryview, begin: int) -> Iterator[tuple[str, Array]]:
        for name, kind, shape in described:
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            yield name, _unpacked(content[begin : begin + size], kind, tuple(shape))
            begin += size

    def names(self, prefix: str) -> list[str]:
        return [name[len(prefix) :] for name in self._columns if name.startswith(prefix)]

    def array(self, name: str) -> Array:
        return self._columns[name]

    def maybe(self, name: str) -> Array | None:
        return self._columns.get(name)

    def document(self, name: str) -> Any:
        if self._document is not None and not name.startswith("a/"):
            return self._document(name)
        return self._words[name.split("/")[1]]
