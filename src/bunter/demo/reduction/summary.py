"""How good a visit is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.table import Table

_COLUMNS: Final = {
    "seeing": "arcsec",
    "sky": "electron",
    "sky_noise": "electron",
    "zero_point": "mag",
    "zero_point_err": "mag",
    "zero_point_scatter": "mag",
    "astrometric_rms": "mas",
    "pointing_shift": "arcsec",
    "airmass": "",
    "n_calibrators": "",
    "n_sources": "",
}


def visit_summary(sources: Mapping[int, Table]) -> Table:
    """Gather what the calibration of each detector found.

    Parameters
    ----------
    sources : mapping of int to astropy.table.Table
        Calibrated sources by detector, from `calibrated.calibrate`.

    Returns
    -------
    astropy.table.Table
        One row per detector: ``detector``, ``seeing``, ``sky``, ``zero_point``, ``astrometric_rms``, ``n_stars`` (those with
        a signal-to-noise ratio above 20) and more.
    """
    from astropy.table import Table

    detectors = sorted(sources)
    table = Table({"detector": np.array(detectors, np.int64)})
    for name, unit in _COLUMNS.items():
        table[name] = [sources[detector].meta[name] for detector in detectors]
        table[name].unit = unit or None
    table["n_stars"] = [_stars(sources[detector]) for detector in detectors]
    return table


def _stars(sources: Table) -> int:
    return int(np.count_nonzero(np.asarray(sources["is_star"]) & (np.asarray(sources["snr"]) > 20)))
