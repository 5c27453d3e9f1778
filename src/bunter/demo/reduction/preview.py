"""Pictures of images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.nddata import CCDData
    from numpy.typing import NDArray


def preview(image: CCDData, *, longest: int = 480) -> bytes:
    """Draw an image in grey.

    Parameters
    ----------
    image : astropy.nddata.CCDData
        Without sky, with variance.
    longest : int
        Longer side of the picture in pixels.

    Returns
    -------
    bytes
        PNG, the first row of the image at the bottom.
    """
    return png((255 * stretched(_binned(image, longest))).astype(np.uint8))


def colour_preview(images: Sequence[CCDData], *, longest: int = 480) -> bytes:
    """Draw two or three images of one grid in colours.

    Parameters
    ----------
    images : sequence of astropy.nddata.CCDData
        The reddest band first; of two, green is their mean.
    longest : int
        Longer side of the picture in pixels.

    Notes
    -----
    Source: Lupton et al. 2004, PASP 116, 133 (one stretch for all bands keeps the colours of bright stars).
    """
    return png(coloured([_binned(image, longest) for image in images]))


def coloured(layers: Sequence[NDArray[np.float64]], *, black: float = -0.5) -> NDArray[np.uint8]:
    """Combine two or three layers, the reddest first, to red, green and blue.

    Parameters
    ----------
    layers : sequence of ndarray
        Signal-to-noise ratios, all of one shape.
    black : float
        Signal-to-noise ratio that is drawn black.

    Returns
    -------
    ndarray
        (rows, columns, 3) uint8.
    """
    red, blue = layers[0], layers[-1]
    green = layers[1] if len(layers) == 3 else (red + blue) / 2
    total = np.maximum((red + green + blue) / 3 - black, 3.0)
    scale = np.arcsinh(total / 4.0) / np.arcsinh(100.0) / total
    rgb = np.clip((np.stack([red, green, blue], axis=-1) - black) * scale[..., None], 0, None)
    return np.asarray(255 * rgb / np.maximum(rgb.max(axis=-1, keepdims=True), 1)).astype(np.uint8)


def stretched(signal: NDArray[np.float64], softening: float = 4.0, white: float = 400.0) -> NDArray[np.float64]:
    """Map a signal-to-noise ratio to 0..1: linear in the noise, logarithmic in the stars."""
    low = np.arcsinh(-1.5 / softening)
    return np.asarray(np.clip((np.arcsinh(signal / softening) - low) / (np.arcsinh(white / softening) - low), 0, 1))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a picture; the last row comes first, as the sky is drawn.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) grey or (rows, columns, 3) red, green, blue.
    """
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[::-1])).save(out, format="png", optimize=True)
    return out.getvalue()


def _binned(image: CCDData, longest: int) -> NDArray[np.float64]:
    """Signal-to-noise ratio in bins that make the picture small enough."""
    step = max(1, int(np.ceil(max(image.shape) / longest)))
    rows, columns = (n // step for n in image.shape)
    blocks = np.asarray(image.data)[: rows * step, : columns * step].reshape(rows, step, columns, step)
    variance = image.uncertainty.array
    noise = np.sqrt(np.median(variance[variance > 0])) if (variance > 0).any() else 1.0
    return np.asarray(blocks.mean(axis=(1, 3)) * step / noise, dtype=float)
