"""A small camera with a few exposures, two dataset types and some collections: what most contracts begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = [
    "DAY_NS",
    "T0_NS",
    "exposure_row",
    "fill_dimensions",
    "fill_small_camera",
    "put_thing",
    "register_collections",
]

DAY_NS = 86_400 * 10**9
T0_NS = 1_767_268_800 * 10**9


def fill_dimensions(butler: Butler, *, exposures: int = 4, detectors: int = 3) -> None:
    """Insert an instrument *Cam* with filters g and r, detectors, and exposures of 30 s every 60 s."""
    insert = butler.dimension_records.insert
    with butler.transaction():
        insert("instrument", {"name": "Cam", "class_name": "none", "visit_system": 0})
        insert("physical_filter", [{"instrument": "Cam", "name": f"Cam-{b}", "band": b} for b in "gr"])
        insert("detector", [{"instrument": "Cam", "id": d, "full_name": f"D{d}"} for d in range(detectors)])
        insert("day_obs", {"instrument": "Cam", "id": 20260101, "timespan": (T0_NS, T0_NS + DAY_NS)})
        insert("group", [{"instrument": "Cam", "name": f"g{e}"} for e in range(exposures)])
        insert("exposure", [exposure_row(e) for e in range(exposures)])


def exposure_row(number: int) -> dict[str, Any]:
    """Return the record of exposure ``number``."""
    begin = T0_NS + number * 60 * 10**9
    return {
        "instrument": "Cam",
        "id": number,
        "obs_id": f"obs{number}",
        "physical_filter": f"Cam-{'gr'[number % 2]}",
        "group": f"g{number}",
        "day_obs": 20260101,
        "exposure_time": 30.0,
        "seq_num": number + 1,
        "observation_type": "science",
        "timespan": (begin, begin + 30 * 10**9),
    }


def fill_small_camera(butler: Butler, *runs: str) -> None:
    """Insert the dimensions, register the types *thing* and *bias* (a calibration), and runs; by default ``run1``."""
    fill_dimensions(butler)
    butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
    butler.dataset_types.register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
    for run in runs or ("run1",):
        butler.collections.register(run)


def register_collections(butler: Butler) -> None:
    """Register a tag, a calibration collection, and a chain of the runs ``run0``, ``run1`` and ``run2``, which exist."""
    butler.collections.register("tag", "TAGGED", "the best")
    butler.collections.register("calib", "CALIBRATION")
    butler.collections.redefine_chain("chain", ["run0", "run1", "run2"])


def put_thing(
    butler: Butler, exposure: int = 0, detector: int = 0, *, run: str = "run1", **content: object
) -> DatasetRef:
    """Put a *thing* that says its exposure (``e``) and detector (``d``), and what else is given."""
    value = {"e": exposure, "d": detector, **content}
    return butler.put(value, "thing", instrument="Cam", exposure=exposure, detector=detector, run=run)
