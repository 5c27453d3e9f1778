"""DemoCam: four detectors in a 2x2 grid behind a one-metre telescope.

Focal-plane coordinates are in pixels from the boresight. With the rotator at 0 deg, +y points north and +x west, so
that east is left. The position angle ROTPA is that of +y, from north through east.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NAME: Final = "DemoCam"
TELESCOPE: Final = "Belchester 1.0m"

NX: Final = 512
NY: Final = 512
OVERSCAN: Final = 32
"""Columns read after the last light-sensitive one."""

PIXEL_SCALE_ARCSEC: Final = 1.0
GAP: Final = 12
"""Pixels between the edges of neighbouring detectors."""

SATURATION_ADU: Final = 60_000

LATITUDE_DEG: Final = -29.26
"""Latitude of the observatory, for the airmass only."""


@dataclass(frozen=True, slots=True)
class Detector:
    """One CCD: where its centre sits, in pixels from the boresight, and how it is read out.

    Parameters
    ----------
    id : int
        Number of the detector, card DETECTOR.
    name : str
        Name in the focal plane, card DETNAME: column and row of the grid.
    x, y : float
        Centre, in pixels from the boresight.
    gain : float
        Electrons per ADU.
    read_noise : float
        Standard deviation in electrons.
    bias_level : float
        Mean bias in ADU.
    efficiency : float
        Response relative to the best detector.
    """

    id: int
    name: str
    x: float
    y: float
    gain: float
    read_noise: float
    bias_level: float
    efficiency: float


@dataclass(frozen=True, slots=True)
class Filter:
    """A physical filter with the sky and throughput that the telescope has in it.

    Parameters
    ----------
    name : str
        Physical filter, card FILTER.
    band : str
        Band that stands for all filters alike.
    zero_point : float
        AB magnitude of a source that gives one electron per second at airmass 1, with the best detector on the axis.
    sky_brightness : float
        AB magnitude per square arcsecond.
    extinction : float
        Magnitudes per airmass.
    lamp_rate : float
        Electrons per second and pixel from the flat-field screen.
    """

    name: str
    band: str
    zero_point: float
    sky_brightness: float
    extinction: float
    lamp_rate: float


_CENTRE: Final = (NX + GAP) / 2

DETECTORS: Final = (
    Detector(0, "S00", -_CENTRE, -_CENTRE, gain=1.52, read_noise=5.1, bias_level=1010.0, efficiency=1.00),
    Detector(1, "S10", +_CENTRE, -_CENTRE, gain=1.58, read_noise=4.8, bias_level=1180.0, efficiency=0.97),
    Detector(2, "S01", -_CENTRE, +_CENTRE, gain=1.49, read_noise=5.6, bias_level=940.0, efficiency=0.95),
    Detector(3, "S11", +_CENTRE, +_CENTRE, gain=1.61, read_noise=5.3, bias_level=1075.0, efficiency=0.98),
)

FILTERS: Final = (
    Filter("DemoCam-g", "g", zero_point=24.60, sky_brightness=21.6, extinction=0.18, lamp_rate=4200.0),
    Filter("DemoCam-r", "r", zero_point=24.50, sky_brightness=20.9, extinction=0.10, lamp_rate=6500.0),
)
