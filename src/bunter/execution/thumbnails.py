"""Small pictures of images: block means, a stretch that shows faint things, PNG without any library."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["png_of", "thumbnail"]

_SIDE = 160
_SOFTNESS = 8.0


def thumbnail(obj: Any, side: int = _SIDE) -> bytes | None:
    """Draw an image small, as PNG; None for what is no image.

    Parameters
    ----------
    obj : object
        A two-dimensional array of numbers, or what has one as ``data``.
    side : int, optional
        Longest side of the picture, in pixels.
    """
    values = np.asarray(getattr(obj, "data", obj))
    if values.ndim != 2 or values.dtype.kind not in "biuf" or not values.size:
        return None
    step = max(1, -(-max(values.shape) // side))
    small = _means(values, step)
    known = small[np.isfinite(small)]
    if not len(known):
        return png_of(np.zeros(small.shape, np.uint8))
    low, high = np.percentile(known, (1.0, 99.7))
    scaled = np.clip((np.nan_to_num(small, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0), 0.0, 1.0)
    grey = np.arcsinh(_SOFTNESS * scaled) / np.arcsinh(_SOFTNESS)
    return png_of(np.ascontiguousarray((255 * grey).astype(np.uint8)[::-1]))  # the first row of an image is its lowest


def _means(values: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Means of square blocks; what is left at the upper and right edges is cut off."""
    rows, columns = (max(1, length // step) for length in values.shape)
    cut = values[: rows * step, : columns * step].astype(np.float32)
    if step == 1 or min(values.shape) < step:
        return cut[::step, ::step]
    with np.errstate(invalid="ignore"):
        return np.asarray(cut.reshape(rows, step, columns, step).mean(axis=(1, 3)))


def png_of(grey: NDArray[np.uint8]) -> bytes:
    """Write a grey picture as PNG.

    Parameters
    ----------
    grey : (H, W) uint8
        The highest row first.
    """
    height, width = grey.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = grey
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
