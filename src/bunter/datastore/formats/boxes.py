"""Parts of images: boxes of pixels, circles on the sky, and the bytes they lie in."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, BinaryIO

from bunter.errors import FormatError
from bunter.values import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["array_part", "box_of", "box_slices", "circle_box", "prefetch", "rows_of_box"]

Box = tuple[int, int, int, int]

_CIRCLE_POINTS = 64


def box_of(parameters: Mapping[str, Any], shape: tuple[int, ...], wcs: Callable[[], Any] | None = None) -> Box | None:
    """Part of an image that is asked for.

    Parameters
    ----------
    parameters : mapping
        ``bbox`` = ``(x_begin, y_begin, x_end, y_end)``, half-open pixels counted from 0; or ``circle`` = ``(ra, dec,
        radius)``, ICRS degrees or angles of astropy, for the smallest box with the part of the circle that lies in the image.
    shape : tuple of int
        Shape of the image as NumPy gives it; the last two axes are y and x.
    wcs : callable, optional
        Gives the WCS of the image, or None.

    Returns
    -------
    (int, int, int, int) or None
        The box; None for all of the image.

    Raises
    ------
    FormatError
        If the parameters are others, or the box does not lie in the image.
    """
    if unknown := set(parameters) - {"bbox", "cutout", "circle"}:
        raise FormatError(f"an image is read with the parameters bbox and circle, not {', '.join(sorted(unknown))}")
    if len(parameters) > 1:
        raise FormatError("an image is read with one of bbox and circle, not with both")
    if not parameters:
        return None
    height, width = shape[-2:] if len(shape) >= 2 else (0, 0)
    if "circle" in parameters:
        return circle_box(parameters["circle"], None if wcs is None else wcs(), width, height)
    given = parameters.get("bbox", parameters.get("cutout"))
    try:
        x_begin, y_begin, x_end, y_end = (index(value) for value in given)
    except (TypeError, ValueError) as exc:
        raise FormatError(f"bbox is (x_begin, y_begin, x_end, y_end) in whole pixels from 0, not {given!r}") from exc
    if not (0 <= x_begin < x_end <= width and 0 <= y_begin < y_end <= height):
        raise FormatError(
            f"bbox {(x_begin, y_begin, x_end, y_end)} does not lie in the image, which is {width} x {height} pixels (x, y)"
        )
    return x_begin, y_begin, x_end, y_end


def circle_box(circle: Any, wcs: Any, width: int, height: int) -> Box:
    """Smallest box of pixels with all of a circle that lies in the image; FormatError where none of it does."""
    try:
        ra, dec, radius = (_degrees(value) for value in circle)
    except (TypeError, ValueError) as exc:
        raise FormatError(f"circle is (ra, dec, radius) in ICRS degrees, not {circle!r}") from exc
    if not (0 <= ra <= 360 and -90 <= dec <= 90 and 0 < radius < 90):
        raise FormatError(f"circle is (ra, dec, radius) in ICRS degrees, not ({ra}, {dec}, {radius})")
    if wcs is None or not wcs.has_celestial:
        raise FormatError("the image has no WCS, so that no circle on the sky can be cut out; give bbox in pixels")
    x, y = _outline(ra, dec, radius, wcs.celestial)
    begin = [max(0, int(low)) for low in (x[0], y[0])]
    end = [min(size, int(high)) for size, high in ((width, x[1]), (height, y[1]))]
    if begin[0] >= end[0] or begin[1] >= end[1]:
        raise FormatError(f"the circle of {radius} deg around ({ra}, {dec}) does not touch the image")
    return begin[0], begin[1], end[0], end[1]


def _degrees(value: Any) -> float:
    """Take a number as degrees, and an angle of astropy as what it is."""
    return float(value.to_value("deg") if hasattr(value, "to_value") else value)


def _outline(ra: float, dec: float, radius: float, wcs: Any) -> list[tuple[float, float]]:
    """First pixel and the one behind the last, in x and y, of a circle."""
    import numpy as np
    from astropy import units
    from astropy.coordinates import SkyCoord

    centre = SkyCoord(ra, dec, unit="deg", frame="icrs")
    angles = np.linspace(0, 360, _CIRCLE_POINTS, endpoint=False) * units.deg
    # The polygon of the points lies inside the circle by 1 - cos(pi / 64).
    rim = centre.directional_offset_by(angles, min(radius * 1.0013, 89.9) * units.deg)
    try:
        found = [np.append(*pair) for pair in zip(wcs.world_to_pixel(rim), wcs.world_to_pixel(centre), strict=True)]
    except (ValueError, TypeError) as exc:
        raise FormatError(f"the WCS of the image cannot place the circle: {exc}; give bbox in pixels") from exc
    there = np.isfinite(found[0]) & np.isfinite(found[1])
    if not there[-1]:
        raise FormatError(f"the circle of {radius} deg around ({ra}, {dec}) does not touch the image")
    limits = [(np.floor(each[there].min() + 0.5), np.floor(each[there].max() + 0.5) + 1) for each in found]
    return [(float(np.clip(low, -1e9, 1e9)), float(np.clip(high, -1e9, 1e9))) for low, high in limits]


def box_slices(box: Box) -> tuple[Any, ...]:
    """Index of the box in an array."""
    x_begin, y_begin, x_end, y_end = box
    return ..., slice(y_begin, y_end), slice(x_begin, x_end)


def rows_of_box(box: Box, shape: tuple[int, ...], itemsize: int, offset: int) -> list[ByteRange]:
    """Bytes of a box, row by row, in an array that lies in a file from ``offset`` on."""
    x_begin, y_begin, x_end, y_end = box
    height, width = shape[-2:]
    planes = 1
    for size in shape[:-2]:
        planes *= size
    starts = (
        offset + ((plane * height + y) * width + x_begin) * itemsize
        for plane in range(planes)
        for y in range(y_begin, y_end)
    )
    return [ByteRange(start, (x_end - x_begin) * itemsize) for start in starts]


def prefetch(file: Any, ranges: list[ByteRange]) -> None:
    """Ask a file for ranges in one go, if it is one that can."""
    if hasattr(file, "prefetch"):
        file.prefetch(ranges)


def array_part(
    file: BinaryIO, offset: int, shape: tuple[int, ...], dtype: Any, parameters: Mapping[str, Any], *, is_fortran: bool
) -> Any:
    """Read a box of an array that lies in a file from ``offset`` on, as C or Fortran orders it."""
    import numpy as np

    box = box_of(parameters, shape)
    if box is None or is_fortran:
        file.seek(offset)
        count = int(np.prod(shape, dtype=np.int64))
        content = file.read(count * dtype.itemsize)
        array = np.frombuffer(content, dtype, count).reshape(shape, order="F" if is_fortran else "C")
        return np.ascontiguousarray(array if box is None else array[box_slices(box)])
    rows = rows_of_box(box, shape, dtype.itemsize, offset)
    prefetch(file, rows)
    pieces = []
    for row in rows:
        file.seek(row.begin)
        pieces.append(file.read(row.size))
    found = np.frombuffer(b"".join(pieces), dtype)
    return found.reshape(*shape[:-2], box[3] - box[1], box[2] - box[0]).copy()
