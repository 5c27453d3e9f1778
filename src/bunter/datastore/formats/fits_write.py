"""Objects to HDUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.datastore.formats.fits_header import NO_WCS, observation_cards, wcs_cards
from bunter.datastore.formats.table_library import kind_of
from bunter.datastore.formats.tables import to_wanted
from bunter.errors import FormatError

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData

__all__ = ["MASK", "PSF", "UNCERTAINTY", "hdus_of", "header_of_image"]

MASK, UNCERTAINTY, PSF = "MASK", "UNCERT", "PSFIMAGE"


def hdus_of(obj: Any) -> list[Any]:
    """Turn an object into the HDUs of a file.

    Raises
    ------
    FormatError
        If it is of no kind that FITS can hold without loss.
    """
    import numpy as np
    from astropy.io import fits
    from astropy.nddata import CCDData, NDUncertainty
    from astropy.wcs import WCS

    if isinstance(obj, fits.HDUList):
        return [hdu.copy() for hdu in obj]
    if isinstance(obj, CCDData):
        return _image_hdus(obj)
    if isinstance(obj, NDUncertainty):
        return [_uncertainty_hdu(obj, fits.PrimaryHDU)]
    if isinstance(obj, np.ndarray) and not obj.dtype.names:
        return [fits.PrimaryHDU(_pixels(obj, "the array"))]
    if isinstance(obj, WCS | fits.Header):
        return [fits.PrimaryHDU(header=wcs_cards(obj) if isinstance(obj, WCS) else observation_cards(obj))]
    if kind_of(obj):
        return [fits.PrimaryHDU(), fits.table_to_hdu(to_wanted(obj, "astropy.table:Table"))]
    raise FormatError(
        f"a {type(obj).__name__} cannot be written as FITS; give a CCDData, an array, a table, a header or a WCS"
    )


def _pixels(array: Any, what: str) -> Any:
    """Pixels of a dtype that FITS has."""
    import numpy as np

    values = np.ma.getdata(array)
    if (
        values.dtype.kind not in "iuf"
        or values.dtype.itemsize < (4 if values.dtype.kind == "f" else 1)
        or values.dtype.itemsize > 8
    ):
        raise FormatError(f"{what} has pixels of {values.dtype}, which FITS has not; convert them with astype")
    return np.asarray(values)


def _image_hdus(ccd: CCDData) -> list[Any]:
    from astropy.io import fits

    if getattr(ccd, "flags", None) is not None:
        raise FormatError(
            "flags of a CCDData cannot be kept in FITS; put them into the mask as bits, and set flags to None"
        )
    hdus = [fits.PrimaryHDU(_pixels(ccd.data, "the image"), header_of_image(ccd))]
    if ccd.mask is not None:
        hdus.append(_mask_hdu(ccd))
    if ccd.uncertainty is not None:
        hdus.append(_uncertainty_hdu(ccd.uncertainty, lambda pixels: fits.ImageHDU(pixels, name=UNCERTAINTY)))
    if ccd.psf is not None:
        hdus.append(fits.ImageHDU(_pixels(ccd.psf, "the PSF"), name=PSF))
    return hdus


def header_of_image(ccd: CCDData) -> Header:
    """Cards of an image: those of its header, of its WCS, and its unit."""
    header = observation_cards(ccd.meta, without_wcs=ccd.wcs is not None)
    if ccd.wcs is not None:
        header.update(wcs_cards(_plain_wcs(ccd.wcs)))
    elif "CTYPE1" in header:
        header[NO_WCS] = True, "this image has no WCS"
    header["BUNIT"] = ccd.unit.to_string(), "unit of the pixels"
    return header


def _plain_wcs(wcs: Any) -> Any:
    from astropy.wcs import WCS

    low = getattr(wcs, "low_level_wcs", wcs)
    if not isinstance(low, WCS):
        raise FormatError(f"a {type(wcs).__name__} cannot be kept in FITS cards; convert it to astropy.wcs.WCS")
    return low


def _mask_hdu(ccd: CCDData) -> Any:
    import numpy as np
    from astropy.io import fits

    mask = np.broadcast_to(ccd.mask, ccd.data.shape) if np.ndim(ccd.mask) == 0 else np.asarray(ccd.mask)
    if mask.dtype.kind == "b":
        hdu = fits.ImageHDU(mask.astype("u1"), name=MASK)
        hdu.header["BOOLMASK"] = True, "the mask is true or false"
        return hdu
    return fits.ImageHDU(_pixels(mask, "the mask"), name=MASK)


def _uncertainty_hdu(uncertainty: Any, kind: Any) -> Any:
    hdu = kind(_pixels(uncertainty.array, "the uncertainty"))
    hdu.header["UTYPE"] = type(uncertainty).__name__, "class in astropy.nddata"
    if uncertainty.unit is not None:
        hdu.header["BUNIT"] = uncertainty.unit.to_string()
    return hdu
