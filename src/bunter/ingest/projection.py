"""The gnomonic projection, with vectors in place of angles so that poles and the zero meridian need no care.

Source: Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def frame(ra: ArrayLike, dec: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give unit vectors towards positions (degrees), and towards east and north there; each (..., 3)."""
    lon, lat = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    zero = np.zeros_like(lon)
    centre = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    east = np.stack([-np.sin(lon), np.cos(lon), zero], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    return centre, east, north


def vectors(ra: ArrayLike, dec: ArrayLike, xi: ArrayLike, eta: ArrayLike) -> NDArray[np.float64]:
    """Give unit vectors of points on tangent planes.

    Parameters
    ----------
    ra, dec : array_like
        Where each plane touches the sphere, degrees.
    xi, eta : array_like
        Coordinates eastwards and northwards on the planes, degrees; broadcast against ``ra``.

    Returns
    -------
    ndarray, (..., 3)
    """
    centre, east, north = frame(ra, dec)
    x, y = (np.radians(np.asarray(each, float))[..., None] for each in (xi, eta))
    points = centre + x * east + y * north
    return points / np.linalg.norm(points, axis=-1, keepdims=True)  # type: ignore[no-any-return]


def sky_axes(sky_angle: ArrayLike, x_points: str) -> NDArray[np.float64]:
    """Matrix from focal-plane offsets (x, y) to (east, north) offsets, for position angles of +y; (..., 2, 2)."""
    angle = np.radians(np.asarray(sky_angle, float))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = -1.0 if x_points == "west" else 1.0
    first = np.stack([turn * cosine, sine], axis=-1)
    second = np.stack([-turn * sine, cosine], axis=-1)
    return np.stack([first, second], axis=-2)
