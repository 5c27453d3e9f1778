"""Columns of times: timespans of many records at once."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from bunter.errors import DimensionValueError
from bunter.values import MAX_NS, MIN_NS, Timespan, parse_instant
from bunter.values.instant import utc_to_tai_array

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TIME_NAMES", "bounds_of"]

TIME_NAMES = ("timespan", "timespan_begin", "timespan_end", "datetime_begin", "datetime_end")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY_NS = 86_400_000_000_000


def bounds_of(element: str, columns: Mapping[str, Any], size: int) -> tuple[list[int | None], list[int | None]]:
    """Return begin and end of the timespans that columns tell, in ns TAI; None where unknown.

    Parameters
    ----------
    element : str
        Whose records they are, for messages.
    columns : Mapping
        ``timespan`` (of `Timespan` or pairs), or ``timespan_begin`` and ``timespan_end``, or ``datetime_begin`` and
        ``datetime_end``. Texts and clock times without a scale are TAI in the second pair, as in the tables that
        queries return, and UTC in the third.
    size : int
        Number of rows.
    """
    if "timespan" in columns:
        return _of_spans(element, columns["timespan"])
    prefix = "timespan" if {"timespan_begin", "timespan_end"} & columns.keys() else "datetime"
    sides = [columns.get(f"{prefix}_{side}") for side in ("begin", "end")]
    if all(side is None for side in sides):
        return [None] * size, [None] * size
    scale = "tai" if prefix == "timespan" else "utc"
    begins, ends = ([None] * size if side is None else _instants(element, side, scale) for side in sides)
    bounds = [_bounds(element, row, *pair) for row, pair in enumerate(zip(begins, ends, strict=True))]
    return [begin for begin, _ in bounds], [end for _, end in bounds]


def _bounds(element: str, row: int, begin: int | None, end: int | None) -> tuple[int | None, int | None]:
    """Return both ends; one that is not known is open, a timespan of which none is known is unknown."""
    if begin is None and end is None:
        return None, None
    first = MIN_NS if begin is None else begin
    last = MAX_NS if end is None else first + 1 if first == end else end
    if first > last and (first, last) != Timespan.EMPTY.bounds:
        raise DimensionValueError(f"row {row} of {element!r}: the timespan must end after it begins")
    return first, last


def _of_spans(element: str, column: Any) -> tuple[list[int | None], list[int | None]]:
    bounds = [_span(element, row, value) for row, value in enumerate(column)]
    return [begin for begin, _ in bounds], [end for _, end in bounds]


def _span(element: str, row: int, value: Any) -> tuple[int | None, int | None]:
    value = value.as_py() if hasattr(value, "as_py") else value
    if value is None:
        return None, None
    if isinstance(value, Timespan):
        return value.bounds
    try:
        begin, end = value.values() if isinstance(value, dict) else value
        return Timespan.from_times(begin, end).bounds
    except (ValueError, TypeError) as error:
        raise DimensionValueError(f"row {row} of {element!r}: {error}") from None


def _instants(element: str, column: Any, scale: str) -> list[int | None]:
    from bunter.values.arrow import pyarrow

    pa = pyarrow()
    if hasattr(column, "chunks"):
        column = column.combine_chunks()
    if hasattr(column, "jd1"):
        return _of_astropy(column)
    if isinstance(column, pa.Array) and pa.types.is_timestamp(column.type):
        return _of_clock(column, "utc" if column.type.tz else scale)
    if isinstance(column, pa.Array):
        column = column.to_pylist()
    elif getattr(getattr(column, "dtype", None), "kind", "") == "M":
        return _of_clock(pa.array(column.astype("M8[ns]")), scale)
    elif hasattr(column, "tolist"):
        column = column.tolist()
    return [_instant(element, row, value, scale) for row, value in enumerate(column)]


def _of_astropy(times: Any) -> list[int | None]:
    """Return instants of an array of times; the Julian days are split so that no nanosecond is lost."""
    import numpy as np

    masked = np.asarray(getattr(times, "mask", False)) | np.zeros(len(times), dtype=bool)
    tai = times.tai
    days = np.ma.filled(np.ma.asarray(tai.jd1), 2440587.5) - 2440587.5
    whole = np.floor(days)
    rest = (days - whole) + np.ma.filled(np.ma.asarray(tai.jd2), 0.0)
    instants = whole.astype(np.int64) * _DAY_NS + np.rint(rest * _DAY_NS).astype(np.int64)
    return [None if gone else instant for instant, gone in zip(instants.tolist(), masked.tolist(), strict=True)]


def _of_clock(column: Any, scale: str) -> list[int | None]:
    import numpy as np

    from bunter.values.arrow import pyarrow

    pa = pyarrow()
    counted = column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64())
    known = np.asarray(counted.is_valid())
    clock = counted.fill_null(10**18).to_numpy(zero_copy_only=False)
    instants = utc_to_tai_array(clock) if scale == "utc" else clock
    return [instant if there else None for instant, there in zip(instants.tolist(), known.tolist(), strict=True)]


def _instant(element: str, row: int, value: Any, scale: str) -> int | None:
    if value is None or value == "" or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return None
    try:
        if scale == "tai" and isinstance(value, str):
            return _tai_text(value)
        if scale == "tai" and isinstance(value, dt.datetime) and value.tzinfo is None:
            return (value.replace(tzinfo=dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1) * 1000
        return parse_instant(value)
    except ValueError as error:
        raise DimensionValueError(f"row {row} of {element!r}: {error}") from None


def _tai_text(text: str) -> int:
    """Read a text that is TAI unless it says otherwise; a number counts nanoseconds."""
    text = text.strip()
    if text.lstrip("+-").isdigit() and len(text) > 8:  # eight digits are a date
        return int(text)
    says = text.endswith(("Z", "+00:00", "+0000")) or "/" in text
    return parse_instant(text if says else f"{text}/tai")
