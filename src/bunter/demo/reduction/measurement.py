"""A table of the sources on one image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.reduction.background import background_image, background_mesh
from bunter.demo.reduction.detection import peaks, significance
from bunter.demo.reduction.photometry import aperture_fluxes, blended, psf_fluxes
from bunter.demo.reduction.planes import UNUSABLE, planes_of
from bunter.demo.reduction.psf import Psf, fit_psf, rough_psf
from bunter.demo.reduction.stamps import any_plane, windowed_centroids

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.table import Table
    from numpy.typing import NDArray

_GUESS: Final = Psf(fwhm=2.6, beta=3.0)


def measure(image: CCDData, *, threshold: float = 5.0, box: int = 64) -> tuple[Table, NDArray[np.float32]]:
    """Detect and measure the sources of an image.

    Parameters
    ----------
    image : astropy.nddata.CCDData
        From `signature.remove_signature`: electrons with variance and planes.
    threshold : float
        Least significance of a source.
    box : int
        Side of the boxes for the sky, pixels.

    Returns
    -------
    sources : astropy.table.Table
        Columns ``id``, ``x``, ``y`` (pixels, first pixel (0, 0)), ``psf_flux``, ``psf_flux_err``, ``ap_flux``,
        ``ap_flux_err`` (electrons, what a star has outside of the aperture added), ``snr``, ``sky`` (electrons),
        ``planes``, ``blended``, ``is_star``; the table's meta holds ``fwhm`` (pixels), ``beta``, ``sky``, ``sky_noise``
        (electrons) and ``aperture`` (radius, pixels).
    background : ndarray
        Mesh of the sky, for `background.background_image`.
    """
    planes, variance = planes_of(image), np.asarray(image.uncertainty.array)
    mesh = background_mesh(image.data, (planes & int(UNUSABLE)) != 0, box=box)
    sky = background_image(mesh, image.shape)
    sources = measure_flat(image.data - sky, variance, planes, threshold=threshold)
    row, column = np.rint(sources["y"]).astype(int), np.rint(sources["x"]).astype(int)
    sources["sky"] = sky[row.clip(0, sky.shape[0] - 1), column.clip(0, sky.shape[1] - 1)]
    sources.meta |= {"sky": float(np.median(mesh)), "sky_noise": float(np.sqrt(np.median(variance)))}
    return sources, mesh


def measure_flat(
    image: NDArray[np.float32], variance: NDArray[np.float32], planes: NDArray[np.int16], *, threshold: float
) -> Table:
    """Detect and measure the sources of an image without sky.

    Parameters
    ----------
    image, variance, planes : ndarray
        Image, variance and mask planes.
    threshold : float
        Least significance of a source.

    Returns
    -------
    astropy.table.Table
        As of `measure`, without the sky.
    """
    psf = star_psf(image, variance, planes)
    x, y = peaks(significance(image, variance, psf.fwhm), threshold=threshold)
    x, y = windowed_centroids(image, x, y, psf.fwhm)
    return _table(image, variance, planes, x, y, psf)


def star_psf(image: NDArray[np.float32], variance: NDArray[np.float32], planes: NDArray[np.int16]) -> Psf:
    """Find the point-spread function from the brighter sources, galaxies and saturated stars left out.

    Parameters
    ----------
    image, variance, planes : ndarray
        Image without sky, variance and mask planes.
    """
    x, y = peaks(significance(image, variance, _GUESS.fwhm), threshold=50.0, separation=6, border=12)
    x, y = (v[any_plane(planes, x, y, 4) & int(UNUSABLE) == 0][:150] for v in (x, y))
    psf = _GUESS
    for fit in (rough_psf, fit_psf):
        x, y = windowed_centroids(image, x, y, psf.fwhm)
        point_like = _compact(image, variance, x, y, psf)
        psf = fit(image, x[point_like], y[point_like], psf)
    return psf


def _compact(
    image: NDArray[np.float32], variance: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], psf: Psf
) -> NDArray[np.bool_]:
    """Choose sources as concentrated as most: the ratio of a small to a large aperture near its upper quartile."""
    if not len(x):
        return np.zeros(0, bool)
    small, large = (aperture_fluxes(image, variance, x, y, r).value for r in (0.6 * psf.fwhm, 1.8 * psf.fwhm))
    ratio = small / large
    return np.abs(ratio - np.percentile(ratio, 70)) < 0.04


def _table(  # noqa: PLR0917 - an image and where to measure on it
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    planes: NDArray[np.int16],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    psf: Psf,
) -> Table:
    from astropy.table import Table

    radius = 2.0 * psf.fwhm
    fitted, summed = psf_fluxes(image, variance, x, y, psf), aperture_fluxes(image, variance, x, y, radius)
    small = aperture_fluxes(image, variance, x, y, 0.6 * psf.fwhm)
    table = Table({"id": np.arange(1, len(x) + 1), "x": x, "y": y})
    table["psf_flux"], table["psf_flux_err"] = fitted.value, fitted.error
    total = psf.enclosed(radius)
    table["ap_flux"], table["ap_flux_err"] = summed.value / total, summed.error / total
    table["snr"] = fitted.value / fitted.error
    table["planes"] = any_plane(planes, x, y, 2)
    table["blended"] = blended(x, y, fitted.value, 1.5 * radius)
    table["is_star"] = is_star(small.value, small.error, fitted.value, psf)
    table.meta = {"fwhm": psf.fwhm, "beta": psf.beta, "aperture": radius}
    return table[fitted.value > 0]


def is_star(
    small: NDArray[np.float64], error: NDArray[np.float64], flux: NDArray[np.float64], psf: Psf
) -> NDArray[np.bool_]:
    """Whether sources are as concentrated as the point-spread function.

    Parameters
    ----------
    small, error : ndarray
        Flux within 0.6 times the full width at half maximum, and its standard deviation.
    flux : ndarray
        Flux of the fitted point-spread function.
    psf : Psf
        Of the image.
    """
    flux = np.maximum(flux, 1e-30)  # sources without flux are left out afterwards
    return np.asarray(small / flux > psf.enclosed(0.6 * psf.fwhm) - 0.02 - 2 * error / flux)
