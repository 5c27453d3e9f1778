"""What comes out of operators whose operands are all constants."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Final

from bunter.query.bound import Constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.query.bound import Kind

__all__ = ["compared", "computed", "regions_overlap", "timespans_overlap", "truncated_quotient", "truncated_remainder"]

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compared(sign: str, left: object, right: object) -> bool:
    """Return what the comparison of two values of one kind gives."""
    return _COMPARISONS[sign](left, right)


def truncated_quotient(left: int, right: int) -> int:
    """Divide whole numbers and cut off towards zero, as SQL does."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def truncated_remainder(left: int, right: int) -> int:
    """Return what `truncated_quotient` leaves over; it has the sign of ``left``."""
    return left - right * truncated_quotient(left, right)


_INT: Final[dict[str, Callable[[int, int], int]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": truncated_quotient,
    "%": truncated_remainder,
}
_FLOAT: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def computed(sign: str, left: Constant, right: Constant, kind: Kind) -> Constant:
    """Return the result of arithmetic between constants; the right side of a division is not zero.

    Raises
    ------
    OverflowError
        If the result does not fit into 64 bits.
    """
    a: Any = left.value
    b: Any = right.value
    value: float = _INT[sign](a, b) if kind == "int" else _FLOAT[sign](float(a), float(b))
    if not math.isfinite(value) or (kind == "int" and not -(2**63) <= value < 2**63):
        raise OverflowError(f"the result of {a} {sign} {b} is too large")
    return Constant(value, kind)


def timespans_overlap(left: Any, right: Any) -> bool:
    """Whether two half-open intervals (begin, end) share an instant."""
    return bool(left[0] < right[1] and right[0] < left[1])


def regions_overlap(left: Any, right: Any) -> bool:
    """Whether two encoded regions share a point."""
    from bunter.geometry import Region

    return bool(Region.decode(left).overlaps(Region.decode(right)))
