"""Finding sources: peaks of an image smoothed to the width of the stars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.reduction.stamps import FWHM_TO_SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray


def significance(image: NDArray[np.float32], variance: NDArray[np.float32], fwhm: float) -> NDArray[np.float32]:
    """Signal-to-noise ratio of a star at every pixel.

    Parameters
    ----------
    image : ndarray
        Without sky.
    variance : ndarray
        Of each pixel; 0 where there are no data.
    fwhm : float
        Of the stars, pixels.

    Notes
    -----
    Source: Irwin 1985, MNRAS 214, 575 (matched filter); noise of a Gaussian filter: sigma / (2 sqrt(pi) s) per pixel.
    """
    from scipy.ndimage import gaussian_filter

    width = fwhm * FWHM_TO_SIGMA
    noise = np.sqrt(np.where(variance > 0, variance, np.inf)) / (2 * np.sqrt(np.pi) * width)
    return np.asarray(gaussian_filter(image, width, truncate=3.5) / noise, dtype=np.float32)


def peaks(
    signal: NDArray[np.float32], *, threshold: float, separation: int = 2, border: int = 4
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Local maxima of a significance map, the highest first.

    Parameters
    ----------
    signal : ndarray
        From `significance`.
    threshold : float
        Least significance.
    separation : int
        A peak is the highest pixel within so many of it.
    border : int
        Pixels at the edge where no peak is taken.

    Returns
    -------
    x, y : ndarray
        Whole pixels, as floats.
    """
    from photutils.detection import find_peaks

    found = find_peaks(signal, threshold, box_size=2 * separation + 1, border_width=border)
    if found is None:
        return np.empty(0), np.empty(0)
    order = np.argsort(-np.asarray(found["peak_value"]), kind="stable")
    return np.asarray(found["x_peak"], float)[order], np.asarray(found["y_peak"], float)[order]
