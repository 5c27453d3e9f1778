"""Which regions are nearest to another one, and how far away they are."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bunter.geometry.overlap import caps
from bunter.geometry.shapes import decode, sphgeom, xyz

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["nearest", "nearest_pair"]

_NARROW = 5.0  # degrees
_BLOCK = 512


def nearest(regions: Sequence[bytes], target: bytes, count: int = 1) -> list[tuple[int, float]]:
    """Find the regions nearest to another one.

    Parameters
    ----------
    regions : Sequence[bytes]
        Encoded regions.
    target : bytes
        Encoded region; it counts as the smallest circle around it.
    count : int
        How many to find.

    Returns
    -------
    list[tuple[int, float]]
        Place in ``regions`` and distance in degrees between the borders, 0 where they overlap; nearest first. Convex
        polygons and boxes of less than 5 degrees are measured from their edges, other shapes from the circle around them.
    """
    import numpy as np

    circles = caps(regions)
    x, y, z, radius = caps([target])[0].tolist()
    apart = np.arccos(np.clip(circles[:, :3] @ np.array([x, y, z]), -1, 1))
    least = np.where(circles[:, 3] < 0, np.inf, apart - circles[:, 3] - radius)
    found: list[tuple[float, int]] = []
    for place in np.argsort(least, kind="stable").tolist():
        if not math.isfinite(least[place]) or (len(found) >= count and least[place] > found[count - 1][0]):
            break
        gap = max(0.0, _from_point(regions[place], (x, y, z), float(least[place]) + radius) - radius)
        found = sorted([*found, (gap, place)])[:count]
    return [(place, math.degrees(gap)) for gap, place in found]


def nearest_pair(left: Sequence[bytes], right: Sequence[bytes]) -> tuple[int, int]:
    """Find the two regions of two sets whose bounding circles come nearest to each other.

    Parameters
    ----------
    left, right : Sequence[bytes]
        Encoded regions, at least one of each.

    Returns
    -------
    tuple[int, int]
        Place in ``left`` and in ``right``.
    """
    import numpy as np

    ours, theirs = caps(left), caps(right)
    best: tuple[float, int, int] = (math.inf, 0, 0)
    for begin in range(0, len(ours), _BLOCK):
        block = ours[begin : begin + _BLOCK]
        gaps = np.arccos(np.clip(block[:, :3] @ theirs[:, :3].T, -1, 1)) - block[:, 3:] - theirs[:, 3]
        row, column = np.unravel_index(int(np.argmin(gaps)), gaps.shape)
        best = min(best, (float(gaps[row, column]), begin + int(row), int(column)))
    return best[1], best[2]


def _from_point(region: bytes, point: tuple[float, float, float], otherwise: float) -> float:
    """Return the angle in radians between a direction and a shape with corners; of other shapes what is given."""
    module = sphgeom()
    shape = decode(region)
    corners = _corners(shape)
    if not corners:
        return otherwise
    if shape.contains(module.UnitVector3d(*point)):
        return 0.0
    return min(_from_edge(point, *edge) for edge in pairwise([*corners, corners[0]]))


def _corners(shape: Any) -> list[Any]:
    """Return the corners of a convex polygon or a small box, whose edges are nearly great circles; none of others."""
    module = sphgeom()
    if isinstance(shape, module.ConvexPolygon):
        return [xyz(vertex) for vertex in shape.getVertices()]
    if isinstance(shape, module.Box) and 0 < shape.getWidth().asDegrees() < _NARROW > shape.getHeight().asDegrees():
        lon, lat = shape.getLon(), shape.getLat()
        turns = ((lon.getA(), lat.getA()), (lon.getB(), lat.getA()), (lon.getB(), lat.getB()), (lon.getA(), lat.getB()))
        ends = [(each.asRadians(), other.asRadians()) for each, other in turns]
        return [(math.cos(a) * math.cos(d), math.sin(a) * math.cos(d), math.sin(d)) for a, d in ends]
    return []


def _from_edge(point: Any, begin: Any, end: Any) -> float:
    """Return the angle between a direction and an arc of a great circle."""
    import numpy as np

    normal = np.cross(begin, end)
    normal /= np.linalg.norm(normal)
    beside = np.cross(normal, np.cross(point, normal))  # the point, moved straight onto the great circle
    between = np.dot(np.cross(begin, beside), normal) >= 0 and np.dot(np.cross(beside, end), normal) >= 0
    if between and np.linalg.norm(beside) > 0:
        return abs(math.asin(float(np.clip(np.dot(point, normal), -1, 1))))
    return min(_angle(point, begin), _angle(point, end))


def _angle(one: Any, other: Any) -> float:
    import numpy as np

    return math.atan2(float(np.linalg.norm(np.cross(one, other))), float(np.dot(one, other)))
