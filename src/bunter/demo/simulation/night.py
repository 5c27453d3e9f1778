"""A night of DemoCam in a folder: raw frames, the truth, and a reference catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.simulation import camera
from bunter.demo.simulation.frame import raw_frame
from bunter.demo.simulation.headers import raw_header
from bunter.demo.simulation.response import Response, response
from bunter.demo.simulation.schedule import Exposure, Plan, schedule
from bunter.demo.simulation.sky import reference_table, truth_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from astropy.table import Table

    from bunter.demo.simulation.camera import Detector

SEED: Final = 1923
"""Year of Bunter's first case."""

CAMERA_SEED: Final = 17
"""Of the pixels' properties: a camera is the same on every night."""


@dataclass(frozen=True, slots=True)
class Night:
    """Everything about a simulated night that does not depend on the files.

    Parameters
    ----------
    seed : int
        From which all follows.
    exposures : tuple of Exposure
        In the order of their numbers.
    truth, reference : astropy.table.Table
        The sky, and the catalogue that others made of it.
    """

    seed: int
    exposures: tuple[Exposure, ...]
    truth: Table
    reference: Table

    @classmethod
    def simulate(cls, seed: int = SEED, plan: Plan | None = None) -> Night:
        """Plan a night and populate its sky.

        Parameters
        ----------
        seed : int
            The same seed gives the same night, to the bit.
        plan : Plan, optional
            How many exposures of each kind.
        """
        truth = truth_table(seed)
        return cls(seed, tuple(schedule(plan or Plan(), seed)), truth, reference_table(truth, seed))

    def frames(self) -> Iterator[tuple[Exposure, Detector]]:
        """Each detector of each exposure, detector after detector."""
        for detector in camera.DETECTORS:
            for exposure in self.exposures:
                yield exposure, detector

    def conditions(self) -> Table:
        """Tell what really happened, one row per science exposure and detector.

        Returns
        -------
        astropy.table.Table
            Columns ``exposure``, ``detector``, ``band``, ``zero_point`` (AB magnitude of one electron per second after
            flat-fielding with a flat of median 1), ``seeing`` (arcsec), ``ra``, ``dec``, ``rotation`` (true boresight,
            degrees).
        """
        from astropy.table import Table

        pixels = {detector: response(detector, CAMERA_SEED) for detector in camera.DETECTORS}
        rows = [_condition(e, d, pixels[d]) for e, d in self.frames() if e.on_sky]
        return Table(rows=rows)


def frame_name(exposure: Exposure, detector: Detector) -> str:
    """File name of a frame."""
    return f"{exposure.obs_id}_{detector.name}.fits"


def write_night(night: Night, directory: Path, progress: Callable[[int, int], None] | None = None) -> list[Path]:
    """Write the raw frames that are not there yet.

    Parameters
    ----------
    night : Night
        What to write.
    directory : pathlib.Path
        Where; made if need be.
    progress : callable, optional
        Called with the number of frames done and the number of all frames.

    Returns
    -------
    list of pathlib.Path
        All frames of the night.
    """
    directory.mkdir(parents=True, exist_ok=True)
    frames = list(night.frames())
    pixels: dict[Detector, Response] = {}
    paths = []
    for done, (exposure, detector) in enumerate(frames, 1):
        path = directory / frame_name(exposure, detector)
        if not path.exists():
            if detector not in pixels:
                pixels[detector] = response(detector, CAMERA_SEED)
            _write(path, exposure, detector, pixels[detector], night)
        paths.append(path)
        if progress:
            progress(done, len(frames))
    return paths


def _write(path: Path, exposure: Exposure, detector: Detector, pixels: Response, night: Night) -> None:
    """Write under another name and rename, so that a frame that is there is whole."""
    from astropy.io import fits

    image = raw_frame(exposure, detector, pixels, night.truth, night.seed)
    part = path.with_suffix(".part")
    fits.PrimaryHDU(image, raw_header(exposure, detector)).writeto(part, overwrite=True)
    part.rename(path)


def _condition(exposure: Exposure, detector: Detector, pixels: Response) -> dict[str, object]:
    median = float(np.median(pixels.efficiency[exposure.physical_filter.name]))
    return {
        "exposure": exposure.id,
        "detector": detector.id,
        "band": exposure.physical_filter.band,
        "zero_point": exposure.zero_point + 2.5 * np.log10(median),
        "seeing": exposure.seeing,
        "ra": exposure.true.ra,
        "dec": exposure.true.dec,
        "rotation": exposure.true.rotation,
    }
