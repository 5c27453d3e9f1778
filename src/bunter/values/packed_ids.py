"""Ids of 16 bytes, one behind the other: a quarter of what a list of them takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["LOT_IDS", "PackedIds", "in_lots"]

_SIZE = 16

LOT_IDS = 10_000
"""Ids that one step of a change of many datasets takes."""


class PackedIds(Sequence[bytes]):
    """Ids of 16 bytes each, in an order of their own.

    Parameters
    ----------
    packed : bytes or bytearray
        The ids one behind the other; not to be changed afterwards.
    """

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes | bytearray = b"") -> None:
        self._packed = packed

    @staticmethod
    def of(ids: Iterable[bytes]) -> PackedIds:
        """Pack ids, which may come one after the other; those that are packed are returned as they are."""
        if isinstance(ids, PackedIds):
            return ids
        packed = bytearray()
        for id_ in ids:
            packed += id_
        return PackedIds(packed)

    def __len__(self) -> int:
        return len(self._packed) // _SIZE

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        chosen = range(len(self))[place]
        if isinstance(chosen, int):
            return bytes(self._packed[chosen * _SIZE : (chosen + 1) * _SIZE])
        return [bytes(self._packed[each * _SIZE : (each + 1) * _SIZE]) for each in chosen]

    def __iter__(self) -> Iterator[bytes]:
        for begin in range(0, len(self._packed), _SIZE):
            yield bytes(self._packed[begin : begin + _SIZE])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedIds) and bytes(self._packed) == bytes(other._packed)

    def __hash__(self) -> int:
        return hash(bytes(self._packed))

    def __add__(self, other: PackedIds) -> PackedIds:
        return PackedIds(self._packed + other._packed)

    def __repr__(self) -> str:
        return f"PackedIds({len(self)} ids)"

    def distinct(self) -> PackedIds:
        """Return the same ids ascending, each once: tables that are kept in the order of ids are changed faster so."""
        if len(self) <= LOT_IDS:
            return PackedIds(b"".join(sorted(set(self))))
        import numpy as np

        halves = np.frombuffer(self._packed, ">u8").reshape(-1, 2)
        ordered = halves[np.lexsort((halves[:, 1], halves[:, 0]))]
        is_new = np.concatenate(([True], (ordered[1:] != ordered[:-1]).any(axis=1)))
        return PackedIds(ordered[is_new].tobytes())


def in_lots(ids: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield ids as they are if they are few; otherwise lot by lot, each id once, ascending."""
    if len(ids) <= LOT_IDS:
        yield ids
        return
    ordered = PackedIds.of(ids).distinct()
    for begin in range(0, len(ordered), LOT_IDS):
        yield ordered[begin : begin + LOT_IDS]
