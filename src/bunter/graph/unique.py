"""Ids and digests of existing datasets: the bytes of a graph that no compression makes shorter, each kept once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.graph.keys import Array
    from bunter.graph.quantum_graph import QuantumGraph

__all__ = ["UNIT", "Layout", "Units", "lay_out"]

UNIT = 16
"""Bytes of an id; a SHA-256 takes two units, an XXH3 one."""
_FILE = 3  # units of the digests of one file
_NOBODY = np.iinfo(np.int64).max


class Zone(Protocol):
    """Units, one after the other."""

    def __getitem__(self, index: Any) -> Array:
        """Return units, ``(n, 16) uint8``, for a slice or an array of places."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """A column of ids or digests, looked up when a row is asked for.

    Parameters
    ----------
    zone : Zone
        All units of the graph.
    at : array
        Place of the first unit of each row.
    width : int
        Units of a row.
    """

    zone: Zone
    at: Array
    width: int = 1

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, np.ndarray | slice):
            return Units(self.zone, self.at[index], self.width)
        begin = int(self.at[index])
        return np.ascontiguousarray(self.zone[begin : begin + self.width]).reshape(-1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001 - the protocol of NumPy
        places = self.at.astype(np.int64)[:, None] + np.arange(self.width)
        return np.asarray(self.zone[places.reshape(-1)].reshape(len(self.at), self.width * UNIT), dtype)

    def __iter__(self) -> Iterator[Array]:
        return iter(np.asarray(self))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and bytes of each."""
        return len(self.at), self.width * UNIT


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the unique bytes of a graph are: beside each other what one quantum reads.

    Parameters
    ----------
    zone : (n, 16) uint8
        The units.
    ids : dict of str to Units
        By dataset type, the ids.
    files : dict of str to array
        By dataset type, the place of the digests of each file: SHA-256, then XXH3.
    """

    zone: Array
    ids: dict[str, Units]
    files: dict[str, Array]


def lay_out(graph: QuantumGraph) -> Layout:
    """Put ids and digests in the order in which quanta first read them.

    So what a quantum reads of dozens of dataset types is in a few places, and so are the calibrations that thousands share.
    """
    readers = _first_readers(graph)
    items: list[tuple[Array, Array, Array]] = []  # first reader, content, and the owner of each item
    owners: list[tuple[str, bool]] = []
    for name, table in graph.datasets.items():
        if table.ids is None:
            continue
        items.append((readers[name], np.asarray(table.ids), np.full(len(table), len(owners))))
        owners.append((name, False))
        if table.artifacts is not None:
            columns = table.artifacts.columns
            first = table.artifacts.least_of_files(readers[name])
            content = np.concatenate([np.asarray(columns["sha256"]), np.asarray(columns["xxh3"])], axis=1)
            items.append((first, content, np.full(len(first), len(owners))))
            owners.append((name, True))
    return _placed(items, owners)


def _first_readers(graph: QuantumGraph) -> dict[str, Array]:
    found = {
        name: np.full(len(table), _NOBODY, np.int64) for name, table in graph.datasets.items() if table.ids is not None
    }
    for edge in graph.edges.values():
        if edge.dataset_type in found and edge.is_read:
            # Of values assigned to one place the last one stays, so that the first quantum must come last.
            quanta = graph.tasks[edge.label].numbers(edge.quanta)[::-1]
            rows = edge.datasets[::-1]
            mine = np.full(len(found[edge.dataset_type]), _NOBODY, np.int64)
            mine[rows] = quanta
            np.minimum(found[edge.dataset_type], mine, out=found[edge.dataset_type])
    return found


def _placed(items: list[tuple[Array, Array, Array]], owners: list[tuple[str, bool]]) -> Layout:
    if not items:
        return Layout(np.zeros((0, UNIT), np.uint8), {}, {})
    rows = np.concatenate([np.arange(len(first)) for first, _, _ in items])
    owner = np.concatenate([item[2] for item in items])
    order = np.lexsort((owner, rows, np.concatenate([item[0] for item in items])))
    widths = np.where(np.array([is_file for _, is_file in owners])[owner], _FILE, 1)
    places = np.empty(len(order), np.int64)
    places[order] = np.cumsum(widths[order]) - widths[order]
    zone = np.zeros((int(widths.sum()), UNIT), np.uint8)
    layout = Layout(zone, {}, {})
    begin = 0
    for (name, is_file), (_, content, _) in zip(owners, items, strict=True):
        mine = places[begin : begin + len(content)]
        begin += len(content)
        for number in range(_FILE if is_file else 1):
            zone[mine + number] = content[:, number * UNIT : (number + 1) * UNIT]
        if is_file:
            layout.files[name] = mine.astype(np.uint32)
        else:
            layout.ids[name] = Units(zone, mine.astype(np.uint32))
    return layout
