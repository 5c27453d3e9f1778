"""Constants of a query: Python values and literals, and what they become beside a column of some kind."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from typing import TYPE_CHECKING, Any, Final

from bunter.query.bound import Constant
from bunter.values import Timespan, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bunter.query.bound import Kind

__all__ = [
    "as_instant",
    "coerced",
    "coerced_many",
    "constant_of",
    "described",
    "is_list",
    "numeric",
    "region_of_call",
]

_NAMES: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "time": "a time",
    "timespan": "a timespan",
    "region": "a region",
    "uuid": "a UUID",
    "bytes": "bytes",
    "null": "NULL",
    "any": "a header card or metadata",
}
_UTC_FORMATS: Final = frozenset({"iso", "isot", "fits", "yday", "unix"})
_SCALES: Final = frozenset({"utc", "tai", "tt", "tdb", "tcb", "tcg", "ut1", "local"})


def described(kind: Kind) -> str:
    """Return the kind in words, with its article."""
    return _NAMES[kind]


def numeric(kind: Kind) -> bool:
    """Whether arithmetic applies to the kind."""
    return kind in {"int", "float"}


def is_list(value: object) -> bool:
    """Whether a bind value stands for several values."""
    return isinstance(value, list | tuple | set | frozenset | range) or (
        hasattr(value, "tolist") and bool(getattr(value, "shape", ())) and not hasattr(value, "jd1")
    )


def constant_of(value: object) -> Constant:
    """Return the constant of one Python value.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, bytes, UUID, Timespan, Region, datetime, astropy Time or SkyCoord, a longitude and
        latitude of sphgeom, or a NumPy scalar.

    Raises
    ------
    ValueError
        If it is of no such type, or cannot be represented.
    """
    if hasattr(value, "item") and not getattr(value, "shape", None) and type(value).__module__ == "numpy":
        value = value.item()
    for kinds, convert in _CONVERSIONS:
        if isinstance(value, kinds):
            return convert(value)
    if hasattr(value, "jd1") and hasattr(value, "tai"):
        return Constant(parse_instant(value), "time")
    return Constant(_region_of(value).encode(), "region")


def _number(value: float) -> Constant:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number to compare with; test for NULL instead")
    return Constant(value, "float")


def _whole(value: int) -> Constant:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} does not fit into 64 bits")
    return Constant(value, "int")


def _text(value: str) -> Constant:
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{value!a} has half a character (a lone surrogate), which no database keeps")
    return Constant(value, "str")


_CONVERSIONS: Final[tuple[tuple[Any, Callable[[Any], Constant]], ...]] = (
    (type(None), lambda _: Constant(None, "null")),
    (bool, lambda value: Constant(value, "bool")),
    (int, lambda value: _whole(int(value))),
    (float, lambda value: _number(float(value))),
    (str, lambda value: _text(str(value))),
    (bytes, lambda value: Constant(value, "bytes")),
    (uuid.UUID, lambda value: Constant(value.bytes, "uuid")),
    (Timespan, lambda value: Constant(value.bounds, "timespan")),
    (dt.datetime, lambda value: Constant(parse_instant(value), "time")),
)


def _region_of(value: Any) -> Any:
    from bunter.geometry import Region

    if isinstance(value, Region):
        return value
    if hasattr(value, "icrs") and getattr(value, "isscalar", False):
        return Region.point(float(value.icrs.ra.deg), float(value.icrs.dec.deg))
    if hasattr(value, "getLon") and hasattr(value, "getLat"):
        return Region.point(value.getLon().asDegrees(), value.getLat().asDegrees())
    if hasattr(value, "getBoundingCircle") and hasattr(value, "encode"):
        return Region.decode(value.encode())
    raise ValueError(f"a {type(value).__name__} cannot stand in a query")


def region_of_call(function: str, arguments: Sequence[float | str]) -> bytes:
    """Return the encoded region of POINT, CIRCLE, BOX, POLYGON or REGION.

    Parameters
    ----------
    function : str
        The function's name in capitals.
    arguments : sequence of float or str
        Degrees, ICRS; for REGION one string: an IVOA position such as ``CIRCLE 10 20 0.5``, or ``0x`` and the
        hexadecimal digits of an encoded region.

    Raises
    ------
    ValueError
        If their number or values do not make a region.
    """
    from bunter.geometry import Region

    if function == "REGION":
        return _region_of_text(arguments)
    if any(isinstance(each, str) for each in arguments):
        raise ValueError(f"{function} takes numbers, in degrees")
    degrees = [float(each) for each in arguments]
    wanted = {"POINT": ("ra, dec", 2), "CIRCLE": ("ra, dec, radius", 3), "BOX": ("ra, dec, width, height", 4)}
    if function in wanted:
        names, count = wanted[function]
        if len(degrees) != count:
            raise ValueError(f"write {function}({names}) in degrees; {len(degrees)} numbers are given")
        region: Region = getattr(Region, function.lower())(*degrees)
        return region.encode()
    if len(degrees) < 6 or len(degrees) % 2:
        raise ValueError("POLYGON takes at least three pairs of ra, dec in degrees")
    polygon: bytes = Region.polygon(list(zip(degrees[::2], degrees[1::2], strict=True))).encode()
    return polygon


def _region_of_text(arguments: Sequence[float | str]) -> bytes:
    from bunter.geometry import Region

    if len(arguments) != 1 or not isinstance(arguments[0], str):
        raise ValueError("REGION takes one string, such as REGION('CIRCLE 10 20 0.5')")
    text = arguments[0]
    if text.startswith("0x"):
        return Region.decode(bytes.fromhex(text[2:])).encode()
    return Region.from_pos(text).encode()


def as_instant(text: str) -> int:
    """Return the time of what stands between the quotes of ``T'...'``, in ns TAI.

    Without a scale, calendar and unix times are UTC, GPS-like ``cxcsec`` is TT, and all else, MJD above all, is TAI.

    Raises
    ------
    ValueError
        If it is no time.
    """
    body, slash, tail = text.strip().rpartition("/")
    if slash and tail.strip().lower() in _SCALES:
        return parse_instant(text.strip())
    form = body.partition("/")[0].strip().lower() if slash else ("mjd" if _is_number(text) else "iso")
    if form in _UTC_FORMATS:
        return parse_instant(text.strip().removesuffix("+00:00"))
    return parse_instant(f"{text.strip()}/{'tt' if form == 'cxcsec' else 'tai'}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def coerced(constant: Constant, kind: Kind) -> Constant | None:
    """Return the constant as one of the kind, or None where it cannot be.

    Raises
    ------
    ValueError
        If it is a string in which no value of the kind can be read.
    """
    if constant.kind == kind:
        return constant
    if constant.kind == "float" and kind == "int":
        whole = isinstance(constant.value, float) and constant.value.is_integer() and abs(constant.value) < 2**53
        return Constant(int(constant.value), "int") if whole else None  # type: ignore[call-overload]
    convert = _COERCIONS.get((constant.kind, kind))
    return None if convert is None else Constant(convert(constant.value), kind)


def coerced_many(values: Iterable[object], kind: Kind) -> tuple[object, ...]:
    """Return plain values of the kind for many Python values, without repeats.

    Those that cannot be of the kind are left as `Constant`.

    Raises
    ------
    ValueError
        If one is of a type that no query knows.
    """
    plain = {"int": int, "str": str, "float": float}.get(kind)
    if hasattr(values, "tolist"):
        values = values.tolist()
    found: dict[object, None] = {}
    for value in values:
        if type(value) is plain and (plain is str or (plain is int and -(2**63) <= value < 2**63)):  # type: ignore[operator]
            found[value] = None
            continue
        constant = Constant(value, "str") if type(value) is str else constant_of(value)
        fitting = coerced(constant, kind)
        found[constant if fitting is None else fitting.value] = None
    return tuple(found)


def _uuid(text: Any) -> bytes:
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise ValueError(f"{text!r} is no UUID; it has 32 hexadecimal digits") from None


def _octets(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{text!r} is no hexadecimal text, as this column needs") from None


def _instant_span(instant: Any) -> tuple[int, int]:
    return (instant, instant + 1)


_COERCIONS: Final[dict[tuple[Kind, Kind], Callable[[Any], object]]] = {
    ("int", "float"): lambda value: float(value) if int(float(value)) == value else value,
    ("str", "time"): as_instant,
    ("str", "timespan"): lambda value: _instant_span(as_instant(value)),
    ("time", "timespan"): _instant_span,
    ("str", "uuid"): _uuid,
    ("bytes", "uuid"): bytes,
    ("str", "bytes"): _octets,
    ("str", "region"): lambda value: region_of_call("REGION", (value,)),
}
