"""Combined bias and flat frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.reduction.planes import Plane, mark, planes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.nddata import CCDData
    from numpy.typing import NDArray

_HOT_SIGMA: Final = 10.0
_DEAD: Final = 0.5
"""Response below which a pixel of a flat is useless."""


def without_overscan(raw: CCDData) -> CCDData:
    """Subtract the overscan row by row, and cut it off.

    Parameters
    ----------
    raw : astropy.nddata.CCDData
        In ADU, with the cards BIASSEC and DATASEC.

    Returns
    -------
    astropy.nddata.CCDData
        float32 ADU above the bias level; the light-sensitive pixels only.
    """
    import ccdproc
    from astropy.nddata import CCDData

    floating = CCDData(np.asarray(raw.data, dtype=np.float32), unit="adu", header=raw.header)
    level = ccdproc.subtract_overscan(floating, fits_section=raw.header["BIASSEC"], median=True, add_keyword=None)
    return ccdproc.trim_image(level, fits_section=raw.header["DATASEC"], add_keyword=None)


def combine_bias(raws: Sequence[CCDData], *, clip_sigma: float = 5.0) -> CCDData:
    """Average bias frames.

    Parameters
    ----------
    raws : sequence of astropy.nddata.CCDData
        Raw bias frames of one detector.
    clip_sigma : float
        Values further from the median of their pixel, in robust standard deviations, are left out.

    Returns
    -------
    astropy.nddata.CCDData
        Structure of the bias in ADU; its planes mark hot pixels.
    """
    bias = _average([without_overscan(raw) for raw in raws], clip_sigma)
    hot = np.where(_outliers(bias.data, _HOT_SIGMA), int(Plane.HOT), 0)
    return mark(_labelled(bias, raws, "bias"), hot)


def combine_flat(raws: Sequence[CCDData], bias: CCDData, *, clip_sigma: float = 5.0) -> CCDData:
    """Average flat frames, each divided by its median.

    Parameters
    ----------
    raws : sequence of astropy.nddata.CCDData
        Raw flat frames of one detector and filter.
    bias : astropy.nddata.CCDData
        From `combine_bias`.
    clip_sigma : float
        As in `combine_bias`.

    Returns
    -------
    astropy.nddata.CCDData
        Response with median 1, without unit; its planes mark hot and dead pixels.
    """
    from astropy import units

    flat = _average([_scaled(raw, bias) for raw in raws], clip_sigma)
    flat.data = (flat.data / np.median(flat.data)).astype(np.float32)
    flat.unit = units.dimensionless_unscaled
    dead = np.where(flat.data < _DEAD, int(Plane.NO_DATA), 0)
    return mark(_labelled(flat, raws, "flat"), planes_of(bias) | dead)


def _scaled(raw: CCDData, bias: CCDData) -> CCDData:
    frame = without_overscan(raw)
    frame.data -= bias.data
    frame.data /= np.median(frame.data)
    return frame


def _average(frames: Sequence[CCDData], clip_sigma: float) -> CCDData:
    import ccdproc
    from astropy.io.fits import Header
    from astropy.nddata import CCDData

    combiner = ccdproc.Combiner(list(frames), dtype=np.float32)
    if len(frames) > 2:
        combiner.sigma_clipping(clip_sigma, clip_sigma, func="median", dev_func="mad_std")
    average = np.asarray(combiner.average_combine().data, dtype=np.float32)
    return CCDData(average, unit=frames[0].unit, header=Header())


def _outliers(image: NDArray[np.float32], sigma: float) -> NDArray[np.bool_]:
    """Pixels far above the median of their neighbourhood."""
    from astropy.stats import mad_std
    from scipy.ndimage import median_filter

    excess = image - median_filter(image, size=5)
    return np.asarray(excess > sigma * mad_std(excess))


def _labelled(frame: CCDData, raws: Sequence[CCDData], kind: str) -> CCDData:
    first = raws[0].header
    for card in ("INSTRUME", "DETECTOR", "DETNAME") + (("FILTER",) if kind == "flat" else ()):
        frame.header[card] = first.get(card)
    frame.header["OBSTYPE"] = kind
    frame.header["NCOMBINE"] = (len(raws), "frames combined")
    return frame
