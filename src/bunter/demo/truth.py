"""How well the pipeline did: its positions, fluxes and zero points against those that were simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from astropy.table import Table
    from numpy.typing import NDArray

MATCH_ARCSEC: Final = 1.0
BRIGHT_SNR: Final = 50.0
"""Signal-to-noise ratio above which the scatter tells of the calibration and not of the photons."""

COMPLETE_TO: Final = 20.5
"""r magnitude down to which completeness is told."""

_MAS: Final = 3.6e6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison with the truth gives, for bright, clean stars.

    Parameters
    ----------
    stars : int
        How many there are.
    offset_mas : float
        Length of the median offset.
    scatter_mas : float
        Robust standard deviation of the offsets in one direction.
    bias_mmag, scatter_mmag : float
        Median of measured minus true magnitude, and robust standard deviation.
    """

    stars: int
    offset_mas: float
    scatter_mas: float
    bias_mmag: float
    scatter_mmag: float

    def __str__(self) -> str:
        return (
            f"{self.stars} stars: position {self.offset_mas:.0f} mas off, scatter {self.scatter_mas:.0f} mas; "
            f"magnitude {self.bias_mmag:+.0f} mmag off, scatter {self.scatter_mmag:.0f} mmag"
        )


def judge(sources: Table, truth: Table, *, band: str, magnitude: str = "psf_mag") -> Verdict:
    """Compare sources or objects with the true stars.

    Parameters
    ----------
    sources : astropy.table.Table
        Table ``src`` or ``objects`` of the pipeline, or several of them stacked.
    truth : astropy.table.Table
        From `bunter.demo.simulation.sky.truth_table`.
    band : str
        Band of the magnitudes.
    magnitude : str
        Column to compare; its error is in ``<magnitude>_err``.
    """
    bright = 1.0857 / np.asarray(sources[f"{magnitude}_err"]) > BRIGHT_SNR
    clean = ~np.asarray(sources["blended"]) & (np.asarray(sources["planes"]) & 1 == 0) & np.asarray(sources["is_star"])
    chosen = sources[bright & clean]
    stars = truth[truth["is_star"]]
    mine, theirs = match(chosen, stars)
    east, north = _offsets(chosen[mine], stars[theirs])
    difference = 1000 * (np.asarray(chosen[magnitude])[mine] - np.asarray(stars[f"{band}_mag"])[theirs])
    return Verdict(
        stars=len(mine),
        offset_mas=float(np.hypot(np.median(east), np.median(north))),
        scatter_mas=float(np.hypot(_scatter(east), _scatter(north)) / np.sqrt(2)),
        bias_mmag=float(np.median(difference)),
        scatter_mmag=_scatter(difference),
    )


def zero_point_errors(summary: Table, conditions: Table, visit: int) -> NDArray[np.float64]:
    """Measured minus simulated zero point, magnitudes, of each detector of a visit.

    Parameters
    ----------
    summary : astropy.table.Table
        Dataset ``visit_summary``.
    conditions : astropy.table.Table
        From `bunter.demo.simulation.Night.conditions`.
    visit : int
        A visit of DemoCam has the number of its exposure.
    """
    simulated = {
        int(row["detector"]): float(row["zero_point"])
        for row in conditions[np.asarray(conditions["exposure"]) == visit]
    }
    return np.array([float(row["zero_point"]) - simulated[int(row["detector"])] for row in summary])


def completeness(objects: Table, truth: Table, inside: NDArray[np.bool_], limit: float = COMPLETE_TO) -> float:
    """Part of the true stars brighter than a limit that are among the objects.

    Parameters
    ----------
    objects : astropy.table.Table
        Dataset ``objects``, of all patches.
    truth : astropy.table.Table
        All true sources.
    inside : ndarray
        Which true sources lie where the coadds have data.
    limit : float
        r magnitude.
    """
    stars = truth[inside & np.asarray(truth["is_star"]) & (np.asarray(truth["r_mag"]) < limit)]
    found, _ = match(stars, objects)
    return len(found) / max(len(stars), 1)


def match(one: Table, two: Table, radius_arcsec: float = MATCH_ARCSEC) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nearest neighbours of two tables on the sky.

    Parameters
    ----------
    one, two : astropy.table.Table
        Columns ``ra`` and ``dec`` in degrees.
    radius_arcsec : float
        Greatest distance.

    Returns
    -------
    one, two : ndarray
        Row numbers of the pairs, each row of ``one`` at most once.
    """
    from scipy.spatial import cKDTree

    if not len(one) or not len(two):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    limit = 2 * np.sin(np.radians(radius_arcsec / 3600) / 2)
    distance, nearest = cKDTree(_unit_vectors(two)).query(_unit_vectors(one), distance_upper_bound=limit)
    found = np.flatnonzero(np.isfinite(distance))
    return found, np.asarray(nearest[found])


def _unit_vectors(table: Table) -> NDArray[np.float64]:
    ra, dec = np.radians(np.asarray(table["ra"])), np.radians(np.asarray(table["dec"]))
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def _offsets(mine: Table, theirs: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """East and north offsets in milliarcseconds."""
    dec = np.asarray(theirs["dec"])
    turn = (np.asarray(mine["ra"]) - np.asarray(theirs["ra"]) + 180) % 360 - 180
    return turn * np.cos(np.radians(dec)) * _MAS, (np.asarray(mine["dec"]) - dec) * _MAS


def _scatter(values: NDArray[np.float64]) -> float:
    """Return the standard deviation of a normal distribution of the same median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if len(values) else float("nan")
