"""A small repository with raw data, and pipelines over it."""

from __future__ import annotations

import sys
from pathlib import Path

from bunter.butler import Butler
from bunter.dataset import DatasetType
from bunter.pipeline import Pipeline

sys.path.insert(0, str(Path(__file__).parent))

CAM = {"instrument": "Cam"}


def make_repository(root, exposures=4, detectors=2, **more):
    butler = Butler.create(root, **more)
    insert = butler.dimension_records.insert
    insert("instrument", {"name": "Cam", "visit_system": 0, "class_name": "Cam"})
    insert("physical_filter", {**CAM, "name": "r1", "band": "r"})
    insert("detector", [{**CAM, "id": d, "full_name": f"D{d}"} for d in range(detectors)])
    insert("day_obs", {**CAM, "id": 20260101})
    insert("group", [{**CAM, "name": str(e)} for e in range(exposures)])
    common = {**CAM, "physical_filter": "r1", "day_obs": 20260101}
    insert("exposure", [{**common, "id": e, "obs_id": f"e{e}", "group": str(e)} for e in range(exposures)])
    raw = DatasetType("raw", butler.universe.conform(["exposure", "detector"]), "StructuredDataDict")
    butler.dataset_types.register(raw)
    butler.collections.register("raw")
    keys = [{**CAM, "exposure": e, "detector": d} for e in range(exposures) for d in range(detectors)]
    butler.put_many([{"value": key["exposure"]} for key in keys], "raw", keys, run="raw")
    return butler


def pipeline(tasks=("reduce", "gather", "night"), **config):
    classes = {"reduce": "Reduce", "gather": "Gather", "night": "Night", "noop": "Noop"}
    first = tasks[0]
    return Pipeline.from_tasks(
        {label: (f"run_tasks.{classes[label]}", config if label == first else {}) for label in tasks}
    )
