"""What a detector does to the light: pixel response, vignetting, hot pixels, bias structure, cosmic rays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.simulation import camera

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bunter.demo.simulation.camera import Detector, Filter

VIGNETTING: Final = 0.22
"""Part of the light lost in the far corner of the focal plane."""

_CORNER: Final = float(np.hypot(camera.NX + camera.GAP / 2, camera.NY + camera.GAP / 2))
_HOT_FRACTION: Final = 2e-4
_RAYS_PER_SECOND: Final = 0.5


@dataclass(frozen=True, slots=True)
class Response:
    """Fixed properties of the pixels of one detector, each (NY, NX) float64.

    Parameters
    ----------
    bias : ndarray
        Structure of the bias in electrons, without its mean level.
    hot : ndarray
        Electrons per second that leak into hot pixels; zero elsewhere.
    efficiency : dict
        Response to light by physical filter, 1 for the best detector on the axis.
    """

    bias: NDArray[np.float64]
    hot: NDArray[np.float64]
    efficiency: dict[str, NDArray[np.float64]]


def response(detector: Detector, seed: int) -> Response:
    """Pixels of a detector.

    Parameters
    ----------
    detector : Detector
        Which one.
    seed : int
        Of the camera: the same in every exposure.
    """
    rng = np.random.default_rng([seed, 4, detector.id])
    hot = np.where(
        rng.random((camera.NY, camera.NX)) < _HOT_FRACTION, 10 ** rng.uniform(2.0, 3.3, (camera.NY, camera.NX)), 0.0
    )
    pixels = rng.normal(1.0, 0.008, (camera.NY, camera.NX))
    efficiency = {f.name: detector.efficiency * pixels * _dust(rng) * vignetting(detector) for f in camera.FILTERS}
    return Response(_bias_structure(rng, detector), hot, efficiency)


def vignetting(detector: Detector) -> NDArray[np.float64]:
    """Fraction of the light that reaches each pixel: falls with the square of the distance from the axis."""
    x = detector.x + np.arange(camera.NX) - (camera.NX - 1) / 2
    y = detector.y + np.arange(camera.NY) - (camera.NY - 1) / 2
    return 1 - VIGNETTING * (x**2 + y[:, None] ** 2) / _CORNER**2


def read_out(
    electrons: NDArray[np.float64], detector: Detector, response: Response, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Turn collected electrons into numbers: bias, read noise, gain, saturation, overscan.

    Parameters
    ----------
    electrons : ndarray
        Collected in each pixel, noise of the light included, (NY, NX).
    detector : Detector
        Which reads.
    response : Response
        Its pixels.
    rng : numpy.random.Generator
        Source of the read noise.

    Returns
    -------
    ndarray
        ADU, (NY, NX + OVERSCAN).
    """
    frame = np.zeros((camera.NY, camera.NX + camera.OVERSCAN))
    frame[:, : camera.NX] = electrons + response.bias
    frame += detector.read_noise * rng.standard_normal(frame.shape, dtype=np.float32)
    level = detector.bias_level + rng.normal(0.0, 3.0)
    return np.clip(np.rint(frame / detector.gain + level), 0, camera.SATURATION_ADU).astype(np.uint16)


def with_shot_noise(electrons: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw counts of electrons with these means: normal approximation to Poisson, good above some tens."""
    return electrons + np.sqrt(electrons) * rng.standard_normal(electrons.shape, dtype=np.float32)


def cosmic_rays(exposure_time: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Electrons left by cosmic rays: straight tracks, most of them a few pixels long.

    Parameters
    ----------
    exposure_time : float
        Seconds.
    rng : numpy.random.Generator
        Source of places, lengths and energies.
    """
    n = rng.poisson(_RAYS_PER_SECOND * exposure_time)
    length, angle = 1 + rng.exponential(4.0, n), rng.uniform(0, np.pi, n)
    steps = np.linspace(0, 1, 200) * length[:, None]
    columns = (rng.uniform(0, camera.NX, n)[:, None] + steps * np.cos(angle)[:, None]).astype(int)
    rows = (rng.uniform(0, camera.NY, n)[:, None] + steps * np.sin(angle)[:, None]).astype(int)
    charge = np.broadcast_to((10 ** rng.uniform(2.8, 4.0, n) * length / 200)[:, None], steps.shape)
    inside = (columns >= 0) & (columns < camera.NX) & (rows >= 0) & (rows < camera.NY)
    index = rows[inside] * camera.NX + columns[inside]
    image = np.bincount(index, weights=charge[inside], minlength=camera.NX * camera.NY)
    return image.reshape(camera.NY, camera.NX).astype(float)


def sky_rate(physical_filter: Filter, zero_point: float) -> float:
    """Electrons per second and pixel from the night sky, at full response."""
    per_square_arcsec = 10 ** (-0.4 * (physical_filter.sky_brightness - zero_point))
    return float(per_square_arcsec * camera.PIXEL_SCALE_ARCSEC**2)


def _dust(rng: np.random.Generator) -> NDArray[np.float64]:
    """Rings of shadow from grains on the filter."""
    row, column = np.mgrid[: camera.NY, : camera.NX]
    shadow = np.ones((camera.NY, camera.NX))
    for x, y, radius in rng.uniform((0, 0, 8), (camera.NX, camera.NY, 20), (4, 3)):
        distance = np.hypot(column - x, row - y)
        shadow -= 0.03 * np.exp(-(((distance - radius) / 3) ** 2))
    return shadow


def _bias_structure(rng: np.random.Generator, detector: Detector) -> NDArray[np.float64]:
    """Draw a glow towards the amplifier, a fixed pattern of columns, and a little fixed noise; electrons."""
    columns = rng.normal(0.0, 3.0, camera.NX)
    glow = 25 * np.exp(-np.arange(camera.NX) / 60)
    return columns + glow * (1 + 0.1 * detector.id) + rng.normal(0.0, 0.6, (camera.NY, camera.NX))
