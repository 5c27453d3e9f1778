"""Squares of pixels about sources, and what can be measured on many of them at once.

Positions are in pixels, the centre of the first pixel being (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FWHM_TO_SIGMA: Final = 1 / 2.3548


@dataclass(frozen=True, slots=True)
class Stamps:
    """Pixels about each of N sources, (N, P): values, columns and rows; beyond the image's edge the value is 0."""

    values: NDArray[np.float64]
    columns: NDArray[np.float64]
    rows: NDArray[np.float64]

    @classmethod
    def cut(cls, image: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], half: int) -> Stamps:
        """Cut squares of side ``2 half + 1`` out of an image.

        Parameters
        ----------
        image : ndarray
            Without sky.
        x, y : ndarray
            Where; rounded to whole pixels.
        half : int
            Half the side in pixels.
        """
        row, column = np.mgrid[-half : half + 1, -half : half + 1]
        columns = np.rint(x).astype(int)[:, None] + column.ravel()
        rows = np.rint(y).astype(int)[:, None] + row.ravel()
        inside = (columns >= 0) & (columns < image.shape[1]) & (rows >= 0) & (rows < image.shape[0])
        flat = np.where(inside, rows * image.shape[1] + columns, 0)
        return cls(np.where(inside, image.ravel()[flat], 0.0), columns.astype(float), rows.astype(float))

    def r_squared(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared distance of every pixel from the position of its source."""
        return np.asarray((self.columns - x[:, None]) ** 2 + (self.rows - y[:, None]) ** 2)


def windowed_centroids(
    image: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], fwhm: float, *, iterations: int = 6
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centroids under a round Gaussian window of the width of the stars.

    Parameters
    ----------
    image : ndarray
        Without sky.
    x, y : ndarray
        First guess, good to about a pixel.
    fwhm : float
        Of the stars, pixels.
    iterations : int
        Each halves what is left of the error.

    Returns
    -------
    x, y : ndarray
        A position that wanders off by more than two pixels stays as it was.

    Notes
    -----
    Source: SExtractor's XWIN_IMAGE (Bertin & Arnouts 1996, A&AS 117, 393; manual, "Windowed positional parameters").
    """
    stamps = Stamps.cut(image, x, y, int(np.ceil(2.0 * fwhm)))
    at_x, at_y = x.copy(), y.copy()
    for _ in range(iterations):
        weight = stamps.values * np.exp(-0.5 * stamps.r_squared(at_x, at_y) / (fwhm * FWHM_TO_SIGMA) ** 2)
        total = weight.sum(axis=1)
        total = np.where(total > 0, total, np.inf)
        at_x = at_x + 2 * (weight * (stamps.columns - at_x[:, None])).sum(axis=1) / total
        at_y = at_y + 2 * (weight * (stamps.rows - at_y[:, None])).sum(axis=1) / total
    lost = np.hypot(at_x - x, at_y - y) > 2.0
    return np.where(lost, x, at_x), np.where(lost, y, at_y)


def any_plane(
    planes: NDArray[np.int16], x: NDArray[np.float64], y: NDArray[np.float64], half: int
) -> NDArray[np.int16]:
    """Mask planes that occur within ``half`` pixels of each position."""
    step = np.arange(-half, half + 1)
    columns = np.clip(np.rint(x).astype(int)[:, None, None] + step, 0, planes.shape[1] - 1)
    rows = np.clip(np.rint(y).astype(int)[:, None, None] + step[:, None], 0, planes.shape[0] - 1)
    around = planes[rows, columns].reshape(len(x), len(step) ** 2)
    return np.asarray(np.bitwise_or.reduce(around, axis=1))
