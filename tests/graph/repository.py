"""A small repository on one strip of sky, and the pipeline of the worked example.

Visits 1 to 4 stand at right ascension 10, 11, 12, 13 degrees; detector 0 sees the half degree west of that, detector 1 the
half degree east. Tract 0 reaches from 9 to 10.9, tract 1 from there to 14, each in two patches. Visits 1 and 3 are in r, the
others in g. Flats and biases change at the beginning of visit 3.
"""

from __future__ import annotations

from bunter.butler import Butler
from bunter.dataset import CollectionType, DatasetColumns, DatasetType
from bunter.dataset.changes import AddDatasets, Certify, RegisterDatasetType
from bunter.dimensions import Universe
from bunter.geometry import Region, skypix
from bunter.pipeline import Connection, PipelineGraph, TaskNode
from bunter.values import Timespan, new_ids

UNIVERSE = Universe.default()
VISITS, DETECTORS = (1, 2, 3, 4), (0, 1)
FILTER = {1: "r1", 2: "g1", 3: "r1", 4: "g1"}
HOUR = 3_600_000_000_000
FRAME, IMAGE, VISIT = ("exposure", "detector"), ("visit", "detector"), ("visit",)
WARP, COADD = ("visit", "tract", "patch"), ("tract", "patch", "band")


def box(west, east):
    return Region.box((west + east) / 2, 0.0, east - west, 0.5)


def span(visit):
    return Timespan(visit * HOUR, visit * HOUR + HOUR // 2)


def fill(butler):
    insert = butler.dimension_records.insert
    cam = {"instrument": "Cam"}
    insert("instrument", {"name": "Cam", "visit_system": 0, "class_name": "Cam"})
    insert("physical_filter", [{**cam, "name": "r1", "band": "r"}, {**cam, "name": "g1", "band": "g"}])
    insert("detector", [{**cam, "id": d, "full_name": f"D{d}"} for d in DETECTORS])
    insert("day_obs", {**cam, "id": 20260101, "timespan": Timespan(0, 24 * HOUR)})
    insert("group", [{**cam, "name": str(v)} for v in VISITS])
    insert("visit_system", [{**cam, "id": 0, "name": "one"}, {**cam, "id": 1, "name": "all"}])
    common = [{**cam, "id": v, "physical_filter": FILTER[v], "day_obs": 20260101, "timespan": span(v)} for v in VISITS]
    kinds = {1: "science", 2: "science", 3: "science", 4: "focus"}
    insert(
        "exposure",
        [{**c, "obs_id": f"e{c['id']}", "group": str(c["id"]), "observation_type": kinds[c["id"]]} for c in common],
    )
    insert(
        "visit", [{**c, "name": f"v{c['id']}", "region": box(9.5 + c["id"] - 1, 10.5 + c["id"] - 1)} for c in common]
    )
    # Visit 99 gathers all exposures, in a visit system that is not the default.
    insert("visit", {**common[0], "id": 99, "name": "v99", "region": box(9.5, 13.5)})
    members = [(v, 0) for v in VISITS] + [(99, 1)]
    insert("visit_system_membership", [{**cam, "visit": v, "visit_system": s} for v, s in members])
    insert("visit_definition", [{**cam, "exposure": v, "visit": w} for v in VISITS for w in (v, 99)])
    regions = [(v, d, box(9.5 + v - 1 + d / 2, 10 + v - 1 + d / 2)) for v in VISITS for d in DETECTORS]
    insert("visit_detector_region", [{**cam, "visit": v, "detector": d, "region": r} for v, d, r in regions])
    insert("skymap", {"name": "strip", "hash": b"h" * 40})
    insert("tract", [{"skymap": "strip", "id": t, "region": box(*e)} for t, e in enumerate([(9, 10.9), (10.9, 14)])])
    halves = {(0, 0): (9, 10.2), (0, 1): (10.2, 10.9), (1, 0): (10.9, 12.6), (1, 1): (12.6, 14)}
    insert("patch", [{"skymap": "strip", "tract": t, "id": p, "cell_x": p, "cell_y": 0, "region": box(*e)}
                     for (t, p), e in halves.items()])  # fmt: skip
    frames = [(v, d) for v in VISITS for d in DETECTORS]
    add(butler, "raw", FRAME, "raw", {"exposure": [v for v, _ in frames], "detector": [d for _, d in frames]})
    butler.collections.register("calib", CollectionType.CALIBRATION)
    for run, begin, end in (("calib/old", 0, 3 * HOUR), ("calib/new", 3 * HOUR, 24 * HOUR)):
        ids = add(butler, "bias", ("detector",), run, {"detector": [0, 1]}, calibration=True)
        both = {"detector": [0, 1, 0, 1], "physical_filter": ["r1", "r1", "g1", "g1"]}
        more = add(butler, "flat", ("detector", "physical_filter"), run, both, calibration=True)
        butler.apply(Certify("calib", ids, Timespan(begin, end)), Certify("calib", more, Timespan(begin, end)))
    pixels = skypix("htm7").pixels_of(box(9, 11))
    add(butler, "refcat", ("htm7",), "refs", {"htm7": pixels}, governed=False)
    butler.collections.register("in", CollectionType.CHAINED)
    butler.collections.redefine_chain("in", ["raw", "calib", "refs"])
    return butler


def add(butler, name, dimensions, run, columns, *, calibration=False, governed=True):
    kind = DatasetType(name, UNIVERSE.conform(dimensions), "StructuredDataDict", calibration)
    size = len(next(iter(columns.values())))
    ids = new_ids(size)
    values = {"instrument": ["Cam"] * size, **columns} if governed else columns
    butler.collections.register(run)
    butler.apply(RegisterDatasetType(kind), AddDatasets(DatasetColumns(kind, run, ids, values), "fail"))
    return ids


def connection(name, kind, dataset_type, dimensions, **options):
    return Connection(name, kind, dataset_type, None, UNIVERSE.conform(dimensions), "StructuredDataDict", **options)


def task(label, dimensions, *connections):
    return TaskNode(label, "x.Y", {}, UNIVERSE.conform(dimensions), connections)


def graph_of(*tasks):
    every = [c for one in tasks for c in one.connections]
    types = {
        c.dataset_type: DatasetType(c.dataset_type, c.dimensions, c.storage_class, c.is_calibration) for c in every
    }
    return PipelineGraph(tasks, types, UNIVERSE)


def example():
    """isr -> calibrate -> gather -> warp -> coadd."""
    return graph_of(
        task("isr", FRAME,
             connection("raw", "input", "raw", FRAME),
             connection("bias", "prerequisite", "bias", ("detector",), is_calibration=True),
             connection("flat", "prerequisite", "flat", ("detector", "physical_filter"), is_calibration=True),
             connection("out", "output", "post_isr", FRAME)),
        task("calibrate", IMAGE,
             connection("frames", "input", "post_isr", FRAME, multiple=True),
             connection("refcat", "prerequisite", "refcat", ("htm7",), multiple=True, minimum=0),
             connection("calexp", "output", "calexp", IMAGE),
             connection("src", "output", "src", IMAGE)),
        task("gather", VISIT,
             connection("srcs", "input", "src", IMAGE, multiple=True),
             connection("summary", "output", "visit_summary", VISIT)),
        task("warp", WARP,
             connection("calexps", "input", "calexp", IMAGE, multiple=True),
             connection("summary", "input", "visit_summary", VISIT),
             connection("warp", "output", "warp", WARP)),
        task("coadd", COADD,
             connection("warps", "input", "warp", WARP, multiple=True),
             connection("coadd", "output", "coadd", COADD)),
    )  # fmt: skip


def in_memory(name):
    return fill(Butler.create(f"memory://{name}"))
