"""From pixels to the sky: match sources with a reference catalogue and refit the gnomonic projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from numpy.typing import NDArray

MAS: Final = 3.6e6
"""Milliarcseconds in a degree."""

_CENTROID_PIXELS: Final = 0.5
"""Error of a centroid in full widths at half maximum, times the signal-to-noise ratio; half is typical of Gaussian stars."""


class NoMatchError(ValueError):
    """Too few sources agree with the reference catalogue."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A projection, the pairs it was fitted to, and what is left over.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Gnomonic.
    source, reference : ndarray
        Row numbers of the pairs used.
    rms_mas : float
        Root mean square of the residuals in one direction.
    shift_arcsec : float
        How far the fit moved the middle of the sources.
    """

    wcs: WCS
    source: NDArray[np.int64]
    reference: NDArray[np.int64]
    rms_mas: float
    shift_arcsec: float


def find_offset(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    ref_x: NDArray[np.float64],
    ref_y: NDArray[np.float64],
    *,
    reach: float = 30.0,
) -> tuple[float, float]:
    """Offset in pixels by which most references must be moved to lie on sources.

    Parameters
    ----------
    x, y, ref_x, ref_y : ndarray
        Positions in pixels.
    reach : float
        Largest offset in each direction.

    Notes
    -----
    The most crowded cell of the histogram of all offsets, as in Kaiser et al. 1999, astro-ph/9907229.
    """
    dx, dy = (x[:, None] - ref_x).ravel(), (y[:, None] - ref_y).ravel()
    near = (np.abs(dx) < reach) & (np.abs(dy) < reach)
    if not near.any():
        raise NoMatchError(f"no source within {reach} pixels of a reference; is the boresight in the header right?")
    edges = np.arange(-reach, reach + 0.5, 1.0)
    counts, _, _ = np.histogram2d(dx[near], dy[near], bins=(edges, edges))
    padded = np.pad(counts, 1)
    crowd = sum(padded[i : i + len(counts), j : j + len(counts)] for i in range(3) for j in range(3))
    column, row = np.unravel_index(int(np.argmax(crowd)), counts.shape)
    best = (np.abs(dx - edges[column] - 0.5) < 1.5) & (np.abs(dy - edges[row] - 0.5) < 1.5)
    return float(np.median(dx[best])), float(np.median(dy[best]))


def fit_wcs(
    guess: WCS,
    *,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    error: NDArray[np.float64],
    ra: NDArray[np.float64],
    dec: NDArray[np.float64],
    ref_error_mas: float,
    minimum: int = 8,
) -> Fit:
    """Match sources with references and fit the six linear terms of a gnomonic projection.

    Parameters
    ----------
    guess : astropy.wcs.WCS
        Right to within 30 pixels and some hundredths of a degree of rotation.
    x, y, error : ndarray
        Sources: pixels, the first being (0, 0), and the standard deviation in each direction.
    ra, dec : ndarray
        References, ICRS degrees.
    ref_error_mas : float
        Standard deviation of a reference in each direction.
    minimum : int
        Fewest pairs.

    Raises
    ------
    NoMatchError
        If fewer pairs than ``minimum`` are left.
    """
    ref_x, ref_y = guess.wcs_world2pix(ra, dec, 0)
    offset = find_offset(x, y, ref_x, ref_y)
    plane = _tangent_plane(ra, dec, guess.wcs.crval)
    at_x, at_y, radius = ref_x + offset[0], ref_y + offset[1], 3.0
    for _ in range(4):
        source, reference = _pairs(x, y, at_x, at_y, radius)
        if len(source) < minimum:
            raise NoMatchError(f"only {len(source)} sources match the {len(ra)} references; {minimum} are needed")
        weight = 1 / np.hypot(error[source] * _scale_mas(guess), ref_error_mas)
        solution, source, reference = _clipped_fit(x, y, plane, source, reference, weight)
        at_x, at_y = _to_pixels(solution, plane)
        radius = 1.5
    residual = np.column_stack([x[source], y[source], np.ones(len(source))]) @ solution - plane[reference]
    shift = np.hypot(np.median(at_x - ref_x), np.median(at_y - ref_y)) * _scale_mas(guess) / 1000
    return Fit(_wcs(solution, guess), source, reference, float(np.sqrt(np.mean(residual**2)) * MAS), float(shift))


def _tangent_plane(
    ra: NDArray[np.float64], dec: NDArray[np.float64], crval: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Project to standard coordinates in degrees, (N, 2): those of a projection whose pixels are the degrees themselves."""
    from astropy.wcs import WCS

    unit = WCS(naxis=2)
    unit.wcs.ctype, unit.wcs.crval = ["RA---TAN", "DEC--TAN"], crval
    return np.column_stack(unit.wcs_world2pix(ra, dec, 0)) + 1.0


def _pairs(
    x: NDArray[np.float64], y: NDArray[np.float64], at_x: NDArray[np.float64], at_y: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Mutually nearest sources and references within a radius in pixels."""
    from scipy.spatial import cKDTree

    sources, references = cKDTree(np.column_stack([x, y])), cKDTree(np.column_stack([at_x, at_y]))
    distance, nearest = references.query(sources.data, distance_upper_bound=radius)
    _, back = sources.query(references.data)
    found = np.flatnonzero(np.isfinite(distance))
    mutual = found[back[nearest[found]] == found]
    return mutual, np.asarray(nearest[mutual])


def _clipped_fit(  # noqa: PLR0917 - arrays of one matched table
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    plane: NDArray[np.float64],
    source: NDArray[np.int64],
    reference: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Weighted least squares, (3, 2) from (x, y, 1) to the plane, without pairs further than 4 robust deviations."""
    for _ in range(3):
        design = np.column_stack([x[source], y[source], np.ones(len(source))])
        weighted = design * weight[:, None], plane[reference] * weight[:, None]
        solution = np.linalg.lstsq(*weighted, rcond=None)[0].astype(float)
        misfit = np.linalg.norm((design @ solution - plane[reference]) * weight[:, None], axis=1)
        good = misfit < 4 * np.median(misfit)
        source, reference, weight = source[good], reference[good], weight[good]
    return solution, source, reference


def _to_pixels(
    solution: NDArray[np.float64], plane: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.linalg.solve(solution[:2].T, (plane - solution[2]).T)
    return x, y


def _scale_mas(wcs: WCS) -> float:
    """Side of a pixel in milliarcseconds."""
    return float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * MAS)


def _wcs(solution: NDArray[np.float64], guess: WCS) -> WCS:
    """Turn the linear terms into CD and CRPIX cards; CRVAL stays that of the guess."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.radesys = ["RA---TAN", "DEC--TAN"], guess.wcs.crval, "ICRS"
    wcs.wcs.cd = solution[:2].T
    wcs.wcs.crpix = np.linalg.solve(solution[:2].T, -solution[2]) + 1
    wcs.wcs.set()
    return wcs


def centroid_error(snr: NDArray[np.float64], fwhm: float, floor: float = 0.005) -> NDArray[np.float64]:
    """Estimate the standard deviation of a centroid in pixels, for a signal-to-noise ratio and a width in pixels.

    Notes
    -----
    Source: King 1983, PASP 95, 163.
    """
    return np.hypot(_CENTROID_PIXELS * fwhm / np.maximum(snr, 1.0), floor)
