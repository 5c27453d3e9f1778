"""Fluxes of sources at given positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.reduction.stamps import Stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bunter.demo.reduction.psf import Psf


@dataclass(frozen=True, slots=True)
class Fluxes:
    """Fluxes and their standard deviations, in the unit of the image."""

    value: NDArray[np.float64]
    error: NDArray[np.float64]


def psf_fluxes(
    image: NDArray[np.float32], variance: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], psf: Psf
) -> Fluxes:
    """Fit the point-spread function at fixed positions, each source by itself.

    Parameters
    ----------
    image, variance : ndarray
        Image without sky, and its variance.
    x, y : ndarray
        Positions in pixels.
    psf : Psf
        Its total is the flux.

    Notes
    -----
    Source: Stetson 1987, PASP 99, 191; all pixels weigh alike, so that an imperfect profile biases bright and faint stars
    by the same part.
    """
    stamps = Stamps.cut(image, x, y, psf.half_width)
    noise = Stamps.cut(variance, x, y, psf.half_width).values
    profile = psf(stamps.r_squared(x, y))
    norm = (profile**2).sum(axis=1)
    return Fluxes((profile * stamps.values).sum(axis=1) / norm, np.sqrt((profile**2 * noise).sum(axis=1)) / norm)


def aperture_fluxes(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    radius: float,
) -> Fluxes:
    """Sum of the pixels in circles, with exact overlaps at the rim.

    Parameters
    ----------
    image, variance : ndarray
        Image without sky, and its variance.
    x, y : ndarray
        Centres in pixels.
    radius : float
        Pixels.
    """
    from photutils import aperture

    circles = aperture.CircularAperture(np.column_stack([x, y]), radius)
    noise = np.sqrt(np.maximum(variance, 0))
    if hasattr(aperture, "AperturePhotometry"):  # photutils 3.1 and later, for Python 3.12 and later
        sums = aperture.AperturePhotometry(image, circles, error=noise)
        total, error = sums.flux, sums.flux_err
    else:
        total, error = circles.do_photometry(image, error=noise)
    return Fluxes(np.asarray(total, float), np.asarray(error, float))


def blended(
    x: NDArray[np.float64], y: NDArray[np.float64], flux: NDArray[np.float64], radius: float, *, part: float = 0.05
) -> NDArray[np.bool_]:
    """Whether a neighbour within a radius (pixels) has more than some part of the source's flux."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(np.column_stack([x, y])).query_pairs(radius, output_type="ndarray")
    one, two = np.concatenate([pairs, pairs[:, ::-1]]).T
    disturbed = np.zeros(len(x), bool)
    disturbed[one[flux[two] > part * flux[one]]] = True
    return disturbed
