"""Rows as an aligned table that fits the terminal, printed as they come."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from operator import le
from typing import TYPE_CHECKING

from bunter.cli.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Grid"]

_SAMPLE = 1000
_LEAST = 8
_GAP = "  "
_PROSE = frozenset({"detail", "reason", "sentence", "trouble"})
"""Columns of sentences, which go on in the next line: without their middle they say nothing."""


@dataclass(frozen=True, slots=True)
class Grid:
    """An aligned table.

    Parameters
    ----------
    names : sequence of str
        Names of the columns.
    width : int, optional
        Columns of the terminal, in which longer cells are shortened in their middle, and sentences wrapped; None for as wide as it takes.
    """

    names: Sequence[str]
    width: int | None = None

    def lines(self, rows: Iterable[Sequence[str]]) -> Iterator[str]:
        """Yield the lines of rows, after a head; none if there are no rows. The first thousand rows decide on the widths."""
        coming = iter(rows)
        sample = list(islice(coming, _SAMPLE))
        if not sample:
            return
        widths = self._fitted([max(map(len, column)) for column in zip(self.names, *sample, strict=True)])
        for row in chain((self.names, ["-" * width for width in widths]), sample, coming):
            if self.width is None or all(map(le, map(len, row), widths)):
                yield _joined(row, widths)
            else:
                parts = [_fitting(*each) for each in zip(self.names, row, widths, strict=True)]
                yield from (_joined(cells, widths) for cells in zip_longest(*parts, fillvalue=""))

    def _fitted(self, widths: list[int]) -> list[int]:
        """Take from the widest columns until all fit; where even that is not enough, leave them as they are."""
        if self.width is None:
            return widths
        room = self.width - len(_GAP) * (len(widths) - 1)
        if sum(min(width, _LEAST) for width in widths) > room:
            return widths
        fitted = list(widths)
        while (excess := sum(fitted) - room) > 0:
            widest = max(fitted)
            next_widest = max((width for width in fitted if width < widest), default=_LEAST)
            places = [place for place, width in enumerate(fitted) if width == widest]
            target = max(next_widest, widest - -(-excess // len(places)), _LEAST)
            for place in places:
                fitted[place] = target
        return fitted


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join([cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]).rstrip()


def _fitting(name: str, cell: str, width: int) -> list[str]:
    """Return the lines that a cell takes."""
    if len(cell) <= width:
        return [cell]
    if name in _PROSE:
        return wrapped([cell], width, cuts_words=True)
    head = (width - 1) // 2
    return [f"{cell[:head]}…{cell[len(cell) - (width - 1 - head) :]}"]
