"""Objects of a patch: detected in all bands together, measured in each at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.reduction.detection import peaks, significance
from bunter.demo.reduction.measurement import is_star, star_psf
from bunter.demo.reduction.photometry import Fluxes, aperture_fluxes, blended, psf_fluxes
from bunter.demo.reduction.planes import Plane, planes_of
from bunter.demo.reduction.stamps import any_plane, windowed_centroids
from bunter.demo.reduction.zero_point import ab_magnitude

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.nddata import CCDData
    from astropy.table import Table
    from numpy.typing import NDArray

    from bunter.demo.reduction.psf import Psf


def detect_objects(
    coadds: Mapping[str, CCDData], *, inner: tuple[float, float, float, float], threshold: float = 5.0
) -> Table:
    """Make the table of objects of one patch.

    Parameters
    ----------
    coadds : mapping of str to astropy.nddata.CCDData
        Coadd by band, all on the same grid, in nanojansky.
    inner : tuple of float
        x_min, y_min, x_max, y_max in pixels, half-open: the part of the patch that no other patch calls its own.
    threshold : float
        Least significance, all bands together.

    Returns
    -------
    astropy.table.Table
        Columns ``id`` (from 1), ``x``, ``y`` (pixels), ``ra``, ``dec`` (ICRS degrees), ``is_star``, ``blended``,
        ``planes``, and per band ``<band>_psf_flux``, ``<band>_ap_flux`` with errors (nanojansky), ``<band>_psf_mag``,
        ``<band>_ap_mag`` with errors (AB); the brightest first.
    """
    psfs = {band: star_psf(image.data, image.uncertainty.array, planes_of(image)) for band, image in coadds.items()}
    x, y = _positions(coadds, psfs, threshold)
    chosen = (x >= inner[0]) & (y >= inner[1]) & (x < inner[2]) & (y < inner[3])
    table = _shared_columns(coadds, psfs, x, y)
    for band, image in coadds.items():
        _add_band(table, band, image, psfs[band])
    table = table[chosen]
    table["id"] = np.arange(1, len(table) + 1)
    return table


def add_missing_band(table: Table, band: str) -> None:
    """Give a table the columns of a band that has no coadd here; their values are NaN."""
    for name in ("psf_flux", "ap_flux", "psf_mag", "ap_mag"):
        for column in (f"{band}_{name}", f"{band}_{name}_err"):
            table[column] = np.full(len(table), np.nan)
            table[column].unit = "nJy" if "flux" in name else "mag"


def _positions(
    coadds: Mapping[str, CCDData], psfs: Mapping[str, Psf], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Peaks of the summed significance, and centroids on the sum of the images weighted by inverse variance."""
    signals, images = [], []
    for band, image in coadds.items():
        variance = image.uncertainty.array
        signals.append(significance(image.data, variance, psfs[band].fwhm))
        images.append(image.data / np.median(variance[variance > 0]))
    x, y = peaks(np.asarray(sum(signals)) / np.sqrt(len(signals)), threshold=threshold)
    fwhm = float(np.mean([psf.fwhm for psf in psfs.values()]))
    return windowed_centroids(np.asarray(sum(images)), x, y, fwhm)


def _shared_columns(
    coadds: Mapping[str, CCDData], psfs: Mapping[str, Psf], x: NDArray[np.float64], y: NDArray[np.float64]
) -> Table:
    from astropy.table import Table

    first = next(iter(coadds.values()))
    planes = np.bitwise_or.reduce([planes_of(image) for image in coadds.values()])
    best = max(
        coadds, key=lambda band: float(np.median(coadds[band].data / np.sqrt(coadds[band].uncertainty.array + 1e-9)))
    )
    image, psf = coadds[best], psfs[best]
    small = aperture_fluxes(image.data, image.uncertainty.array, x, y, 0.6 * psf.fwhm)
    flux = psf_fluxes(image.data, image.uncertainty.array, x, y, psf).value
    table = Table({"id": np.zeros(len(x), np.int64), "x": x, "y": y})
    table["ra"], table["dec"] = first.wcs.wcs_pix2world(x, y, 0)
    table["ra"].unit = table["dec"].unit = "deg"
    table["is_star"] = is_star(small.value, small.error, flux, psf)
    table["blended"] = blended(x, y, flux, 3.0 * psf.fwhm)
    table["planes"] = any_plane(planes & ~int(Plane.CLIPPED), x, y, 2)
    table.meta["fwhm"] = {band: psf.fwhm for band, psf in psfs.items()}
    return table


def _add_band(table: Table, band: str, image: CCDData, psf: Psf) -> None:
    x, y, variance = np.asarray(table["x"]), np.asarray(table["y"]), image.uncertainty.array
    summed, total = aperture_fluxes(image.data, variance, x, y, 2 * psf.fwhm), psf.enclosed(2 * psf.fwhm)
    fluxes = {
        "psf": psf_fluxes(image.data, variance, x, y, psf),
        "ap": Fluxes(summed.value / total, summed.error / total),
    }
    for kind, flux in fluxes.items():
        magnitude, error = ab_magnitude(flux.value, flux.error)
        columns = {"flux": flux.value, "flux_err": flux.error, "mag": magnitude, "mag_err": error}
        for name, values in columns.items():
            table[f"{band}_{kind}_{name}"] = values
            table[f"{band}_{kind}_{name}"].unit = "nJy" if name.startswith("flux") else "mag"
