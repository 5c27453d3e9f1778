"""The one place that speaks to lsst.sphgeom: encoded regions to shapes, and the exact relation of two shapes."""

from __future__ import annotations

import functools
import math
from typing import Any

from bunter.errors import FormatError
from bunter.geometry.boxes import box_overlaps_polygon

Vector = tuple[float, float, float]


@functools.cache
def sphgeom() -> Any:
    """Import lsst.sphgeom, on first use."""
    import lsst.sphgeom

    return lsst.sphgeom


def decode(encoded: bytes) -> Any:
    """Shape of an encoded region; FormatError if the bytes are none."""
    try:
        return sphgeom().Region.decode(encoded)
    except (RuntimeError, ValueError, TypeError) as error:
        raise FormatError(f"{len(encoded)} bytes are not an encoded region: {error}") from error


def unit_vector(ra: float, dec: float) -> Any:
    """Make the unit vector towards a position in degrees."""
    module = sphgeom()
    return module.UnitVector3d(module.LonLat.fromDegrees(ra, dec))


def xyz(vector: Any) -> Vector:
    """Components of a vector of sphgeom."""
    return vector.x(), vector.y(), vector.z()


def position(vector: Any) -> tuple[float, float]:
    """Right ascension in [0, 360) and declination of a vector, in degrees."""
    x, y, z = xyz(vector)
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def shapes_overlap(one: Any, other: Any) -> bool:
    """Whether two shapes have a point in common, borders included."""
    module = sphgeom()
    for first, second in ((one, other), (other, one)):
        if isinstance(first, module.UnionRegion):
            return any(shapes_overlap(part, second) for part in module.Region.getRegions(first))
    for first, second in ((one, other), (other, one)):
        if isinstance(first, module.Box) and isinstance(second, module.ConvexPolygon):
            return _box_polygon(first, second)
    if isinstance(one, module.IntersectionRegion) or isinstance(other, module.IntersectionRegion):
        return _intersection_overlaps(one, other)
    return not one.relate(other) & module.DISJOINT


def _intersection_overlaps(one: Any, other: Any) -> bool:
    # Disjoint from one part means disjoint; otherwise sphgeom cannot exclude it and neither do we.
    module = sphgeom()
    whole = isinstance(one, module.IntersectionRegion)
    parts, rest = (module.Region.getRegions(one), other) if whole else (module.Region.getRegions(other), one)
    return all(shapes_overlap(part, rest) for part in parts)


def _box_polygon(box: Any, polygon: Any) -> bool:
    if box.isEmpty():
        return False
    vertices = [xyz(vertex) for vertex in polygon.getVertices()]
    lon, lat = box.getLon(), box.getLat()
    bounds = (lon.getA().asRadians(), lon.getB().asRadians(), lat.getA().asRadians(), lat.getB().asRadians())
    return box_overlaps_polygon(bounds, lon.isFull(), vertices)
