"""What the telescope does in one night: bias frames, flat frames, and two fields in two bands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.simulation import camera
from bunter.demo.simulation.gnomonic import Pointing, sky

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bunter.demo.simulation.camera import Filter

FIELDS: Final = (("FENCHURCH-1", -205.0, -150.0), ("FENCHURCH-2", 205.0, 150.0))
"""Name of each field, and its offset from the centre of the survey in arcseconds (east, north)."""

CENTRE: Final = (330.0, -12.0)
"""Centre of the survey, ICRS degrees."""

DITHERS: Final = ((0.0, 0.0), (23.0, 17.0), (-19.0, 28.0))
"""Offsets from the field's centre in arcseconds (east, north): wider than the gaps between detectors."""

NIGHT: Final = datetime(2025, 9, 20, tzinfo=UTC)
_LONGITUDE_DEG: Final = -70.74
_OVERHEAD: Final = timedelta(seconds=18)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many exposures of each kind, and how long those of the sky are.

    Parameters
    ----------
    biases : int
        Number of bias frames.
    flats : int
        Number of flat frames per band.
    dithers : int
        Exposures per field and band, at most 3.
    fields : int
        Number of fields, at most 2.
    exposure_time : float
        Seconds, of science exposures.
    """

    biases: int = 5
    flats: int = 3
    dithers: int = 3
    fields: int = 2
    exposure_time: float = 60.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """One opening of the shutter, with what really happened and what the mount believes.

    Parameters
    ----------
    seq_num : int
        Number in the night, from 1.
    observation_type : str
        ``bias``, ``flat`` or ``science``.
    target : str
        Field, or what else the camera looked at.
    physical_filter : Filter
        In the beam, also of a bias frame.
    begin : datetime
        UTC, without a time zone, as FITS writes it.
    exposure_time : float
        Seconds.
    true, believed : Pointing
        Where the boresight looks; both arbitrary unless on the sky.
    airmass : float
        At mid-exposure; 1 unless on the sky.
    seeing : float
        Full width at half maximum in arcseconds.
    zero_point : float
        AB magnitude of a source that gives one electron per second with the best detector on the axis.
    """

    seq_num: int
    observation_type: str
    target: str
    physical_filter: Filter
    begin: datetime
    exposure_time: float
    true: Pointing
    believed: Pointing
    airmass: float
    seeing: float
    zero_point: float

    @property
    def on_sky(self) -> bool:
        """Whether the camera saw the sky."""
        return self.observation_type == "science"

    @property
    def day_obs(self) -> int:
        """Night as YYYYMMDD."""
        return int(NIGHT.strftime("%Y%m%d"))

    @property
    def id(self) -> int:
        """Number that is unique for the camera."""
        return self.day_obs * 100_000 + self.seq_num

    @property
    def obs_id(self) -> str:
        """Name that is unique for the camera."""
        return f"DC_{self.day_obs}_{self.seq_num:05d}"

    @property
    def group(self) -> str:
        """Exposures of the same kind, target and filter."""
        return f"{self.day_obs}-{self.observation_type}-{self.target}-{self.physical_filter.band}"

    @property
    def end(self) -> datetime:
        """Shutter closed, UTC."""
        return self.begin + timedelta(seconds=self.exposure_time)

    @property
    def mjd(self) -> float:
        """Begin as modified Julian date, UTC."""
        return (self.begin - datetime(1858, 11, 17)).total_seconds() / 86_400  # noqa: DTZ001 - UTC without a zone, as in FITS


def schedule(plan: Plan, seed: int) -> list[Exposure]:
    """Exposures of the night in the order of their numbers.

    Parameters
    ----------
    plan : Plan
        How many of each kind.
    seed : int
        Fixes seeing, pointing errors and transparency.
    """
    exposures: list[Exposure] = []
    for start, kind in ((21.0, _biases(plan)), (21.5, _flats(plan))):
        exposures += _calibrations(kind, NIGHT + timedelta(hours=start), len(exposures))
    begin = NIGHT + timedelta(hours=25.1)
    for target, physical_filter, centre in _visits(plan):
        rng = np.random.default_rng([seed, 1, len(exposures)])
        exposures.append(
            _science(
                len(exposures) + 1,
                target=target,
                physical_filter=physical_filter,
                offset_arcsec=centre,
                begin=begin,
                exposure_time=plan.exposure_time,
                rng=rng,
            )
        )
        begin += timedelta(seconds=plan.exposure_time) + _OVERHEAD
    return exposures


def _biases(plan: Plan) -> Iterator[tuple[str, Filter, float]]:
    for _ in range(plan.biases):
        yield "bias", camera.FILTERS[0], 0.0


def _flats(plan: Plan) -> Iterator[tuple[str, Filter, float]]:
    for physical_filter in camera.FILTERS:
        for _ in range(plan.flats):
            yield "flat", physical_filter, 7.0


def _calibrations(kinds: Iterable[tuple[str, Filter, float]], begin: datetime, before: int) -> list[Exposure]:
    nowhere = Pointing(0.0, 0.0, 0.0)
    exposures = []
    for number, (kind, physical_filter, seconds) in enumerate(kinds, before + 1):
        target = "screen" if kind == "flat" else "shutter"
        moment = begin.replace(tzinfo=None)
        exposures.append(
            Exposure(number, kind, target, physical_filter, moment, seconds, nowhere, nowhere, 1.0, 0.0, 0.0)
        )
        begin += timedelta(seconds=seconds) + _OVERHEAD
    return exposures


def _visits(plan: Plan) -> Iterator[tuple[str, Filter, tuple[float, float]]]:
    for name, east, north in FIELDS[: plan.fields]:
        for physical_filter in camera.FILTERS:
            for dither_east, dither_north in DITHERS[: plan.dithers]:
                yield name, physical_filter, (east + dither_east, north + dither_north)


def _science(
    number: int,
    *,
    target: str,
    physical_filter: Filter,
    offset_arcsec: tuple[float, float],
    begin: datetime,
    exposure_time: float,
    rng: np.random.Generator,
) -> Exposure:
    true, believed = _pointings(offset_arcsec, rng)
    airmass = _airmass(true, begin + timedelta(seconds=exposure_time / 2))
    return Exposure(
        seq_num=number,
        observation_type="science",
        target=target,
        physical_filter=physical_filter,
        begin=begin.replace(tzinfo=None),
        exposure_time=exposure_time,
        true=true,
        believed=believed,
        airmass=airmass,
        seeing=float(rng.uniform(2.2, 2.9)) * airmass**0.6,
        zero_point=physical_filter.zero_point
        - physical_filter.extinction * (airmass - 1)
        + float(rng.normal(0.0, 0.04)),
    )


def _pointings(offset_arcsec: tuple[float, float], rng: np.random.Generator) -> tuple[Pointing, Pointing]:
    """Draw true and believed pointing: a mount is off by some arcseconds, its rotator by hundredths of a degree."""
    believed = _pointing(offset_arcsec, CENTRE, float(rng.normal(0.0, 0.4)))
    east, north, turn = rng.normal(0.0, 1.0, 3) * (3.0, 3.0, 0.015)
    return _pointing((east, north), (believed.ra, believed.dec), believed.rotation + float(turn)), believed


def _pointing(offset_arcsec: tuple[float, float], centre: tuple[float, float], rotation: float) -> Pointing:
    east, north = (np.array(offset / 3600) for offset in offset_arcsec)
    ra, dec = sky(east, north, *centre)
    return Pointing(float(ra), float(dec), rotation)


def _airmass(pointing: Pointing, moment: datetime) -> float:
    """Secant of the zenith distance; sidereal time to 0.1 s, Meeus, Astronomical Algorithms, equation 12.4."""
    days = (moment - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86_400
    hour_angle = np.radians(280.46061837 + 360.98564736629 * days + _LONGITUDE_DEG - pointing.ra)
    dec, latitude = np.radians(pointing.dec), np.radians(camera.LATITUDE_DEG)
    return float(1 / (np.sin(dec) * np.sin(latitude) + np.cos(dec) * np.cos(latitude) * np.cos(hour_angle)))
