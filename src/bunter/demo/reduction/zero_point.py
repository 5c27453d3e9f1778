"""From electrons to magnitudes: the zero point of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AB_NANOJANSKY: Final = 31.4
"""AB magnitude of one nanojansky; Oke & Gunn 1983, ApJ 266, 713 (zero magnitude is 3631 Jy)."""


@dataclass(frozen=True, slots=True)
class ZeroPoint:
    """AB magnitude of one electron per second, its standard deviation, and the scatter of the stars about it."""

    magnitude: float
    error: float
    scatter: float
    stars: int


def fit_zero_point(
    rate: NDArray[np.float64],
    rate_error: NDArray[np.float64],
    reference: NDArray[np.float64],
    error: NDArray[np.float64],
) -> ZeroPoint:
    """Compare measured rates with catalogue magnitudes.

    Parameters
    ----------
    rate, rate_error : ndarray
        Electrons per second.
    reference, error : ndarray
        AB magnitudes of the same stars.

    Returns
    -------
    ZeroPoint
        Weighted mean without stars further than 4 robust deviations.
    """
    each = reference + 2.5 * np.log10(rate)
    weight = 1 / (error**2 + (1.0857 * rate_error / rate) ** 2 + 0.002**2)
    deviation = np.abs(each - np.median(each)) * np.sqrt(weight)
    good = deviation < 4 * max(float(1.4826 * np.median(deviation)), 1.0)
    mean = float(np.average(each[good], weights=weight[good]))
    scatter = float(1.4826 * np.median(np.abs(each[good] - mean)))
    return ZeroPoint(mean, float(1 / np.sqrt(weight[good].sum())), scatter, int(good.sum()))


def nanojansky_per_electron(zero_point: float, exposure_time: float) -> float:
    """Flux density that gives one electron in an exposure.

    Parameters
    ----------
    zero_point : float
        AB magnitude of one electron per second.
    exposure_time : float
        Seconds.
    """
    return float(10 ** (-0.4 * (zero_point - AB_NANOJANSKY)) / exposure_time)


def ab_magnitude(
    flux: NDArray[np.float64], flux_error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AB magnitude and standard deviation of flux densities in nanojansky; NaN where the flux is not positive."""
    positive = np.where(flux > 0, flux, np.nan)
    return AB_NANOJANSKY - 2.5 * np.log10(positive), 1.0857 * flux_error / positive
