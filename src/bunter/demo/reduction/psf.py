"""The point-spread function of an image, as a round Moffat profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.reduction.stamps import Stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Psf:
    """Moffat profile: full width at half maximum in pixels, and slope of the wings."""

    fwhm: float
    beta: float

    def __call__(self, r_squared: NDArray[np.float64]) -> NDArray[np.float64]:
        """Part of the flux per pixel at a squared distance from the centre.

        Notes
        -----
        Source: Moffat 1969, A&A 3, 455.
        """
        alpha_squared = (self.fwhm / 2) ** 2 / (2 ** (1 / self.beta) - 1)
        return np.asarray((self.beta - 1) / (np.pi * alpha_squared) * (1 + r_squared / alpha_squared) ** -self.beta)

    def enclosed(self, radius: float) -> float:
        """Part of the flux within a radius in pixels."""
        alpha_squared = (self.fwhm / 2) ** 2 / (2 ** (1 / self.beta) - 1)
        return float(1 - (1 + radius**2 / alpha_squared) ** (1 - self.beta))

    @property
    def half_width(self) -> int:
        """Half the side, in pixels, of a stamp that is good for photometry."""
        return int(np.ceil(2.5 * self.fwhm))


def fit_psf(
    image: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], guess: Psf, *, half: int = 12
) -> Psf:
    """Fit the profile to stars: each pixel of each star, in units of the star's flux, against its distance.

    Parameters
    ----------
    image : ndarray
        Without sky.
    x, y : ndarray
        Centroids of clean, bright stars.
    guess : Psf
        Where to begin; returned if there are fewer than three stars.
    half : int
        Half the side of the stamps in pixels.
    """
    if len(x) < 3:
        return guess
    stamps = Stamps.cut(image, x, y, half)
    distance = np.sqrt(stamps.r_squared(x, y))
    core = np.where(distance < 2.5 * guess.fwhm, stamps.values, 0).sum(axis=1)
    return _fit_profile(*_median_profile(distance, stamps.values / core[:, None], half), guess)


def _median_profile(
    distance: NDArray[np.float64], values: NDArray[np.float64], half: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean squared distance, and median over stars, in rings half a pixel wide; neighbours drop out."""
    ring = np.minimum(2 * distance, 2 * half).astype(int)
    rings = [(ring == number) for number in range(2 * half)]
    filled = [chosen for chosen in rings if np.count_nonzero(chosen) >= 3]
    r_squared = np.array([np.mean(distance[chosen] ** 2) for chosen in filled])
    return r_squared, np.array([np.median(values[chosen]) for chosen in filled])


def _fit_profile(r_squared: NDArray[np.float64], profile: NDArray[np.float64], guess: Psf) -> Psf:
    """Least squares with the rings weighted by their area; what is left of the sky is a pedestal under all of them."""
    from scipy.optimize import least_squares

    weight = r_squared**0.25

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        fwhm, beta, scale, pedestal = parameters
        return np.asarray((scale * Psf(fwhm, beta)(r_squared) + pedestal - profile) * weight)

    bounds = ([0.8, 1.8, 0.5, -0.01], [12.0, 8.0, 2.0, 0.01])
    fit = least_squares(residuals, [guess.fwhm, guess.beta, 1.0, 0.0], bounds=bounds, x_scale=[1.0, 1.0, 1.0, 1e-3])
    return Psf(float(fit.x[0]), float(fit.x[1]))
