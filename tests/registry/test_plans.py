"""What databases do for pages and for tables of data IDs: begin at the right place of an index, and read no more than asked."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bunter.registry.catalog import BunterCatalog
from bunter.registry.spatial import settle
from bunter.registry.translate import translate

_spec = importlib.util.spec_from_file_location("survey", Path(__file__).with_name("survey.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture(scope="module")
def here():
    return _module.Survey(0)


def plan(here, query):
    with here.database.read(snapshot=True) as connection:
        catalog = BunterCatalog(here.registry.roster(connection), connection)
        statement = translate(query, catalog, settle(connection, query, catalog))
        return [row[-1] for row in connection.fetchall(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)]


@pytest.mark.parametrize("collections", [("r0",), ("r2", "r0", "r1")])
def test_a_page_begins_at_its_place_of_the_index(here, collections):
    search = (("raw", collections),)
    order = ["instrument", "exposure", "detector"]
    page = here.query("datasets", "raw", None, search, order_by=order, limit=2, keyed=True, after=["A", 1, 0])
    steps = plan(here, page)
    assert any("(instrument,exposure,detector)>(?,?,?)" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or "SCAN" in step for step in steps), steps


def test_data_ids_that_are_given_are_read_first(here):
    table = {"exposure": [0, 1], "detector": [0, 0]}
    for collections in (("r0",), ("r2", "r0", "r1")):
        steps = plan(here, here.query("datasets", "raw", None, (("raw", collections),), data_id_table=table))
        assert "SCAN given" in steps, steps
        looked_up = [step for step in steps if "PRIMARY KEY (type=? AND run=?" in step]
        assert looked_up, steps
        assert all("exposure=? AND detector=?" in step for step in looked_up), steps


@pytest.mark.parametrize("collections", [("r0",), ("r2", "r0", "r1")])
def test_a_night_is_found_by_its_index_and_its_datasets_by_their_keys(here, collections):
    search = (("raw", collections),)
    for where in ("day_obs = 20260102", "day_obs = 20260102 AND band = 'g' AND detector = 1"):
        steps = plan(here, here.query("datasets", "raw", f"instrument = 'A' AND {where}", search))
        assert any("record_exposure_day_obs (instrument=? AND day_obs=?)" in step for step in steps), steps
        looked_up = [step for step in steps if "PRIMARY KEY (type=? AND run=?" in step]
        assert looked_up, steps
        assert all("exposure=?" in step for step in looked_up), steps


def test_datasets_of_one_detector_are_not_sought_detector_by_detector(here):
    steps = plan(here, here.query("datasets", "raw", "detector.purpose = 'SCIENCE'", (("raw", ("r0",)),)))
    datasets = [n for n, step in enumerate(steps) if "PRIMARY KEY (type=? AND run=?" in step]
    detectors = [n for n, step in enumerate(steps) if "PRIMARY KEY (instrument=? AND detector=?" in step]
    assert datasets < detectors, steps


@pytest.mark.parametrize("where", ["exposure >= 1 AND exposure < 3", "exposure = 2 AND detector = 1"])
def test_exposures_are_found_by_the_key_of_their_datasets(here, where):
    steps = plan(here, here.query("datasets", "raw", f"instrument = 'A' AND {where}", (("raw", ("r0",)),)))
    sought = [step for step in steps if "PRIMARY KEY (type=? AND run=? AND instrument=? AND exposure" in step]
    assert sought, steps
    assert not any("SCAN" in step for step in steps), steps


def test_a_small_run_is_counted_beside_large_ones(here):
    steps = plan(here, here.query("datasets", "raw", None, (("raw", ("r0",)),)))
    assert [step for step in steps if "PRIMARY KEY (type=? AND run=?)" in step] == steps, steps


@pytest.mark.parametrize("collections", [("r0",), ("r2", "r0", "r1")])
def test_datasets_of_a_range_of_exposures_are_sought_exposure_by_exposure(here, collections):
    where = "instrument = 'A' AND exposure > 1 AND exposure.exposure_time > 0"
    steps = plan(here, here.query("datasets", "raw", where, (("raw", collections),)))
    exposures = [n for n, step in enumerate(steps) if "PRIMARY KEY (instrument=? AND exposure>?)" in step]
    datasets = [
        n for n, step in enumerate(steps) if "PRIMARY KEY (type=? AND run=? AND instrument=? AND exposure" in step
    ]
    assert exposures, steps
    assert datasets, steps
    assert all("exposure=?" in steps[n] for n in datasets), steps
