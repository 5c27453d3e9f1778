"""Gnomonic (TAN) projection between sky, focal plane and pixels.

Source: Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.simulation import camera

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bunter.demo.simulation.camera import Detector


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where the boresight looks, ICRS degrees; rotation is the position angle of +y, from north through east."""

    ra: float
    dec: float
    rotation: float

    def matrix(self) -> NDArray[np.float64]:
        """Focal plane (pixels; x, y) to tangent plane (degrees; east, north), shape (2, 2)."""
        cos, sin = np.cos(np.radians(self.rotation)), np.sin(np.radians(self.rotation))
        return np.array([[-cos, sin], [sin, cos]]) * (camera.PIXEL_SCALE_ARCSEC / 3600)

    def focal_plane(
        self, ra: NDArray[np.float64], dec: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Focal-plane coordinates, pixels from the boresight, of ICRS positions in degrees."""
        east, north = tangent_plane(ra, dec, self.ra, self.dec)
        x, y = np.linalg.inv(self.matrix()) @ np.stack([east, north])
        return x, y


def tangent_plane(
    ra: NDArray[np.float64], dec: NDArray[np.float64], ra0: float, dec0: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project onto the plane that touches the sky at (ra0, dec0).

    Parameters
    ----------
    ra, dec : ndarray
        ICRS degrees, within 90 deg of the point of contact.
    ra0, dec0 : float
        Point of contact, ICRS degrees.

    Returns
    -------
    east, north : ndarray
        Standard coordinates in degrees.
    """
    delta, dec, dec0 = np.radians(ra - ra0), np.radians(dec), np.radians(dec0)
    depth = np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(delta)
    east = np.cos(dec) * np.sin(delta) / depth
    north = (np.sin(dec) * np.cos(dec0) - np.cos(dec) * np.sin(dec0) * np.cos(delta)) / depth
    return np.degrees(east), np.degrees(north)


def sky(
    east: NDArray[np.float64], north: NDArray[np.float64], ra0: float, dec0: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ICRS degrees of standard coordinates in degrees: the inverse of `tangent_plane`."""
    xi, eta, dec0 = np.radians(east), np.radians(north), np.radians(dec0)
    depth = np.cos(dec0) - eta * np.sin(dec0)
    ra = ra0 + np.degrees(np.arctan2(xi, depth))
    dec = np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, depth))
    return ra % 360, np.degrees(dec)


def reference_pixel(detector: Detector) -> tuple[float, float]:
    """Boresight in the FITS pixels of a detector, where the first pixel's centre is (1, 1)."""
    return (camera.NX + 1) / 2 - detector.x, (camera.NY + 1) / 2 - detector.y


def detector_cards(pointing: Pointing, detector: Detector) -> dict[str, str | float]:
    """WCS cards of one detector under a pointing."""
    matrix = pointing.matrix()
    x, y = reference_pixel(detector)
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRVAL1": round(pointing.ra, 7),
        "CRVAL2": round(pointing.dec, 7),
        "CRPIX1": x,
        "CRPIX2": y,
        "CD1_1": matrix[0, 0],
        "CD1_2": matrix[0, 1],
        "CD2_1": matrix[1, 0],
        "CD2_2": matrix[1, 1],
    }
