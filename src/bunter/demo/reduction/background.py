"""The sky under the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def background_mesh(image: NDArray[np.float32], masked: NDArray[np.bool_], *, box: int = 64) -> NDArray[np.float32]:
    """Level of the sky in boxes, sources clipped away.

    Parameters
    ----------
    image : ndarray
        Image with sky.
    masked : ndarray
        Pixels to leave out.
    box : int
        Side of the boxes in pixels; the image's sides should be multiples of it.

    Returns
    -------
    ndarray
        float32, one value per box, median filtered over 3 x 3 boxes.
    """
    from photutils.background import Background2D, MedianBackground

    estimate = Background2D(
        image, box, mask=masked, filter_size=3, bkg_estimator=MedianBackground(), exclude_percentile=60
    )
    return np.asarray(estimate.background_mesh, dtype=np.float32)


def background_image(mesh: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Sky at every pixel: a smooth surface through the values of the mesh.

    Parameters
    ----------
    mesh : ndarray
        From `background_mesh`.
    shape : tuple of int
        Rows and columns of the image.
    """
    from scipy.interpolate import RectBivariateSpline

    rows, columns = ((np.arange(n) + 0.5) * size / n for n, size in zip(mesh.shape, shape, strict=True))
    degrees = (min(3, n - 1) for n in mesh.shape)
    surface = RectBivariateSpline(rows, columns, mesh, **dict(zip(("kx", "ky"), degrees, strict=True)))
    at = (np.clip(np.arange(size), line[0], line[-1]) for size, line in zip(shape, (rows, columns), strict=True))
    return np.asarray(surface(*at), dtype=np.float32)
