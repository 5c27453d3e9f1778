"""Removal of the instrument's signature: from ADU as read to electrons as they would be from perfect pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.reduction.calibration import without_overscan
from bunter.demo.reduction.planes import Plane, mark, planes_of

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from numpy.typing import NDArray

_STALE: Final = (
    *("BIASSEC", "DATASEC", "BZERO", "BSCALE"),
    *(
        "CTYPE1",
        "CTYPE2",
        "CUNIT1",
        "CUNIT2",
        "CRVAL1",
        "CRVAL2",
        "CRPIX1",
        "CRPIX2",
        "CD1_1",
        "CD1_2",
        "CD2_1",
        "CD2_2",
    ),
)
"""Cards that are no longer true, or said by the WCS."""


def remove_signature(raw: CCDData, bias: CCDData, flat: CCDData, *, cosmic_ray_sigma: float = 5.0) -> CCDData:
    """Calibrate the pixels of a science frame.

    Parameters
    ----------
    raw : astropy.nddata.CCDData
        Raw frame with the cards GAIN, RDNOISE, SATURATE, BIASSEC and DATASEC, with the camera's guess as its WCS.
    bias, flat : astropy.nddata.CCDData
        From `calibration.combine_bias` and `calibration.combine_flat`, for the same detector (and filter).
    cosmic_ray_sigma : float
        Significance of cosmic rays; 0 leaves them.

    Returns
    -------
    astropy.nddata.CCDData
        float32 electrons with variance, planes, header and WCS. Hot pixels and cosmic rays are filled from
        their neighbours and stay marked.

    Notes
    -----
    Source: Merline & Howell 1995, Experimental Astronomy 6, 163 (CCD equation: variance = electrons + read noise**2).
    """
    from astropy.nddata import CCDData, VarianceUncertainty

    header = raw.header.copy()
    frame = without_overscan(raw)
    planes = _saturated(raw, frame.shape) | planes_of(flat)
    electrons = (frame.data - bias.data) * np.float32(header["GAIN"])
    variance = (np.maximum(electrons, 0) + np.float32(header["RDNOISE"] ** 2)) / flat.data**2
    image, planes = fill(electrons / flat.data, planes, Plane.HOT | Plane.NO_DATA)
    if cosmic_ray_sigma:
        planes |= _cosmic_rays(image, variance, planes, cosmic_ray_sigma)
        image, planes = fill(image, planes, Plane.COSMIC_RAY)
    for card in _STALE:
        header.remove(card, ignore_missing=True)
    header["BUNIT"] = "electron"
    calibrated = CCDData(image, unit="electron", header=header, wcs=raw.wcs)
    calibrated.uncertainty = VarianceUncertainty(variance)
    return mark(calibrated, planes)


def fill(
    image: NDArray[np.float32], planes: NDArray[np.int16], which: Plane, *, reach: int = 3
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Replace pixels by the median of their good neighbours.

    Parameters
    ----------
    image, planes : ndarray
        Image, and its mask planes.
    which : Plane
        Which pixels to replace.
    reach : int
        Half-width in pixels of the square of neighbours.

    Returns
    -------
    image, planes : ndarray
        Copies; what was replaced is marked INTERPOLATED, what had no good neighbour NO_DATA.
    """
    bad = (planes & int(which)) != 0
    rows, columns = np.nonzero(bad)
    neighbours = _neighbours(np.where(bad, np.nan, image), rows, columns, reach)
    alone = np.isnan(neighbours).all(axis=1)
    neighbours[alone] = 0.0
    image, planes = image.copy(), planes.copy()
    if len(rows):
        image[rows, columns] = np.nanmedian(neighbours, axis=1)
    planes[rows, columns] |= np.where(alone, int(Plane.NO_DATA), int(Plane.INTERPOLATED)).astype(planes.dtype)
    return image, planes


def _neighbours(
    image: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64], reach: int
) -> NDArray[np.float32]:
    """Square of pixels about each place, one row per place."""
    step = np.arange(-reach, reach + 1)
    near_rows = np.clip(rows[:, None, None] + step[:, None], 0, image.shape[0] - 1)
    near_columns = np.clip(columns[:, None, None] + step, 0, image.shape[1] - 1)
    return np.asarray(image[near_rows, near_columns].reshape(len(rows), -1))


def _saturated(raw: CCDData, shape: tuple[int, int]) -> NDArray[np.int16]:
    light_sensitive = np.asarray(raw.data)[: shape[0], : shape[1]]
    return np.where(light_sensitive >= raw.header["SATURATE"], int(Plane.SATURATED), 0).astype(np.int16)


def _cosmic_rays(
    image: NDArray[np.float32], variance: NDArray[np.float32], planes: NDArray[np.int16], sigma: float
) -> NDArray[np.int16]:
    """Mark edges too sharp for a star; van Dokkum 2001, PASP 113, 1420, through ccdproc."""
    from ccdproc import cosmicray_lacosmic

    _, found = cosmicray_lacosmic(
        image,
        sigclip=sigma,
        objlim=4.0,
        niter=1,
        cleantype="medmask",
        satlevel=np.inf,
        invar=variance,
        gain_apply=False,
    )
    saturated = (planes & int(Plane.SATURATED)) != 0
    return np.where(found & ~saturated, int(Plane.COSMIC_RAY), 0).astype(np.int16)
