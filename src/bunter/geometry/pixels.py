"""Sky pixels: HTM triangles and HEALPix (nested)."""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Any

from bunter.errors import DimensionNameError
from bunter.geometry.region import Region
from bunter.geometry.shapes import shapes_overlap, sphgeom, unit_vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_NAME = re.compile(r"(htm|healpix)(\d+)")
_DEEPEST = {"htm": 24, "healpix": 17}


class Pixelization:
    """A numbering of pixels that cover the sky; see `skypix`.

    Attributes
    ----------
    name : str
        Such as ``htm7``.
    system : str
        ``htm`` or ``healpix``.
    level : int
        Each level has pixels a quarter as large as the one before.
    """

    def __init__(self, system: str, level: int) -> None:
        self.name, self.system, self.level = f"{system}{level}", system, level
        module = sphgeom()
        self._pixels = (module.HtmPixelization if system == "htm" else module.HealpixPixelization)(level)

    def pixels_of(self, region: Region) -> list[int]:
        """Pixels that overlap a region, ascending."""
        shape = region.shape
        interior = self._interior(shape)
        border = self._pixels.envelope(shape) - interior
        found = [pixel for begin, end in interior for pixel in range(begin, end)]
        found += [
            pixel
            for begin, end in border
            for pixel in range(begin, end)
            if shapes_overlap(self._pixels.pixel(pixel), shape)
        ]
        return sorted(found)

    def _interior(self, shape: Any) -> Any:
        """Return the pixels that lie wholly in a shape; of a point sphgeom's healpix fails to tell that there are none."""
        is_point = shape.getBoundingCircle().getOpeningAngle().asRadians() <= 0
        return sphgeom().RangeSet() if is_point else self._pixels.interior(shape)

    def at_most(self, region: Region) -> int:
        """Return about how many pixels overlap a region, rather too many than too few, without listing them."""
        if self.system == "htm":
            return sum(end - begin for begin, end in self._pixels.envelope(region.shape))
        count = 12 * 4**self.level  # healpix lists pixels where it should count them, so its bounding circle must do
        angle = region.shape.getBoundingCircle().getOpeningAngle().asRadians() + 4 / math.sqrt(count)
        return int(count * (1 - math.cos(min(angle, math.pi))) / 2) + 1

    def pixel_at(self, ra: float, dec: float) -> int:
        """Pixel that holds a position."""
        return int(self._pixels.index(unit_vector(ra, dec)))

    def pixels_at(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Pixels that hold positions (degrees), as int64 in their order."""
        import numpy as np

        lon, lat = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
        x, y, z = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
        unit, index = sphgeom().UnitVector3d, self._pixels.index
        found = (index(unit(*each)) for each in zip(x.tolist(), y.tolist(), z.tolist(), strict=True))
        return np.fromiter(found, np.int64, count=len(x))

    def region(self, pixel: int) -> Region:
        """Region that a pixel covers."""
        try:
            return Region.decode(self._pixels.pixel(pixel).encode())
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self.name} has no pixel {pixel}") from error

    def parent(self, pixel: int, levels: int = 1) -> int:
        """Pixel that holds this one, some levels up; in `skypix` of that level."""
        if not 0 <= levels <= self.level:
            raise ValueError(f"{self.name} has {self.level} levels above it, not {levels}")
        return pixel >> 2 * levels

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Pixelization) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<Pixelization {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return skypix, (self.name,)


@functools.cache
def skypix(name: str) -> Pixelization:
    """Pixelization of a name such as ``htm7`` or ``healpix9``.

    Raises
    ------
    DimensionNameError
        If there is none.
    """
    match = _NAME.fullmatch(name)
    if not match or int(match[2]) > _DEEPEST[match[1]]:
        raise DimensionNameError(f"there is no pixelization {name!r}; write it like 'htm7' or 'healpix9'")
    return Pixelization(match[1], int(match[2]))
