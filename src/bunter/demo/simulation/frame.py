"""One frame: what one detector records in one exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bunter.demo.simulation import camera, profiles, response
from bunter.demo.simulation.gnomonic import reference_pixel

if TYPE_CHECKING:
    from astropy.table import Table
    from numpy.typing import NDArray

    from bunter.demo.simulation.camera import Detector
    from bunter.demo.simulation.profiles import Shapes
    from bunter.demo.simulation.response import Response
    from bunter.demo.simulation.schedule import Exposure


@dataclass(frozen=True, slots=True)
class Visible:
    """Sources that can leave light on a detector.

    Centres are in pixels, the first pixel's being (0, 0); fluxes are electrons per exposure at full response.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    flux: NDArray[np.float64]
    is_star: NDArray[np.bool_]
    shapes: Shapes


def raw_frame(exposure: Exposure, detector: Detector, pixels: Response, truth: Table, seed: int) -> NDArray[np.uint16]:
    """Numbers that the camera writes, overscan included.

    Parameters
    ----------
    exposure : Exposure
        Bias, flat or science.
    detector : Detector
        Which one.
    pixels : Response
        Of that detector.
    truth : astropy.table.Table
        From `sky.truth_table`.
    seed : int
        Fixes the noise, together with exposure and detector.

    Returns
    -------
    ndarray
        ADU, (NY, NX + OVERSCAN).
    """
    rng = np.random.default_rng([seed, 5, exposure.seq_num, detector.id])
    return response.read_out(_electrons(exposure, detector, pixels, truth, rng), detector, pixels, rng)


def _electrons(
    exposure: Exposure, detector: Detector, pixels: Response, truth: Table, rng: np.random.Generator
) -> NDArray[np.float64]:
    efficiency = pixels.efficiency[exposure.physical_filter.name]
    dark = pixels.hot * (exposure.exposure_time + 0.5)
    if exposure.observation_type == "bias":
        return response.with_shot_noise(dark, rng)
    if exposure.observation_type == "flat":
        lamp = exposure.physical_filter.lamp_rate * rng.normal(1.0, 0.02)
        return response.with_shot_noise(lamp * exposure.exposure_time * efficiency + dark, rng)
    light = _sky(exposure, detector, rng) + _sources(exposure, detector, truth)
    return response.with_shot_noise(light * efficiency + dark, rng) + response.cosmic_rays(exposure.exposure_time, rng)


def _sky(exposure: Exposure, detector: Detector, rng: np.random.Generator) -> NDArray[np.float64]:
    """Night sky with a gradient of some per cent over the focal plane."""
    level = (
        response.sky_rate(exposure.physical_filter, exposure.zero_point)
        * exposure.exposure_time
        * rng.normal(1.0, 0.01)
    )
    slope = 0.02 + 0.01 * np.sin(exposure.seq_num)
    x = (detector.x + np.arange(camera.NX) - camera.NX / 2) / camera.NX
    y = (detector.y + np.arange(camera.NY) - camera.NY / 2) / camera.NY
    return np.asarray(level * (1 + slope * x + 0.5 * slope * y[:, None]))


def _sources(exposure: Exposure, detector: Detector, truth: Table) -> NDArray[np.float64]:
    seen = visible(exposure, detector, truth)
    star, galaxy = seen.is_star, ~seen.is_star
    seeing = exposure.seeing / camera.PIXEL_SCALE_ARCSEC
    unblurred = profiles.galaxies(
        (camera.NY, camera.NX), seen.x[galaxy], seen.y[galaxy], seen.flux[galaxy], seen.shapes[galaxy]
    )
    image = profiles.blur(unblurred, seeing)
    profiles.add_stars(image, seen.x[star], seen.y[star], seen.flux[star], seeing)
    return image


def visible(exposure: Exposure, detector: Detector, truth: Table, margin: float = 40.0) -> Visible:
    """Find the sources on a detector or within a margin of it.

    Parameters
    ----------
    exposure : Exposure
        Its true pointing and zero point are used.
    detector : Detector
        Which one.
    truth : astropy.table.Table
        From `sky.truth_table`.
    margin : float
        Pixels.
    """
    x, y = exposure.true.focal_plane(np.asarray(truth["ra"]), np.asarray(truth["dec"]))
    column, row = reference_pixel(detector)
    x, y = x + column - 1, y + row - 1
    near = (x > -margin) & (x < camera.NX + margin) & (y > -margin) & (y < camera.NY + margin)
    rows = truth[near]
    magnitude = np.asarray(rows[f"{exposure.physical_filter.band}_mag"])
    flux = exposure.exposure_time * 10 ** (-0.4 * (magnitude - exposure.zero_point))
    return Visible(x[near], y[near], flux, np.asarray(rows["is_star"]), _shapes(rows, exposure))


def _shapes(rows: Table, exposure: Exposure) -> Shapes:
    radius = np.asarray(rows["half_light_radius"]) / camera.PIXEL_SCALE_ARCSEC
    angle = profiles.angle_on_detector(np.asarray(rows["position_angle"]), exposure.true)
    return profiles.Shapes(radius, np.asarray(rows["sersic_index"]), np.asarray(rows["axis_ratio"]), angle)
