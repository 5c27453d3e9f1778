"""Receipts of a run found by quantum: of journals with millions of lines, only those asked for are decoded."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bunter import effects
from bunter.execution.journal import sound_spans
from bunter.execution.receipt import Receipt, Voided, decode_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bunter.execution.receipt import Line

__all__ = ["ReceiptIndex"]

_RECEIPT = b'{"kind":"receipt","quantum":'
_VOIDED = b'{"kind":"voided"'
_OF_VOIDED = -(1 << 40)
"""Stands for the quantum in lines that declare others void."""
_DIGITS = 11  # of a number of 32 bits, and what ends it


class ReceiptIndex:
    """The success of each quantum that counts, the same as in `Told`, looked up one by one.

    Parameters
    ----------
    journals : sequence of Path
        Journals of the run, the oldest attempt first.
    """

    def __init__(self, journals: Sequence[Path]) -> None:
        self._contents = [effects.read_bytes(path) for path in journals]
        spans = [_told(content) for content in self._contents]
        self._content = np.repeat(np.arange(len(spans)), [len(quantum) for _, _, quantum in spans])
        self._begin, self._end, quantum = (_joined([each[column] for each in spans]) for column in range(3))
        self._order = np.argsort(quantum, kind="stable")
        self._quantum = quantum[self._order]
        self._found: dict[int, Receipt | None] = {}

    def __contains__(self, quantum: int) -> bool:
        return self.get(quantum) is not None

    def get(self, quantum: int) -> Receipt | None:
        """Return the receipt of a quantum's success, None if it has none; that of a construction by its negative number."""
        if quantum not in self._found:
            self._found[quantum] = next(self._successes(quantum), None)
        return self._found[quantum]

    def constructions(self) -> list[Receipt]:
        """Return the receipts of constructions of tasks."""
        numbers = np.unique(self._quantum[(self._quantum < 0) & (self._quantum > _OF_VOIDED)])
        return [receipt for number in numbers.tolist() if (receipt := self.get(number)) is not None]

    def _successes(self, quantum: int) -> Iterator[Receipt]:
        """Yield successes of a quantum that were told after it was last declared void."""
        for place in self._places(quantum):
            if place > self._voided.get(quantum, -1):
                line = self._line(place)
                if isinstance(line, Receipt) and line.is_success:
                    yield line

    def _places(self, quantum: int) -> list[int]:
        """Numbers of the lines about a quantum, in the order in which they were told."""
        first, last = np.searchsorted(self._quantum, [quantum, quantum + 1])
        places: list[int] = self._order[first:last].tolist()
        return places

    def _line(self, place: int) -> Line:
        content = self._contents[self._content[place]]
        return decode_line(content[self._begin[place] : self._end[place]] + b"}")

    @cached_property
    def _voided(self) -> dict[int, int]:
        """Number of the last line that declares a quantum void, by quantum."""
        found: dict[int, int] = {}
        for place in self._places(_OF_VOIDED):
            line = self._line(place)
            if isinstance(line, Voided):
                found |= dict.fromkeys(line.quanta, place)
        return found


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _told(content: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return begin and end of the lines that tell of quanta, and the quantum of each."""
    octets = np.frombuffer(content, np.uint8)
    begin, end = sound_spans(content)
    receipts, voided = (_begin_with(octets, begin, end, words) for words in (_RECEIPT, _VOIDED))
    quantum = np.full(len(begin), _OF_VOIDED)
    quantum[receipts] = _numbers(octets, begin[receipts] + len(_RECEIPT))
    told = receipts | voided
    return begin[told], end[told], quantum[told]


def _begin_with(
    octets: NDArray[np.uint8], begin: NDArray[np.int64], end: NDArray[np.int64], words: bytes
) -> NDArray[np.bool_]:
    """Whether each line begins with some words."""
    same = end - begin >= len(words) + _DIGITS
    for place, octet in enumerate(words):
        same[same] = octets[begin[same] + place] == octet
    return same


def _numbers(octets: NDArray[np.uint8], begin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read the decimal numbers that begin at some places, each ended by something else."""
    negative = octets[begin] == ord("-")
    place, found = begin + negative, np.zeros(len(begin), np.int64)
    going = np.ones(len(begin), np.bool_)
    for _ in range(_DIGITS):
        digit = octets[place].astype(np.int64) - ord("0")
        going &= (digit >= 0) & (digit <= 9)
        found = np.where(going, 10 * found + digit, found)
        place += going
    return np.where(negative, -found, found)
