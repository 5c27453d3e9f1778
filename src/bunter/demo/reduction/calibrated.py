"""A calibrated image and its calibrated sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.reduction.astrometry import centroid_error, fit_wcs
from bunter.demo.reduction.background import background_image
from bunter.demo.reduction.planes import UNUSABLE, mark, planes_of
from bunter.demo.reduction.zero_point import ab_magnitude, fit_zero_point, nanojansky_per_electron

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.table import Table
    from numpy.typing import NDArray

    from bunter.demo.reduction.astrometry import Fit
    from bunter.demo.reduction.zero_point import ZeroPoint


def calibrate(
    image: CCDData, sources: Table, background: NDArray[np.float32], reference: Table, *, band: str, snr: float = 20.0
) -> tuple[CCDData, Table]:
    """Give an image its WCS and its flux scale, and the sources their positions and magnitudes.

    Parameters
    ----------
    image : astropy.nddata.CCDData
        From `signature.remove_signature`.
    sources, background : Table, ndarray
        From `measurement.measure`.
    reference : astropy.table.Table
        Columns ``ra``, ``dec`` (ICRS degrees), ``ra_err`` (mas), ``<band>_mag``, ``<band>_mag_err`` (AB).
    band : str
        Which magnitudes to use.
    snr : float
        Least signal-to-noise ratio of a source that calibrates.

    Returns
    -------
    calexp : astropy.nddata.CCDData
        Without sky, in nanojansky per pixel, with the fitted WCS.
    src : astropy.table.Table
        The sources with ``ra``, ``dec`` (degrees), ``psf_flux``, ``ap_flux`` (nanojansky) and ``psf_mag``, ``ap_mag``;
        its meta holds what the fits gave.

    Raises
    ------
    NoMatchError
        If the sources do not match the reference catalogue.
    """
    good = _calibrators(sources, snr)
    fit = _fit_positions(image, sources[good], reference)
    exposure_time = float(image.header["EXPTIME"])
    zero_point = _fit_flux(sources[good][fit.source], reference[fit.reference], band, exposure_time)
    scale = nanojansky_per_electron(zero_point.magnitude, exposure_time)
    src = _calibrated_sources(sources, fit, scale)
    src.meta |= _findings(fit, zero_point, image, sources)
    return _calibrated_image(image, background, fit, scale, src.meta), src


def _calibrators(sources: Table, snr: float) -> NDArray[np.bool_]:
    clean = (np.asarray(sources["planes"]) & int(UNUSABLE)) == 0
    return np.asarray(clean & sources["is_star"] & ~sources["blended"] & (sources["snr"] > snr))


def _fit_positions(image: CCDData, stars: Table, reference: Table) -> Fit:
    error = centroid_error(np.asarray(stars["snr"]), stars.meta["fwhm"])
    return fit_wcs(
        image.wcs,
        x=np.asarray(stars["x"]),
        y=np.asarray(stars["y"]),
        error=error,
        ra=np.asarray(reference["ra"]),
        dec=np.asarray(reference["dec"]),
        ref_error_mas=float(np.median(reference["ra_err"])),
    )


def _fit_flux(stars: Table, reference: Table, band: str, exposure_time: float) -> ZeroPoint:
    rate, error = (np.asarray(stars[name]) / exposure_time for name in ("psf_flux", "psf_flux_err"))
    return fit_zero_point(rate, error, np.asarray(reference[f"{band}_mag"]), np.asarray(reference[f"{band}_mag_err"]))


def _calibrated_sources(sources: Table, fit: Fit, scale: float) -> Table:
    src = sources.copy()
    src["ra"], src["dec"] = fit.wcs.wcs_pix2world(np.asarray(src["x"]), np.asarray(src["y"]), 0)
    src["ra"].unit = src["dec"].unit = "deg"
    for kind in ("psf", "ap"):
        for name in (f"{kind}_flux", f"{kind}_flux_err"):
            src[name] = np.asarray(src[name]) * scale
            src[name].unit = "nJy"
        magnitudes = ab_magnitude(np.asarray(src[f"{kind}_flux"]), np.asarray(src[f"{kind}_flux_err"]))
        for name, values in zip((f"{kind}_mag", f"{kind}_mag_err"), magnitudes, strict=True):
            src[name] = values
            src[name].unit = "mag"
    return src


def _findings(fit: Fit, zero_point: ZeroPoint, image: CCDData, sources: Table) -> dict[str, float | int]:
    scale_arcsec = float(np.sqrt(abs(np.linalg.det(fit.wcs.pixel_scale_matrix))) * 3600)
    return {
        "seeing": sources.meta["fwhm"] * scale_arcsec,
        "zero_point": zero_point.magnitude,
        "zero_point_err": zero_point.error,
        "zero_point_scatter": zero_point.scatter,
        "astrometric_rms": fit.rms_mas,
        "pointing_shift": fit.shift_arcsec,
        "n_calibrators": zero_point.stars,
        "n_sources": len(sources),
        "exposure_time": float(image.header["EXPTIME"]),
        "airmass": float(image.header.get("AIRMASS", np.nan)),
    }


def _calibrated_image(
    image: CCDData, background: NDArray[np.float32], fit: Fit, scale: float, findings: dict[str, float | int]
) -> CCDData:
    from astropy.nddata import CCDData, VarianceUncertainty

    sky = background_image(background, image.shape)
    calibrated = CCDData((image.data - sky) * np.float32(scale), unit="nJy", header=image.header.copy(), wcs=fit.wcs)
    calibrated.uncertainty = VarianceUncertainty(image.uncertainty.array * np.float32(scale**2))
    for card, (name, comment) in _CARDS.items():
        calibrated.header[card] = (findings[name], comment)
    calibrated.header["BUNIT"] = "nJy"
    return mark(calibrated, planes_of(image))


_CARDS = {
    "SEEING": ("seeing", "[arcsec] full width at half maximum"),
    "MAGZERO": ("zero_point", "[mag] AB, of 1 electron/s"),
    "ASTRMS": ("astrometric_rms", "[mas] residuals in one direction"),
    "NCALIB": ("n_calibrators", "stars of the reference catalogue used"),
    "SKYLEVEL": ("sky", "[electron] median"),
}
