"""Half-open intervals of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bunter.values.instant import format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_NS = -(2**63)
"""Stands for an open begin in columns of integers."""

MAX_NS = 2**63 - 1
"""Stands for an open end in columns of integers."""


@dataclass(frozen=True, slots=True)
class Timespan:
    """Half-open interval [begin, end), in ns since 1970-01-01T00:00:00 TAI.

    Parameters
    ----------
    begin, end : int, optional
        Bounds; None is unbounded. A bounded one must end after it begins; see `instant` for a moment and `EMPTY` for
        the interval that contains nothing.
    """

    begin: int | None = None
    end: int | None = None
    _empty: bool = False

    EMPTY: ClassVar[Timespan]

    def __post_init__(self) -> None:
        if self._empty:
            if self.begin is not None or self.end is not None:
                raise ValueError("an empty timespan has no bounds; use Timespan.EMPTY")
            return
        begin, end = self.bounds
        if not MIN_NS <= begin < end <= MAX_NS:
            raise ValueError(
                f"a timespan ends after it begins, unlike [{_named(begin)}, {_named(end)}) TAI; use Timespan.instant for a moment"
            )

    @classmethod
    def instant(cls, when: object) -> Timespan:
        """Interval of one nanosecond from a time in any form that `parse_instant` takes."""
        begin = parse_instant(when)
        return cls(begin, begin + 1)

    @classmethod
    def from_times(cls, begin: object, end: object) -> Timespan:
        """Interval between times in any form that `parse_instant` takes; None is unbounded.

        Equal times give the `instant`, since exposures of zero length exist.
        """
        first = None if begin is None else parse_instant(begin)
        last = None if end is None else parse_instant(end)
        if first is not None and first == last:
            return cls(first, first + 1)
        return cls(first, last)

    @classmethod
    def from_bounds(cls, begin: int, end: int) -> Timespan:
        """Inverse of `bounds`."""
        if begin >= end:
            return cls.EMPTY
        return cls(None if begin == MIN_NS else begin, None if end == MAX_NS else end)

    @property
    def bounds(self) -> tuple[int, int]:
        """Both bounds as 64-bit integers: `MIN_NS` and `MAX_NS` for open ends, (`MAX_NS`, `MIN_NS`) if empty."""
        if self._empty:
            return MAX_NS, MIN_NS
        return MIN_NS if self.begin is None else self.begin, MAX_NS if self.end is None else self.end

    @property
    def is_empty(self) -> bool:
        """Whether no time is in it."""
        return self._empty

    def overlaps(self, other: Timespan | int) -> bool:
        """Whether some time is in both, or the instant is in this."""
        begin, end = self.bounds
        first, last = _bounds(other)
        return begin < last and first < end

    def contains(self, other: Timespan | int) -> bool:
        """Whether all of the other is in this; the empty timespan is in every one."""
        begin, end = self.bounds
        first, last = _bounds(other)
        return first >= last or (begin <= first and last <= end)

    def intersection(self, *others: Timespan) -> Timespan:
        """Keep the times that are in all of them."""
        bounds = [self.bounds, *(other.bounds for other in others)]
        return Timespan.from_bounds(max(begin for begin, _ in bounds), min(end for _, end in bounds))

    def difference(self, other: Timespan) -> tuple[Timespan, ...]:
        """Keep the times that are not in the other: none, one or two timespans, in order."""
        if not self.overlaps(other):
            return () if self._empty else (self,)
        begin, end = self.bounds
        first, last = other.bounds
        pieces: Iterable[tuple[int, int]] = ((begin, first), (last, end))
        return tuple(Timespan.from_bounds(a, b) for a, b in pieces if a < b)

    @property
    def begin_time(self) -> Any:
        """Begin as `astropy.time.Time` (TAI), or None if unbounded."""
        return _astropy(self.begin)

    @property
    def end_time(self) -> Any:
        """End as `astropy.time.Time` (TAI), or None if unbounded."""
        return _astropy(self.end)

    def __str__(self) -> str:
        if self._empty:
            return "(empty)"
        begin = "(-∞" if self.begin is None else f"[{format_instant(self.begin)}"
        end = "∞)" if self.end is None else f"{format_instant(self.end)})"
        return f"{begin}, {end} TAI"

    def __repr__(self) -> str:
        return f"<Timespan {self}>"


Timespan.EMPTY = Timespan(_empty=True)


def _named(bound: int) -> str:
    return "-∞" if bound <= MIN_NS else "∞" if bound >= MAX_NS else format_instant(bound)


def _bounds(other: Timespan | int) -> tuple[int, int]:
    return other.bounds if isinstance(other, Timespan) else (int(other), int(other) + 1)


def _astropy(instant: int | None) -> Any:
    if instant is None:
        return None
    from astropy.time import Time

    days, rest = divmod(instant, 86_400_000_000_000)
    return Time(2440587.5 + days, rest / 86_400_000_000_000, format="jd", scale="tai")
