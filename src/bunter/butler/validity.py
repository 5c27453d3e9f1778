"""When calibrations are valid: data IDs that share their validity ranges, the gaps between these, and what they are called in a drawing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bunter.values import Timespan, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TimelineRow", "ValidRange", "Validity"]

_SECOND, _DAY = 10**9, 86_400 * 10**9
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LONGEST_LABEL = 32


@dataclass(frozen=True, slots=True)
class ValidRange:
    """A time for which a run's calibration is certified.

    Parameters
    ----------
    begin, end : int
        Bounds in ns TAI; the least and the greatest integer of 64 bits for open ends.
    run : str
        The run that made it.
    """

    begin: int
    end: int
    run: str


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """Data IDs of one collection with the same validity ranges.

    Parameters
    ----------
    collection : str
        CALIBRATION collection.
    label : str
        The data IDs in short, such as ``detector 0-3, 7``.
    data_ids : tuple of tuple
        Values of the required dimensions.
    ranges : tuple of ValidRange
        In the order of time.
    """

    collection: str
    label: str
    data_ids: tuple[tuple[Any, ...], ...]
    ranges: tuple[ValidRange, ...]

    @property
    def gaps(self) -> tuple[Timespan, ...]:
        """Times between the ranges when nothing is valid."""
        return tuple(Timespan(a.end, b.begin) for a, b in pairwise(self.ranges) if a.end < b.begin)


@dataclass(frozen=True, slots=True)
class Validity:
    """Validity of the calibrations of one type over time.

    Parameters
    ----------
    dataset_type : str
        The type.
    rows : tuple of TimelineRow
        In the order in which they are drawn.
    begin, end : int
        The time that a drawing spans, in ns TAI: all ends that are not open.
    """

    dataset_type: str
    rows: tuple[TimelineRow, ...]
    begin: int
    end: int

    @property
    def runs(self) -> dict[str, str]:
        """Letter of each run, in the order of time."""
        ranges = sorted((each for row in self.rows for each in row.ranges), key=lambda r: (r.begin, r.end, r.run))
        names = dict.fromkeys(each.run for each in ranges)
        return {name: _LETTERS[place % len(_LETTERS)] for place, name in enumerate(names)}

    @property
    def gaps(self) -> tuple[tuple[TimelineRow, Timespan], ...]:
        """All gaps with their rows."""
        return tuple((row, gap) for row in self.rows for gap in row.gaps)

    @property
    def labels(self) -> list[str]:
        """Name of each row, cut to a bearable length; with the collection if there are several."""
        return [_short(self.named(row)) for row in self.rows]

    def named(self, row: TimelineRow) -> str:
        """Return the whole name of a row."""
        several = len({each.collection for each in self.rows}) > 1
        return f"{row.collection} {row.label}" if several else row.label

    def instant(self, time: int) -> str:
        """Write an instant as exactly as the span of the drawing asks for."""
        text = format_instant(time - time % _SECOND)
        return text[:10] if self.end - self.begin > 4 * _DAY else text[:16]

    def records(self) -> Iterator[dict[str, object]]:
        """Yield each range and each gap of each row as a record: ``what``, ``collection``, ``data_ids``, times and ``run``."""
        for row in self.rows:
            ranges = [("valid", Timespan.from_bounds(r.begin, r.end), r.run) for r in row.ranges]
            gaps = [("gap", gap, "") for gap in row.gaps]
            for what, span, run in sorted(ranges + gaps, key=lambda each: each[1].bounds):
                yield {
                    "what": what,
                    "collection": row.collection,
                    "data_ids": row.label,
                    "begin": None if span.begin is None else format_instant(span.begin),
                    "end": None if span.end is None else format_instant(span.end),
                    "run": run,
                }


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
