from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("survey", Path(__file__).with_name("survey.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

SEEDS = range(6)


@cache
def survey(seed):
    return _module.Survey(seed)


RAW = ("raw", ("chain",))
QUESTIONS = [
    ("data_ids", ("exposure",), None, ()),
    ("data_ids", ("exposure", "detector"), "exposure.exposure_time > 20 OR detector.purpose = 'SCIENCE'", ()),
    ("data_ids", ("exposure",), "NOT (exposure.exposure_time > 20)", ()),
    ("data_ids", ("exposure",), "exposure.target_name LIKE 'm3_' OR exposure.target_name LIKE '50\\%\\_a'", ()),
    ("data_ids", ("exposure",), "GLOB(exposure.target_name, 'M*') OR exposure.seq_num IS NULL", ()),
    ("data_ids", ("exposure",), "exposure IN (0..4:2, 3) AND band = 'r'", ()),
    ("data_ids", ("exposure",), "exposure.seq_num + 1 > 2 AND exposure.seq_num % 2 = 0", ()),
    ("data_ids", ("exposure",), "exposure.can_see_sky OR exposure.exposure_time / 2 < 10", ()),
    ("data_ids", ("exposure",), "NOT exposure.can_see_sky", ()),
    ("data_ids", ("exposure", "visit"), None, ()),
    ("data_ids", ("exposure", "visit", "visit_system"), "instrument IN ('A', 'B')", ()),
    ("data_ids", ("visit",), "exposure > 0", ()),
    ("data_ids", ("visit", "detector"), "visit.region OVERLAPS CIRCLE(12, 0, 1)", ()),
    ("data_ids", ("visit", "detector"), "visit_detector_region.region OVERLAPS CIRCLE(12, 0, 0.6)", ()),
    ("data_ids", ("visit", "detector"), "NOT (visit_detector_region.region OVERLAPS CIRCLE(12, 0, 0.6))", ()),
    ("data_ids", ("visit", "detector"), "visit_detector_region.region OVERLAPS CIRCLE(12, 0, 0.6) OR detector = 0", ()),
    ("data_ids", ("visit", "tract"), None, ()),
    ("data_ids", ("visit", "detector", "tract", "patch"), None, ()),
    ("data_ids", ("visit", "detector", "tract", "patch"), "visit < 3 AND patch = 1 AND tract > 0", ()),
    ("data_ids", ("visit", "detector", "patch"), "NOT (visit_detector_region.region OVERLAPS patch.region)", ()),
    ("data_ids", ("visit", "detector"), "tract = 1 AND patch = 0", ()),
    ("data_ids", ("visit", "htm7"), None, (("refcat", ("r0",)),)),
    ("data_ids", ("visit", "detector", "htm7"), "visit < 2", (("refcat", ("r0", "r1")),)),
    ("data_ids", ("band",), None, ()),
    ("data_ids", ("physical_filter",), "band = 'g'", ()),
    ("data_ids", ("instrument", "band"), None, ()),
    (
        "data_ids",
        ("exposure", "detector"),
        "exposure.timespan OVERLAPS (T'1970-01-01T00:00:00/tai', T'1970-01-01T00:00:00.00000005/tai')",
        (),
    ),
    ("data_ids", ("exposure",), "exposure.timespan.begin IS NULL", ()),
    ("data_ids", ("exposure", "detector"), "band = 'r'", (RAW,)),
    ("data_ids", ("exposure",), None, (RAW,)),
    ("data_ids", ("detector",), "raw.run = 'r0'", (RAW,)),
    ("datasets", "raw", None, (("raw", ("r0",)),)),
    ("datasets", "raw", None, (RAW,)),
    ("datasets", "raw", None, (("raw", ("r0", "r1", "r2"), False),)),
    ("datasets", "raw", None, (("raw", ("chain",), False),)),
    ("datasets", "raw", "exposure.exposure_time = 30 AND detector < 2", (RAW,)),
    ("datasets", "raw", "instrument = 'A' AND exposure = 1", (RAW,)),
    ("datasets", "raw", "raw.run = 'r0' OR raw.collection = 'tag'", (RAW,)),
    ("datasets", "raw", "visit.region OVERLAPS CIRCLE(12, 0, 1)", (RAW,)),
    ("datasets", "calexp", "tract = 1", (("calexp", ("chain",)),)),
    ("datasets", "calexp", "patch = 1 AND tract IN (0, 2)", (("calexp", ("r0", "r1")),)),
    ("datasets", "coadd", "visit = 1", (("coadd", ("chain",)),)),
    ("datasets", "coadd", "band = 'r' AND patch.region OVERLAPS POINT(12.2, 0.1)", (("coadd", ("chain",)),)),
    ("datasets", "refcat", "htm7.region OVERLAPS CIRCLE(12, 0, 0.5)", (("refcat", ("chain",)),)),
    ("datasets", "camera", None, (("camera", ("chain",)),)),
    ("datasets", "flat", None, (("flat", ("r0", "r1")),)),
    ("datasets", "flat", None, (("flat", ("cal0",)),)),
    ("datasets", "flat", "exposure = 1 AND instrument = 'A'", (("flat", ("calibs",)),)),
    ("joined", ("exposure", "detector"), None, (RAW, ("flat", ("cal0",)))),
    ("joined", ("exposure", "detector"), None, (RAW, ("flat", ("calibs",)))),
    ("joined", ("exposure", "detector"), "instrument = 'A'", (("raw", ("r0", "r1")), ("flat", ("cal1", "cal0")))),
    ("joined", ("exposure", "visit", "detector"), None, (RAW, ("calexp", ("chain",)))),
    ("joined", ("exposure", "detector"), None, (RAW, ("camera", ("r1", "r0")))),
    ("records", "exposure", "exposure.group = 'g1'", ()),
    ("records", "visit_detector_region", "visit < 3", ()),
    ("records", "band", None, ()),
    ("records", "visit_system_membership", None, ()),
    ("records", "patch", "visit = 1", ()),
    ("records", "day_obs", "day_obs.timespan.begin >= T'1970-01-01T00:00:00/tai'", ()),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=[f"{q[0]}-{q[1]}-{q[2]}" for q in QUESTIONS])
def test_queries_answer_what_brute_force_finds(question):
    found = 0
    for seed in SEEDS:
        here = survey(seed)
        query = here.query(*question)
        rows = here.rows(query)
        assert len(rows) == len(set(rows))
        assert set(rows) == here.answer(query)
        stream = here.registry.execute(query)
        assert stream.count() == len(rows)
        assert stream.any() == bool(rows)
        found += len(rows)
    assert found, "a question without any answer tests little"
