"""A graph like that of a survey, as columns: frames with calibrations that many share, catalogues of the sky, gathers."""

from __future__ import annotations

import numpy as np

from bunter.dataset import StoredArtifact
from bunter.graph import DatasetPart, EdgePart, Header, QuantumGraph
from bunter.graph.artifacts import ArtifactTable

CALIBRATIONS = ("bias", "dark", "defects", "crosstalk", "linearity", "ptc")
PIXELS_EACH = 3


def survey_graph(exposures=60, detectors=40, filters=3, pixels=900):
    """Three quanta for each detector, and one for each exposure."""
    draw = np.random.default_rng(7)
    size = exposures * detectors
    exposure, detector = (
        np.repeat(np.arange(exposures) + 2_025_000, detectors),
        np.tile(np.arange(detectors), exposures),
    )
    frames = {"instrument": ["Cam"] * size, "exposure": exposure, "detector": detector}
    visits = {"instrument": ["Cam"] * size, "visit": exposure, "detector": detector}
    wholes = {"instrument": ["Cam"] * exposures, "visit": np.arange(exposures) + 2_025_000}
    here, flats = np.arange(size), detectors * filters
    cameras = {"instrument": ["Cam"] * detectors, "detector": np.arange(detectors)}
    filtered = {"detector": np.tile(np.arange(detectors), filters), "band": np.repeat(list("gri")[:filters], detectors)}
    datasets = {
        "raw": _existing("raw", frames, size, draw),
        **{name: _existing(name, cameras, detectors, draw) for name in CALIBRATIONS},
        "flat": _existing("flat", filtered, flats, draw),
        "refcat": _existing("refcat", {"htm7": np.arange(pixels)}, pixels, draw),
        "post": DatasetPart(frames, "CCDData"),
        "src": DatasetPart(visits, "Table"),
        "sum": DatasetPart(wholes, "StructuredDataDict"),
        "isr_config": DatasetPart({}, "Config"),
    }
    seen = (here[:, None] * 2 + np.arange(PIXELS_EACH)) % pixels
    edges = [
        EdgePart("isr", "raw", "input", "raw"),
        *(EdgePart("isr", name, "prerequisite", name, quanta=here, datasets=detector) for name in CALIBRATIONS),
        EdgePart("isr", "flat", "prerequisite", "flat", quanta=here, datasets=(exposure % filters) * detectors + detector),
        EdgePart("isr", "post", "output", "post"),
        EdgePart("isr", "config", "init_output", "isr_config"),
        EdgePart("measure", "post", "input", "post"),
        EdgePart(
            "measure", "ref", "prerequisite", "refcat",
            quanta=np.repeat(here, PIXELS_EACH), datasets=seen.reshape(-1), multiple=True,
        ),
        EdgePart("measure", "src", "output", "src"),
        EdgePart("gather", "src", "input", "src", quanta=here // detectors, datasets=here, multiple=True),
        EdgePart("gather", "sum", "output", "sum"),
    ]  # fmt: skip
    return QuantumGraph.from_parts(
        Header(output_run="u/me/run", inputs=("raw/all",)),
        tasks={"isr": frames, "measure": visits, "gather": wholes},
        datasets=datasets,
        edges=edges,
        pipeline={"tasks": ["isr", "measure", "gather"]},
    )


def _existing(name, columns, size, draw):
    ids = [draw.bytes(16) for _ in range(size)]
    files = [
        [
            StoredArtifact(
                one, "", f"in/{name}/{name}_{row:06}-{draw.bytes(7).hex()[:13]}.fits", "main",
                9_000_000 + row, draw.bytes(32), draw.bytes(16), "fits", 1, row % 2 == 0, "",
            )
        ]
        for row, one in enumerate(ids)
    ]  # fmt: skip
    return DatasetPart(columns, "CCDData", ids=ids, runs=["in"] * size, artifacts=ArtifactTable.of(files))


def known_of(quantum):
    """Everything that can be asked of a quantum."""
    refs = {**quantum.inputs, **quantum.outputs}
    return quantum.row, quantum.label, quantum.data_id, {
        name: [(ref.row, ref.id, ref.data_id, ref.run, ref.exists, ref.artifacts) for ref in found]
        for name, found in refs.items()
    }  # fmt: skip
