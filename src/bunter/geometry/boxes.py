"""Exact overlap of a box of longitudes and latitudes with a convex polygon.

A box is bounded by meridians, which are great circles, and parallels, which are not; so it is no convex polygon.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Vector = tuple[float, float, float]
Bounds = tuple[float, float, float, float]

_TINY = 1e-15


def box_overlaps_polygon(bounds: Bounds, all_longitudes: bool, vertices: Sequence[Vector]) -> bool:  # noqa: FBT001 - a box is these two
    """Whether a box and a convex polygon have a point in common, borders included.

    Parameters
    ----------
    bounds : tuple[float, float, float, float]
        Longitude from, to (eastwards, may pass zero), latitude from, to; radians.
    all_longitudes : bool
        Whether the box goes all the way round.
    vertices : Sequence[Vector]
        Of the polygon, anticlockwise as seen from outside.

    Notes
    -----
    Two closed sets meet if one holds a point of the other (any corner will do) or their borders cross.
    """
    edges = list(zip(vertices, [*vertices[1:], vertices[0]], strict=True))
    if any(_in_box(vertex, bounds, all_longitudes) for vertex in vertices):
        return True
    if any(_in_polygon(corner, edges) for corner in _corners(bounds)):
        return True
    return any(_edge_crosses(one, other, bounds, all_longitudes) for one, other in edges)


def _in_longitudes(longitude: float, bounds: Bounds) -> bool:
    width = (bounds[1] - bounds[0]) % math.tau
    offset = (longitude - bounds[0]) % math.tau
    return offset <= width + _TINY or offset >= math.tau - _TINY


def _in_box(point: Vector, bounds: Bounds, all_longitudes: bool) -> bool:  # noqa: FBT001 - a box is these two
    latitude = math.atan2(point[2], math.hypot(point[0], point[1]))
    if not bounds[2] - _TINY <= latitude <= bounds[3] + _TINY:
        return False
    return all_longitudes or _in_longitudes(math.atan2(point[1], point[0]), bounds)


def _corners(bounds: Bounds) -> Iterator[Vector]:
    for longitude in bounds[:2]:
        for latitude in bounds[2:]:
            cosine = math.cos(latitude)
            yield cosine * math.cos(longitude), cosine * math.sin(longitude), math.sin(latitude)


def _in_polygon(point: Vector, edges: Sequence[tuple[Vector, Vector]]) -> bool:
    return all(_dot(_cross(one, other), point) >= -_TINY for one, other in edges)


def _edge_crosses(one: Vector, other: Vector, bounds: Bounds, all_longitudes: bool) -> bool:  # noqa: FBT001 - a box is these two
    normal = _cross(one, other)
    points = [point for latitude in bounds[2:] for point in _on_parallel(normal, latitude)]
    if not all_longitudes:
        points += [point for longitude in bounds[:2] for point in _on_meridian(normal, longitude)]
    return any(
        _on_edge(point, one, other, normal) and _in_box_nearly(point, bounds, all_longitudes) for point in points
    )


def _in_box_nearly(point: Vector, bounds: Bounds, all_longitudes: bool) -> bool:  # noqa: FBT001 - a box is these two
    # The point was made to lie on the border; rounding must not put it outside.
    wider = (bounds[0] - 1e-14, bounds[1] + 1e-14, bounds[2] - 1e-14, bounds[3] + 1e-14)
    return _in_box(point, wider, all_longitudes)


def _on_edge(point: Vector, one: Vector, other: Vector, normal: Vector) -> bool:
    return _dot(_cross(normal, one), point) >= -_TINY and _dot(_cross(other, normal), point) >= -_TINY


def _on_meridian(normal: Vector, longitude: float) -> list[Vector]:
    """Points of a great circle that lie on a half meridian: at most one, for a circle that is not the meridian."""
    meridian = (-math.sin(longitude), math.cos(longitude), 0.0)
    line = _cross(normal, meridian)
    length = math.sqrt(_dot(line, line))
    if length < _TINY:
        return []
    towards = math.cos(longitude) * line[0] + math.sin(longitude) * line[1]
    sign = (1.0 if towards >= 0 else -1.0) / length
    return [(line[0] * sign, line[1] * sign, line[2] * sign)]


def _on_parallel(normal: Vector, latitude: float) -> list[Vector]:
    """Points of a great circle with a given latitude: none, one or two."""
    a, b, c = normal
    z, ring = math.sin(latitude), math.cos(latitude)
    across = math.hypot(a, b) * ring
    if across < _TINY * math.sqrt(_dot(normal, normal)):
        return []
    cosine = -c * z / across
    if abs(cosine) > 1.0:
        return []
    centre, half = math.atan2(b, a), math.acos(cosine)
    return [(ring * math.cos(centre + turn), ring * math.sin(centre + turn), z) for turn in (half, -half)]


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
