"""The truth: stars and galaxies of the survey, and the reference catalogue somebody else made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bunter.demo.simulation.gnomonic import sky
from bunter.demo.simulation.schedule import CENTRE

if TYPE_CHECKING:
    from astropy.table import Table
    from numpy.typing import NDArray

HALF_WIDTH_DEG: Final = 0.26
"""Half the side of the square of sky that is filled with sources."""

REFERENCE_LIMIT: Final = 20.0
"""Faintest r magnitude of the reference catalogue."""

REFERENCE_POSITION_MAS: Final = 20.0
"""Standard deviation of a reference position in each direction."""

REFERENCE_FLUX_MMAG: Final = 10.0
"""Standard deviation of a reference magnitude."""

_STARS_PER_SQUARE_DEGREE: Final = 7000.0
_GALAXIES_PER_SQUARE_DEGREE: Final = 15_000.0


def truth_table(seed: int) -> Table:
    """Stars and galaxies with their AB magnitudes.

    Parameters
    ----------
    seed : int
        Fixes everything.

    Returns
    -------
    astropy.table.Table
        Columns ``id``, ``is_star``, ``ra``, ``dec`` (ICRS degrees), ``g_mag``, ``r_mag`` (AB), and of the galaxies
        ``half_light_radius`` (arcsec), ``sersic_index``, ``axis_ratio``, ``position_angle`` (degrees, of the long axis,
        north through east).
    """
    from astropy.table import Table, vstack

    rng = np.random.default_rng([seed, 2])
    table = vstack([Table(_stars(rng)), Table(_galaxies(rng))])
    table.add_column(np.arange(1, len(table) + 1), index=0, name="id")
    for name, unit in _UNITS.items():
        table[name].unit = unit
    table.meta["comments"] = [f"Simulated with seed {seed}"]
    return table


_UNITS: Final = {
    "ra": "deg",
    "dec": "deg",
    "g_mag": "mag",
    "r_mag": "mag",
    "half_light_radius": "arcsec",
    "position_angle": "deg",
}


def reference_table(truth: Table, seed: int) -> Table:
    """Catalogue of the brighter stars, as another survey would have measured them.

    Parameters
    ----------
    truth : astropy.table.Table
        From `truth_table`.
    seed : int
        Fixes the errors of measurement.

    Returns
    -------
    astropy.table.Table
        Columns ``id``, ``ra``, ``dec`` (ICRS degrees), ``ra_err``, ``dec_err`` (mas), ``g_mag``, ``g_mag_err``,
        ``r_mag``, ``r_mag_err`` (AB).
    """
    from astropy.table import Table

    rng = np.random.default_rng([seed, 3])
    stars = truth[truth["is_star"] & (truth["r_mag"] < REFERENCE_LIMIT)]
    east, north = rng.normal(0.0, REFERENCE_POSITION_MAS / 3.6e6, (2, len(stars)))
    table = Table({"id": stars["id"]})
    table["ra"] = np.asarray(stars["ra"]) + east / np.cos(np.radians(stars["dec"]))
    table["dec"] = np.asarray(stars["dec"]) + north
    for name in ("ra_err", "dec_err"):
        table[name] = np.full(len(stars), REFERENCE_POSITION_MAS)
        table[name].unit = "mas"
    for band in "gr":
        table[f"{band}_mag"] = np.asarray(stars[f"{band}_mag"]) + rng.normal(
            0.0, REFERENCE_FLUX_MMAG / 1000, len(stars)
        )
        table[f"{band}_mag_err"] = np.full(len(stars), REFERENCE_FLUX_MMAG / 1000)
    for name in table.colnames:
        table[name].unit = table[name].unit or _UNITS.get(name.removesuffix("_err"))
    return table


def _stars(rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Draw cumulative counts as 10**(0.25 r), and two humps of g - r: halo dwarfs at 0.45, M dwarfs at 1.4."""
    n = rng.poisson(_STARS_PER_SQUARE_DEGREE * _area(22.3, 20.1, 0.25))
    r = _magnitudes(rng, n, slope=0.25, bright=12.5, faint=22.3)
    red = rng.random(n) < np.clip(0.1 * (r - 14), 0.1, 0.6)
    colour = np.where(red, rng.normal(1.40, 0.09, n), rng.normal(0.45, 0.13, n))
    ra, dec = _positions(rng, n)
    zero = np.zeros(n)
    return {
        "is_star": np.ones(n, bool), "ra": ra, "dec": dec, "g_mag": r + colour, "r_mag": r,
        "half_light_radius": zero, "sersic_index": zero, "axis_ratio": zero + 1, "position_angle": zero,
    }  # fmt: skip


def _galaxies(rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Draw cumulative counts that grow as 10**(0.38 r), smaller when fainter, most of them discs."""
    n = rng.poisson(_GALAXIES_PER_SQUARE_DEGREE * _area(22.0, 22.0, 0.38))
    r = _magnitudes(rng, n, slope=0.38, bright=15.5, faint=22.0)
    ra, dec = _positions(rng, n)
    return {
        "is_star": np.zeros(n, bool), "ra": ra, "dec": dec, "g_mag": r + rng.normal(0.65, 0.25, n), "r_mag": r,
        "half_light_radius": np.clip(10 ** (0.15 - 0.11 * (r - 20) + rng.normal(0, 0.15, n)), 0.3, 6.0),
        "sersic_index": np.where(rng.random(n) < 0.75, 1.0, rng.uniform(1.5, 3.0, n)),
        "axis_ratio": rng.uniform(0.3, 1.0, n), "position_angle": rng.uniform(0, 180, n),
    }  # fmt: skip


def _area(faint: float, reference: float, slope: float) -> float:
    """Square degrees of the field, scaled from counts brighter than ``reference`` to counts brighter than ``faint``."""
    return float((2 * HALF_WIDTH_DEG) ** 2 * 10 ** (slope * (faint - reference)))


def _magnitudes(rng: np.random.Generator, n: int, *, slope: float, bright: float, faint: float) -> NDArray[np.float64]:
    """Draw from cumulative counts proportional to 10**(slope m)."""
    low, high = 10 ** (slope * bright), 10 ** (slope * faint)
    return np.log10(low + (high - low) * rng.random(n)) / slope


def _positions(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    east, north = rng.uniform(-HALF_WIDTH_DEG, HALF_WIDTH_DEG, (2, n))
    return sky(east, north, *CENTRE)
