"""Light of stars and galaxies on a grid of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from bunter.demo.simulation.gnomonic import Pointing

    Pixels: TypeAlias = NDArray[np.float64]

MOFFAT_BETA: Final = 3.0
_STAR_STAMPS: Final = ((3e3, 8), (6e4, 16), (2e6, 28), (np.inf, 60))
"""Half-width in pixels of the stamp that holds a star of up to so many electrons; the rest drowns in noise."""

_GALAXY_STAMPS: Final = (0, 4, 7, 12, 25, 60)
"""Half-widths in pixels of the stamps that hold galaxies: each goes into the first that is large enough."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Sersic ellipses in pixels: ``angle`` is that of the long axis in radians, from +x towards +y."""

    half_light_radius: Pixels
    index: Pixels
    axis_ratio: Pixels
    angle: Pixels

    def __getitem__(self, key: NDArray[np.bool_]) -> Shapes:
        return Shapes(self.half_light_radius[key], self.index[key], self.axis_ratio[key], self.angle[key])


def moffat(r_squared: Pixels, fwhm: float, beta: float = MOFFAT_BETA) -> Pixels:
    """Moffat profile of unit flux per pixel area.

    Parameters
    ----------
    r_squared : ndarray
        Squared distance from the centre, pixels.
    fwhm : float
        Full width at half maximum, pixels.
    beta : float
        Slope of the wings.

    Notes
    -----
    Source: Moffat 1969, A&A 3, 455: f = (beta - 1) / (pi alpha**2) (1 + r**2 / alpha**2)**-beta, and
    fwhm = 2 alpha sqrt(2**(1/beta) - 1).
    """
    alpha_squared = (fwhm / 2) ** 2 / (2 ** (1 / beta) - 1)
    return (beta - 1) / (np.pi * alpha_squared) * (1 + r_squared / alpha_squared) ** -beta


def add_stars(image: Pixels, x: Pixels, y: Pixels, flux: Pixels, fwhm: float) -> None:
    """Add Moffat stars to an image.

    Parameters
    ----------
    image : ndarray
        Changed in place.
    x, y : ndarray
        Centres; the first pixel's centre is (0, 0).
    flux : ndarray
        Total electrons.
    fwhm : float
        Seeing in pixels.
    """
    faintest = 0.0
    for brightest, half in _STAR_STAMPS:
        chosen = (flux > faintest) & (flux <= brightest)
        columns, rows = _stamp(x[chosen], y[chosen], half)
        r_squared = (columns - x[chosen, None]) ** 2 + (rows - y[chosen, None]) ** 2
        _add(image, columns, rows, flux[chosen, None] * moffat(r_squared, fwhm))
        faintest = brightest


def galaxies(shape: tuple[int, int], x: Pixels, y: Pixels, flux: Pixels, shapes: Shapes) -> Pixels:
    """Image of Sersic galaxies before the atmosphere, each cut at four half-light radii and of exactly its flux.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    x, y : ndarray
        Centres; the first pixel's centre is (0, 0).
    flux : ndarray
        Total electrons.
    shapes : Shapes
        Size and form of each.

    Notes
    -----
    Source: Ciotti & Bertin 1999, A&A 352, 447: I = exp(-b (r / Re)**(1/n)), b = 2 n - 1/3 + 4 / (405 n).
    """
    image = np.zeros(shape)
    half = np.ceil(4 * shapes.half_light_radius).astype(int) + 1
    for smaller, size in pairwise(_GALAXY_STAMPS):
        chosen = (half > smaller) & (half <= size)
        columns, rows = _stamp(x[chosen], y[chosen], size)
        light = _sersic(columns - x[chosen, None], rows - y[chosen, None], shapes[chosen])
        _add(image, columns, rows, light * (flux[chosen] / light.sum(axis=1))[:, None])
    return image


def blur(image: Pixels, fwhm: float) -> Pixels:
    """Convolve with a Moffat profile of this width in pixels."""
    from scipy import fft

    half = int(6 * fwhm)
    shape = [fft.next_fast_len(n + half, real=True) for n in image.shape]
    row, column = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
    kernel = moffat((row[:, None] ** 2 + column**2).astype(float), fwhm)
    blurred = fft.irfft2(fft.rfft2(image, shape) * fft.rfft2(kernel).real, shape)
    positive: Pixels = np.maximum(blurred[: image.shape[0], : image.shape[1]], 0)
    return positive


def angle_on_detector(position_angle: Pixels, pointing: Pointing) -> Pixels:
    """Angle from +x towards +y, radians, of a position angle on the sky in degrees (north through east)."""
    return np.radians(90 + position_angle - pointing.rotation)


def _sersic(dx: Pixels, dy: Pixels, shapes: Shapes) -> Pixels:
    """Surface brightness averaged over 2 x 2 points in each pixel; one row per galaxy."""
    cos, sin = np.cos(shapes.angle)[:, None], np.sin(shapes.angle)[:, None]
    b = (2 * shapes.index - 1 / 3 + 4 / (405 * shapes.index))[:, None]
    radius, ratio, power = shapes.half_light_radius[:, None], shapes.axis_ratio[:, None], 0.5 / shapes.index[:, None]
    light = np.zeros_like(dx)
    for step_y in (-0.25, 0.25):
        for step_x in (-0.25, 0.25):
            along = (dx + step_x) * cos + (dy + step_y) * sin
            across = ((dy + step_y) * cos - (dx + step_x) * sin) / ratio
            light += np.exp(-b * ((along**2 + across**2) * ratio / radius**2) ** power)
    return light


def _stamp(x: Pixels, y: Pixels, half: int) -> tuple[Pixels, Pixels]:
    """Columns and rows of the square of pixels about each centre, one row per source."""
    row, column = np.mgrid[-half : half + 1, -half : half + 1]
    return np.rint(x)[:, None] + column.ravel(), np.rint(y)[:, None] + row.ravel()


def _add(image: Pixels, columns: Pixels, rows: Pixels, light: Pixels) -> None:
    inside = (columns >= 0) & (columns < image.shape[1]) & (rows >= 0) & (rows < image.shape[0])
    index = (rows[inside] * image.shape[1] + columns[inside]).astype(np.int64)
    image += np.bincount(index, weights=light[inside], minlength=image.size).reshape(image.shape)
