"""Regions of the sky as values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bunter.geometry.shapes import decode, position, shapes_overlap, sphgeom, unit_vector, xyz

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Region:
    """A closed part of the sky. Equal to another of the same encoding.

    All positions are ICRS right ascension and declination in degrees. Make one with `circle`, `box`, `polygon`,
    `from_vectors`, `point` or `from_pos`; `decode` reads what `encode` gave.
    """

    __slots__ = ("_encoded", "_shape")

    _encoded: bytes
    _shape: Any

    def __init__(self, encoded: bytes) -> None:
        self._encoded, self._shape = bytes(encoded), None

    @classmethod
    def decode(cls, encoded: bytes) -> Region:
        """Read the binary encoding of lsst.sphgeom; FormatError if it is none."""
        return cls._of(decode(bytes(encoded)), bytes(encoded))

    @classmethod
    def circle(cls, ra: float, dec: float, radius: float) -> Region:
        """All positions no farther than ``radius`` degrees from a centre."""
        _check(ra, dec)
        if not 0 <= radius <= 180:
            raise ValueError(f"the radius of a circle lies between 0 and 180 degrees, not {radius}")
        module = sphgeom()
        return cls._of(module.Circle(unit_vector(ra, dec), module.Angle.fromDegrees(radius)))

    @classmethod
    def point(cls, ra: float, dec: float) -> Region:
        """One position, as a circle without extent."""
        _check(ra, dec)
        return cls._of(sphgeom().Circle(unit_vector(ra, dec)))

    @classmethod
    def box(cls, ra: float, dec: float, width: float, height: float) -> Region:
        """Positions between two meridians and two parallels.

        Parameters
        ----------
        ra, dec : float
            Centre.
        width, height : float
            Full extent in right ascension (as a difference of coordinates, 360 for all) and in declination; cut off at
            the poles.
        """
        _check(ra, dec)
        if not (0 <= width <= 360 and 0 <= height <= 360):
            raise ValueError(f"a box has a width and a height between 0 and 360 degrees, not {width} and {height}")
        module = sphgeom()
        lon = module.NormalizedAngleInterval.full()
        if width < 360:
            lon = module.NormalizedAngleInterval.fromDegrees(ra - width / 2, ra + width / 2)
        low, high = max(dec - height / 2, -90.0), min(dec + height / 2, 90.0)
        return cls._of(module.Box(lon, module.AngleInterval.fromDegrees(low, high)))

    @classmethod
    def polygon(cls, vertices: Iterable[tuple[float, float]]) -> Region:
        """Convex hull of at least three positions."""
        corners = list(vertices)
        for ra, dec in corners:
            _check(ra, dec)
        return cls._hull([unit_vector(ra, dec) for ra, dec in corners])

    @classmethod
    def from_vectors(cls, vectors: Iterable[Sequence[float]]) -> Region:
        """Convex hull of at least three directions (x, y, z), of any length."""
        unit = sphgeom().UnitVector3d
        return cls._hull([unit(float(x), float(y), float(z)) for x, y, z in vectors])

    @classmethod
    def _hull(cls, points: list[Any]) -> Region:
        try:
            return cls._of(sphgeom().ConvexPolygon(points))
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"{len(points)} positions do not make a polygon: give three or more that fit into a hemisphere and do "
                "not lie on one great circle"
            ) from error

    @classmethod
    def from_pos(cls, text: str) -> Region:
        """Read the IVOA's POS syntax: ``CIRCLE ra dec r``, ``RANGE ra1 ra2 dec1 dec2`` or ``POLYGON ra dec ...``."""
        try:
            return cls._of(sphgeom().Region.from_ivoa_pos(text.strip()))
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{text!r} is not an IVOA region ({error}); write it like 'CIRCLE 10.5 -2 0.3'") from error

    @classmethod
    def _of(cls, shape: Any, encoded: bytes | None = None) -> Region:
        region = cls(shape.encode() if encoded is None else encoded)
        region._shape = shape
        return region

    @property
    def shape(self) -> Any:
        """Region of lsst.sphgeom behind it."""
        if self._shape is None:
            self._shape = decode(self._encoded)
        return self._shape

    def encode(self) -> bytes:
        """Binary encoding of lsst.sphgeom, which existing repositories hold too."""
        return self._encoded

    def overlaps(self, other: Region) -> bool:
        """Whether some position is in both, borders included."""
        return shapes_overlap(self.shape, other.shape)

    def contains(self, ra: Any, dec: Any) -> Any:
        """Whether positions are inside; a bool, or an array of bool for arrays."""
        if isinstance(ra, float | int) and isinstance(dec, float | int):
            return bool(self.shape.contains(unit_vector(ra, dec)))
        import numpy as np

        return self.shape.contains(np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float)))

    def contains_region(self, other: Region) -> bool:
        """Whether all of the other is inside."""
        return bool(self.shape.relate(other.shape) & sphgeom().CONTAINS)

    def union(self, *others: Region) -> Region:
        """Positions in any of them."""
        module = sphgeom()
        return Region._of(module.UnionRegion(*[region.shape for region in (self, *others)]))

    def centre(self) -> tuple[float, float]:
        """Right ascension and declination of the middle: of the polygon's centroid, or of the bounding circle."""
        module = sphgeom()
        if isinstance(self.shape, module.ConvexPolygon):
            return position(self.shape.getCentroid())
        if isinstance(self.shape, module.Box):
            middle = self.shape.getCenter()
            return middle.getLon().asDegrees() % 360.0, middle.getLat().asDegrees()
        return position(self.shape.getBoundingCircle().getCenter())

    def corners(self) -> list[tuple[float, float]]:
        """Positions to draw it by: a polygon's vertices, a box's corners, or 32 points on the bounding circle."""
        module = sphgeom()
        if isinstance(self.shape, module.ConvexPolygon):
            return [position(vertex) for vertex in self.shape.getVertices()]
        if isinstance(self.shape, module.Box) and not self.shape.getLon().isFull():
            lon, lat = self.shape.getLon(), self.shape.getLat()
            west, east = lon.getA().asDegrees(), lon.getB().asDegrees()
            south, north = lat.getA().asDegrees(), lat.getB().asDegrees()
            return [(west, south), (east, south), (east, north), (west, north)]
        return _ring(*self.bounding_cap())

    def bounding_cap(self) -> tuple[float, float, float, float]:
        """Find a circle that holds all of it: unit vector of the centre and opening angle in radians."""
        circle = self.shape.getBoundingCircle()
        x, y, z = xyz(circle.getCenter())
        return x, y, z, circle.getOpeningAngle().asRadians()

    def to_pos(self) -> str:
        """IVOA POS text, for the shapes that have one."""
        return str(self.shape.to_ivoa_pos())

    def __eq__(self, other: object) -> bool:
        return self._encoded == other._encoded if isinstance(other, Region) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._encoded)

    def __reduce__(self) -> tuple[object, ...]:
        return Region, (self._encoded,)

    def __repr__(self) -> str:
        kind = type(self.shape).__name__
        ra, dec = self.centre()
        *_, angle = self.bounding_cap()
        return f"<Region {kind} around ({ra:.5f}, {dec:+.5f}), radius {math.degrees(angle):.4f} deg>"


def _check(ra: float, dec: float) -> None:
    if not (math.isfinite(ra) and -90 <= dec <= 90):
        raise ValueError(f"({ra}, {dec}) is no position; declinations lie between -90 and 90 degrees")


def _ring(x: float, y: float, z: float, angle: float) -> list[tuple[float, float]]:
    module = sphgeom()
    pole = module.UnitVector3d(x, y, z)
    side = module.UnitVector3d.orthogonalTo(pole)
    start = pole.rotatedAround(side, module.Angle(angle))
    return [position(start.rotatedAround(pole, module.Angle(math.tau * turn / 32))) for turn in range(32)]
