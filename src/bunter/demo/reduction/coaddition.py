"""Coadds: the weighted mean of warps, without what only one of them saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.reduction.planes import UNUSABLE, Plane, mark, planes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.nddata import CCDData
    from astropy.wcs import WCS
    from numpy.typing import NDArray


def coadd(
    warps: Sequence[CCDData], wcs: WCS, shape: tuple[int, int], *, clip_sigma: float = 5.0, tolerance: float = 1.0
) -> CCDData:
    """Combine warps of one patch and band.

    Parameters
    ----------
    warps : sequence of astropy.nddata.CCDData
        From `warping.warp`: parts of the same grid.
    wcs, shape : WCS, tuple of int
        Of the grid.
    clip_sigma : float
        Where three or more warps meet, values further from their median are left out.
    tolerance : float
        Part of the median that is allowed on top: the seeing changes from warp to warp, and with it the peaks of stars.

    Returns
    -------
    astropy.nddata.CCDData
        Each warp weighs by the inverse of its median variance, the same in all its pixels, so that the shape of stars
        does not depend on their brightness. Where all warps are saturated, their mean, marked so.
    """
    images, variances, planes = _stack(warps, wcs, shape)
    usable = (planes & int(UNUSABLE)) == 0
    clipped = _outliers(images, variances, usable, clip_sigma, tolerance)
    kept = _or_saturated(usable & ~clipped, planes)
    mean, variance = _weighted_mean(images, variances, kept)
    return _image(mean, variance, _planes(kept, usable, clipped), warps, wcs)


def _stack(
    warps: Sequence[CCDData], wcs: WCS, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int16]]:
    """Images, variances and planes of all warps on the whole grid."""
    images, variances = (np.zeros((len(warps), *shape), np.float32) for _ in range(2))
    planes = np.full((len(warps), *shape), int(Plane.NO_DATA), np.int16)
    for number, warp in enumerate(warps):
        x, y = np.rint(wcs.wcs.crpix - warp.wcs.wcs.crpix).astype(int)
        window = slice(y, y + warp.shape[0]), slice(x, x + warp.shape[1])
        images[number][window], variances[number][window] = warp.data, warp.uncertainty.array
        planes[number][window] = planes_of(warp)
    return images, variances, planes


def _outliers(
    images: NDArray[np.float32],
    variances: NDArray[np.float32],
    usable: NDArray[np.bool_],
    clip_sigma: float,
    tolerance: float,
) -> NDArray[np.bool_]:
    """Values far from the median of three or more."""
    count = usable.sum(axis=0)
    ordered = np.sort(np.where(usable, images, np.inf), axis=0)
    middle = np.stack([np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(images) - 1)])
    median = np.take_along_axis(ordered, middle, axis=0).mean(axis=0)
    median = np.where(np.isfinite(median), median, 0)
    limit = clip_sigma * np.sqrt(variances) + tolerance * np.abs(median)
    return np.asarray(usable & (count >= 3) & (np.abs(images - median) > limit))


def _or_saturated(kept: NDArray[np.bool_], planes: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Take the saturated values where there are no better ones."""
    return np.where(kept.any(axis=0), kept, (planes & int(Plane.NO_DATA)) == 0)


def _weighted_mean(
    images: NDArray[np.float32], variances: NDArray[np.float32], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    medians = [
        np.median(variance[good]) if good.any() else np.inf for variance, good in zip(variances, kept, strict=True)
    ]
    weights = kept * (1 / np.array(medians, np.float32))[:, None, None]
    total = weights.sum(axis=0)
    norm = np.where(total > 0, total, 1)
    return (weights * images).sum(axis=0) / norm, (weights**2 * variances).sum(axis=0) / norm**2


def _planes(kept: NDArray[np.bool_], usable: NDArray[np.bool_], clipped: NDArray[np.bool_]) -> NDArray[np.int16]:
    planes = np.where(clipped.any(axis=0), int(Plane.CLIPPED), 0)
    planes |= np.where(kept.any(axis=0), 0, int(Plane.NO_DATA))
    planes |= np.where(kept.any(axis=0) & ~usable.any(axis=0), int(Plane.SATURATED), 0)
    return planes.astype(np.int16)


def _image(
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
    planes: NDArray[np.int16],
    warps: Sequence[CCDData],
    wcs: WCS,
) -> CCDData:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData, VarianceUncertainty

    image = CCDData(mean, unit=warps[0].unit, wcs=wcs, header=Header())
    image.uncertainty = VarianceUncertainty(variance)
    image.header["FILTER"] = warps[0].header.get("FILTER")
    image.header["NCOMBINE"] = (len(warps), "warps combined")
    image.header["EXPTIME"] = (sum(float(warp.header["EXPTIME"]) for warp in warps), "[s] sum of all warps")
    image.header["SEEING"] = (float(np.mean([warp.header["SEEING"] for warp in warps])), "[arcsec] mean of warps")
    for number, warp in enumerate(warps, 1):
        image.header[f"WARP{number:04d}"] = (warp.header["EXPID"], "exposure of a warp")
    return mark(image, planes)
