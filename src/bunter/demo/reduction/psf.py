"""The point-spread function of an image, as a round Moffat profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.reduction.stamps import Stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_STARS: Final = 20
"""Stars whose pixels are all fitted; more cost time and gain little."""


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


def rough_psf(
    image: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], guess: Psf, *, half: int = 12
) -> Psf:
    """Fit the profile to the median of many sources, which may not all be stars.

    Parameters
    ----------
    image : ndarray
        Without sky.
    x, y : ndarray
        Centroids.
    guess : Psf
        Where to begin; returned if there are fewer than three sources.
    half : int
        Half the side of the stamps in pixels.
    """
    if len(x) < 3:
        return guess
    distance, values, _ = _scaled(image, x, y, guess, half)
    r_squared, profile = _median_profile(distance, values, half)
    return _least_squares(r_squared, profile, r_squared**0.25, guess, loss="linear")


def fit_psf(
    image: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    guess: Psf,
    *,
    half: int = 8,
) -> Psf:
    """Fit the profile to every pixel of the brightest stars; neighbours weigh little, as outliers do.

    Parameters
    ----------
    image : ndarray
        Without sky.
    x, y : ndarray
        Centroids of clean stars, the brightest first.
    guess : Psf
        Where to begin; returned if there are fewer than three stars.
    half : int
        Half the side of the stamps in pixels.
    """
    if len(x) < 3:
        return guess
    distance, values, flux = _scaled(image, x[:_MOST_STARS], y[:_MOST_STARS], guess, half)
    noise = 1.4826 * np.median(np.abs(values - np.median(values)))
    weight = np.sqrt(np.clip(flux / np.median(flux), 0, 10))[:, None] / max(float(noise), 1e-9)
    weights = np.broadcast_to(weight, values.shape).ravel()
    return _least_squares(distance.ravel() ** 2, values.ravel(), weights, guess, loss="soft_l1")


def _scaled(
    image: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], guess: Psf, half: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Distance from the centre, and value in units of the flux within 2.5 widths, of each pixel; and those fluxes."""
    stamps = Stamps.cut(image, x, y, half)
    distance = np.sqrt(stamps.r_squared(x, y))
    flux = np.where(distance < 2.5 * guess.fwhm, stamps.values, 0).sum(axis=1)
    positive = flux > 0
    return distance[positive], stamps.values[positive] / flux[positive, None], flux[positive]


def _median_profile(
    distance: NDArray[np.float64], values: NDArray[np.float64], half: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean squared distance, and median over stars, in rings half a pixel wide; neighbours drop out."""
    ring = np.minimum(2 * distance, 2 * half).astype(int)
    rings = [(ring == number) for number in range(2 * half)]
    filled = [chosen for chosen in rings if np.count_nonzero(chosen) >= 3]
    r_squared = np.array([np.mean(distance[chosen] ** 2) for chosen in filled])
    return r_squared, np.array([np.median(values[chosen]) for chosen in filled])


def _least_squares(
    r_squared: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64], guess: Psf, *, loss: str
) -> Psf:
    """Fit width and slope, together with the scale of the values and what is left of the sky under them."""
    from scipy.optimize import least_squares

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        fwhm, beta, scale, pedestal = parameters
        return np.asarray((scale * Psf(fwhm, beta)(r_squared) + pedestal - values) * weight)

    bounds = ([0.8, 1.8, 0.5, -0.01], [12.0, 8.0, 2.0, 0.01])
    begin, scales = [guess.fwhm, guess.beta, 1.0, 0.0], [1.0, 1.0, 1.0, 1e-3]
    fit = least_squares(residuals, begin, bounds=bounds, x_scale=scales, loss=loss)
    return Psf(float(fit.x[0]), float(fit.x[1]))
