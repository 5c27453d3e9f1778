"""Images resampled onto the pixels of a patch of sky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.reduction.planes import UNUSABLE, Plane, mark, planes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.nddata import CCDData
    from astropy.wcs import WCS
    from numpy.typing import NDArray

_LEAST: Final = 8
"""Rows or columns of the grid that a detector must cover to be worth it."""


def warp(images: Sequence[CCDData], wcs: WCS, shape: tuple[int, int]) -> CCDData | None:
    """Resample the detectors of one visit onto one grid, by bicubic interpolation (`reproject.reproject_interp`).

    Parameters
    ----------
    images : sequence of astropy.nddata.CCDData
        From `calibrated.calibrate`; detectors that do not overlap each other.
    wcs : astropy.wcs.WCS
        Of the grid.
    shape : tuple of int
        Rows and columns of the grid.

    Returns
    -------
    astropy.nddata.CCDData or None
        The part of the grid that the detectors cover: flux per pixel as it was (the pixels are of equal size), NO_DATA
        where no detector is. None if there is no such part.
    """
    layers = np.zeros((2, *shape), np.float32)
    planes = np.full(shape, int(Plane.NO_DATA), np.int16)
    for image in images:
        _paste(image, wcs, layers, planes)
    if (planes & int(Plane.NO_DATA)).all():
        return None
    return _image(layers, planes, wcs, images)


def _paste(image: CCDData, wcs: WCS, layers: NDArray[np.float32], planes: NDArray[np.int16]) -> None:
    """Resample one detector into the part of the grid that it covers."""
    window = _window(image, wcs, planes.shape)
    if window is None:
        return
    unusable = ((planes_of(image) & int(UNUSABLE)) != 0).astype(np.float32)
    flux = _resampled(image.data, image.wcs, wcs[window], planes[window].shape, "bicubic")
    beside = np.stack([image.uncertainty.array, unusable])
    variance, spoilt = _resampled(beside, image.wcs, wcs[window], planes[window].shape, "bilinear")
    inside = np.isfinite(flux) & np.isfinite(variance)
    layers[0][window][inside], layers[1][window][inside] = flux[inside], variance[inside]
    planes[window][inside] = np.where(spoilt > 0.2, int(Plane.SATURATED), 0)[inside]


def _resampled(
    values: NDArray[np.float32], wcs: WCS, target: WCS, shape: tuple[int, ...], order: str
) -> NDArray[np.float32]:
    """Interpolate one image, or several on the same pixels; NaN outside."""
    from reproject import reproject_interp

    return np.asarray(
        reproject_interp(
            (values, wcs), target, shape_out=shape, order=order, roundtrip_coords=False, return_footprint=False
        )
    )


def _window(image: CCDData, wcs: WCS, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Rows and columns of the grid that a detector covers."""
    rows, columns = image.shape
    x, y = np.array([-0.5, columns - 0.5, columns - 0.5, -0.5]), np.array([-0.5, -0.5, rows - 0.5, rows - 0.5])
    at_x, at_y = wcs.wcs_world2pix(*image.wcs.wcs_pix2world(x, y, 0), 0)
    limits = []
    for corner, size in ((at_y, shape[0]), (at_x, shape[1])):
        begin, end = max(int(np.floor(corner.min())), 0), min(int(np.ceil(corner.max())) + 1, size)
        if end - begin < _LEAST:
            return None
        limits.append(slice(begin, end))
    return limits[0], limits[1]


def _image(layers: NDArray[np.float32], planes: NDArray[np.int16], wcs: WCS, images: Sequence[CCDData]) -> CCDData:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData, VarianceUncertainty

    window = _covered(planes)
    warped = CCDData(layers[0][window], unit=images[0].unit, wcs=wcs[window], header=Header())
    warped.uncertainty = VarianceUncertainty(layers[1][window])
    for card in ("INSTRUME", "OBSID", "EXPID", "FILTER", "DATE-OBS", "EXPTIME", "AIRMASS", "OBJECT"):
        if card in images[0].header:
            warped.header[card] = images[0].header[card]
    warped.header["SEEING"] = (
        float(np.mean([image.header["SEEING"] for image in images])),
        "[arcsec] mean of detectors",
    )
    return mark(warped, planes[window])


def _covered(planes: NDArray[np.int16]) -> tuple[slice, slice]:
    """Rows and columns between the first and the last with data."""
    data = (planes & int(Plane.NO_DATA)) == 0
    rows, columns = np.flatnonzero(data.any(axis=1)), np.flatnonzero(data.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
