"""Rows as an aligned table that fits the terminal, printed as they come."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Grid", "terminal_width"]

_SAMPLE = 1000
_LEAST = 8
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Grid:
    """An aligned table.

    Parameters
    ----------
    names : sequence of str
        Names of the columns.
    width : int, optional
        Columns of the terminal, in which longer cells are shortened in their middle; None for as wide as it takes.
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
            cells = (_shortened(cell, width, self.width).ljust(width) for cell, width in zip(row, widths, strict=True))
            yield _GAP.join(cells).rstrip()

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


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _shortened(cell: str, width: int, limit: int | None) -> str:
    if limit is None or len(cell) <= width:
        return cell
    head = (width - 1) // 2
    return f"{cell[:head]}…{cell[len(cell) - (width - 1 - head) :]}"
