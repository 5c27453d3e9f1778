"""Positions on the sky as people write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from bunter.errors import PositionError

__all__ = ["Position", "as_position", "looks_like_position"]

_NUMBER: Final = r"\d+(?:\.\d*)?|\.\d+"
_DEGREES: Final = re.compile(rf"([+-]?(?:{_NUMBER})(?:e[+-]?\d+)?)\s*(?:d|deg|°)?", re.IGNORECASE)
_PARTS: Final = re.compile(
    rf"([+-]?)\s*(\d+)\s*([:hd°\s])\s*(\d+)\s*(?:[:m'\u2032\s]\s*({_NUMBER})?)?\s*[s\"\u2033]?", re.IGNORECASE
)
_HOURS: Final = re.compile(rf"([+-]?(?:{_NUMBER}))\s*h", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Position:
    """A position in ICRS degrees.

    Parameters
    ----------
    ra, dec : float
        Right ascension, 0 to 360, and declination, -90 to 90.
    """

    ra: float
    dec: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ra) and math.isfinite(self.dec)):
            raise PositionError(f"({self.ra}, {self.dec}) is no position")
        if not -90 <= self.dec <= 90:
            raise PositionError(
                f"a declination lies between -90 and 90 degrees, not at {self.dec:g}; right ascension comes first"
            )
        if not -360 <= self.ra <= 360:
            raise PositionError(f"a right ascension lies between 0 and 360 degrees, not at {self.ra:g}")
        object.__setattr__(self, "ra", self.ra % 360.0)

    def __str__(self) -> str:
        return f"{self.ra:.6g} {self.dec:+.6g}" if self.ra == round(self.ra, 3) else f"{self.ra:.7f} {self.dec:+.7f}"


def as_position(ra: Any, dec: Any = None) -> Position:
    """Read a position.

    Parameters
    ----------
    ra, dec : float or str
        Degrees as numbers or text; or sexagesimal text, in which right ascension is in hours: ``"08:51:20"``, ``"8h51m20s"``,
        ``"8 51 20"`` and ``"+11:49:00"``, ``"11d49m"``. Or, without ``dec``, an `astropy.coordinates.SkyCoord`.

    Raises
    ------
    PositionError
        If it is none.
    """
    if dec is None:
        return _of_coordinate(ra)
    return Position(_angle(ra, "right ascension", 15.0), _angle(dec, "declination", 1.0))


def _of_coordinate(coordinate: Any) -> Position:
    icrs = getattr(coordinate, "icrs", None)
    if icrs is None:
        raise PositionError(f"{coordinate!r} is no position; give right ascension and declination")
    if getattr(icrs, "shape", ()):
        raise PositionError(f"that is {icrs.shape} positions; give one")
    return Position(float(icrs.ra.deg), float(icrs.dec.deg))


def looks_like_position(text: str) -> bool:
    """Say whether a text is meant as an angle, and not as a name."""
    return any(pattern.fullmatch(text.strip()) for pattern in (_DEGREES, _HOURS, _PARTS))


def _angle(value: Any, what: str, per_unit: float) -> float:
    """Return an angle in degrees; sexagesimal text is in units of ``per_unit`` degrees."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hasattr(value, "to_value"):  # astropy's quantities
        return float(value.to_value("deg"))
    if not isinstance(value, str):
        value = getattr(value, "item", lambda: value)()  # NumPy's numbers
        if isinstance(value, int | float):
            return float(value)
    text = str(value).strip().replace("\u2212", "-")  # the minus sign of journals
    if match := _DEGREES.fullmatch(text):
        return float(match[1])
    if (match := _HOURS.fullmatch(text)) and per_unit > 1:
        return float(match[1]) * per_unit
    if match := _PARTS.fullmatch(text):
        return _sexagesimal(match, text, what, per_unit)
    example = "08:51:20.1" if per_unit > 1 else "+11:49:00"
    raise PositionError(f"{text!r} is no {what}; write degrees such as 132.83, or {example}")


def _sexagesimal(match: re.Match[str], text: str, what: str, per_unit: float) -> float:
    sign, whole, unit, minutes, seconds = match.groups()
    if int(minutes) >= 60 or float(seconds or 0) >= 60:
        raise PositionError(f"{text!r} is no {what}: minutes and seconds are less than 60")
    unit_deg = 1.0 if unit.lower() in "d°" else per_unit
    if unit.lower() == "h" and per_unit == 1:
        raise PositionError(f"{text!r} is no {what}: only right ascensions are in hours")
    size = int(whole) + int(minutes) / 60 + float(seconds or 0) / 3600
    return (-size if sign == "-" else size) * unit_deg
