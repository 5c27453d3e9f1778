"""Instants: integer nanoseconds TAI since 1970-01-01T00:00:00 TAI, and how people write them."""

from __future__ import annotations

import bisect
import datetime as dt
import operator
import re
from typing import Any

from bunter import effects

# (first UTC second since 1970 from which it holds, TAI - UTC in s); IERS Bulletin C. Earlier times go through astropy.
_LEAPS = (
    (63072000, 10), (78796800, 11), (94694400, 12), (126230400, 13), (157766400, 14), (189302400, 15),
    (220924800, 16), (252460800, 17), (283996800, 18), (315532800, 19), (362793600, 20), (394329600, 21),
    (425865600, 22), (489024000, 23), (567993600, 24), (631152000, 25), (662688000, 26), (709948800, 27),
    (741484800, 28), (773020800, 29), (820454400, 30), (867715200, 31), (915148800, 32), (1136073600, 33),
    (1230768000, 34), (1341100800, 35), (1435708800, 36), (1483228800, 37),
)  # fmt: skip
_LEAP_STARTS = [start for start, _ in _LEAPS]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NS = 1_000_000_000

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*(Z|[+-]00:?00)?", re.ASCII)
_SCALES = frozenset({"utc", "tai", "tt", "tdb", "tcb", "tcg", "ut1"})


def parse_instant(when: object) -> int:
    """Turn a time in any of its forms into nanoseconds TAI since 1970-01-01T00:00:00 TAI.

    Parameters
    ----------
    when : int, str, datetime.datetime, datetime.date or astropy.time.Time
        An integer is taken as it is. Texts are ISO 8601 (``2024-03-01T12:00:00.5``, ``2024-03-01``) or
        ``format/value`` with a format of astropy (``mjd/60370.5``); a suffix ``/tai`` or ``/utc`` names the scale.
        Without a scale, texts and datetimes are UTC.

    Returns
    -------
    int
        Nanoseconds, rounded to the nearest.

    Raises
    ------
    ValueError
        If it cannot be read as a time.

    Notes
    -----
    TAI - UTC: IERS Bulletin C, by an own table for 1972 and later, so that astropy is needed only for the rest.
    """
    if isinstance(when, str):
        return _parse_text(when)
    if isinstance(when, dt.datetime):
        return _from_datetime(when)
    if isinstance(when, dt.date):
        return _from_datetime(dt.datetime(when.year, when.month, when.day, tzinfo=dt.UTC))
    if hasattr(when, "tai") and hasattr(when, "jd1"):
        return _from_astropy(when)
    try:
        return operator.index(when)  # type: ignore[arg-type]
    except TypeError:
        message = f"cannot read {when!r} as a time; give ISO text, a datetime, an astropy Time or int ns TAI"
        raise ValueError(message) from None


def format_instant(instant: int) -> str:
    """Write nanoseconds TAI as ISO text with as many decimals as needed, without naming the scale."""
    seconds, rest = divmod(instant, _NS)
    try:
        text = (_EPOCH + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    except OverflowError:
        return f"{instant} ns"
    text = text.zfill(19)
    return f"{text}.{rest:09d}".rstrip("0") if rest else text


def clock_text(instant: int) -> str:
    """Write nanoseconds TAI as clocks show them, in UTC, rounded up to milliseconds: a moment not before the given one."""
    utc_ns = tai_to_utc_ns(instant)
    return format_instant(-(-utc_ns // 1_000_000) * 1_000_000)


def utc_to_tai_ns(utc_ns: int) -> int:
    """Add TAI - UTC to nanoseconds since 1970 UTC as clocks count them (1972 and later).

    Raises
    ------
    ValueError
        If the time is before 1972, when seconds of UTC were not those of TAI.
    """
    index = bisect.bisect_right(_LEAP_STARTS, utc_ns // _NS) - 1
    if index < 0:
        raise ValueError("UTC before 1972 has no whole leap seconds; give an astropy Time, or TAI")
    return utc_ns + _LEAPS[index][1] * _NS


def now_tai_ns() -> int:
    """Return what time it is, ns TAI since 1970."""
    return utc_to_tai_ns(effects.now_ns())


def utc_to_tai_array(utc_ns: Any) -> Any:
    """Do for an int64 array what `utc_to_tai_ns` does for one number."""
    import numpy as np

    places = np.searchsorted(np.array(_LEAP_STARTS, dtype=np.int64) * _NS, utc_ns, side="right") - 1
    if len(places) and places.min() < 0:
        raise ValueError("UTC before 1972 has no whole leap seconds; give astropy Times, or TAI")
    return utc_ns + np.array([offset for _, offset in _LEAPS], dtype=np.int64)[places] * _NS


def tai_to_utc_ns(tai_ns: int) -> int:
    """Inverse of `utc_to_tai_ns`; within a leap second the clock stands at the second after it."""
    for start, offset in reversed(_LEAPS):
        if tai_ns >= (start + offset) * _NS:
            return tai_ns - offset * _NS
        if tai_ns >= (start + offset - 1) * _NS:
            return start * _NS
    return tai_ns - _LEAPS[0][1] * _NS


def _parse_text(text: str) -> int:
    body, scale = _split_scale(text.strip())
    head, slash, tail = body.partition("/")
    if slash:
        return _by_astropy(text, tail, head.lower(), scale)
    match = _ISO.fullmatch(body)
    if match and not (match[8] and scale == "tai"):
        exact = _from_iso(match, scale)
        if exact is not None:
            return exact
    return _by_astropy(text, body, None, scale)


def _split_scale(text: str) -> tuple[str, str]:
    head, slash, tail = text.rpartition("/")
    if slash and tail.lower() in _SCALES:
        return head, tail.lower()
    return text, ""


def _from_iso(match: re.Match[str], scale: str) -> int | None:
    """Exact value of an ISO text, or None where astropy must decide (leap seconds, before 1972, other scales)."""
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    if second > 59 or scale not in {"", "utc", "tai"} or (year < 1972 and scale != "tai"):
        return None
    try:
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError as error:
        raise ValueError(f"{match[0]!r} is not a time: {error}") from None
    whole = (moment - _EPOCH) // dt.timedelta(seconds=1) * _NS
    digits = (match[7] or "0")[:10].ljust(10, "0")
    instant = whole + (int(digits) + 5) // 10
    return instant if scale == "tai" else utc_to_tai_ns(instant)


def _from_datetime(moment: dt.datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    utc_ns = (aware - _EPOCH) // dt.timedelta(microseconds=1) * 1000
    if utc_ns < _LEAP_STARTS[0] * _NS:
        return _by_astropy(str(moment), aware.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"), "isot", "utc")
    return utc_to_tai_ns(utc_ns)


def _by_astropy(asked: str, value: str, form: str | None, scale: str) -> int:
    from astropy.time import Time

    number: str | float = value
    if form is None:
        try:
            number, form = float(value), "mjd"
        except ValueError:
            form = None
    elif form not in Time.FORMATS:
        raise ValueError(f"cannot read {asked!r} as a time: there is no time format {form!r}")
    try:
        # Texts stay texts so that a decimal MJD keeps all its digits; formats without text input need a number.
        time = Time(value if form in {"mjd", "jd"} else number, format=form, scale=scale or None)
    except (ValueError, TypeError):
        try:
            time = Time(float(value), format=form, scale=scale or None)
        except (ValueError, TypeError) as error:
            reason = "write it like 2024-03-01T12:00:00 or mjd/60370.5, with /tai for TAI"
            raise ValueError(f"cannot read {asked!r} as a time; {reason}") from error
    return _from_astropy(time)


def _from_astropy(time: object) -> int:
    from fractions import Fraction

    tai = time.tai  # type: ignore[attr-defined]
    if getattr(tai, "shape", ()):
        raise ValueError(f"a single time is needed, not an array of {tai.size}")
    jd1, jd2 = float(tai.jd1), float(tai.jd2)
    if jd1 != jd1 or jd2 != jd2:  # noqa: PLR0124 - NaN, what astropy makes of masked times
        raise ValueError("the time is not a number")
    return round((Fraction(jd1) + Fraction(jd2) - Fraction(4881175, 2)) * 86400 * _NS)
