"""What datasets were made of, through all runs, as the receipts tell it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter.execution import RunOptions, Wish, find_lineage, run_pipeline
from bunter.execution.lineage_drawing import drawing_of, prov_of, tree_of

FIRST = Wish(inputs=("raw",), output_run="first", where="exposure < 2")


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    with make_repository(tmp_path_factory.mktemp("lineage") / "repo") as butler:
        yield butler


@pytest.fixture(scope="module")
def night(butler):
    """A night of two exposures, then one of four that reuses the first two."""
    for wish in (FIRST, replace(FIRST, output_run="second", where="", skip_existing_in=("first",))):
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        run_pipeline(butler, pipeline().resolve(butler.universe, known), wish, options=RunOptions())
    return butler.find_dataset("night", CAM, collections="second")


def counts(found):
    types = [one.dataset_type for one in found.datasets.values()]
    return {name: types.count(name) for name in sorted(set(types))}


def test_up_through_two_runs_to_the_raw_frames(butler, night):
    found = find_lineage(butler, night)
    assert counts(found) == {"gathered": 4, "night": 1, "raw": 8, "reduced": 8}
    assert len(found.quanta) == 13
    assert {one.run for one in found.quanta.values()} == {"first", "second"}
    raws = {one.id for one in found.datasets.values() if one.dataset_type == "raw"}
    assert raws == {ref.id for ref in butler.query_datasets("raw", "raw")}


def test_down_from_a_raw_frame_through_two_runs(butler, night):
    raw = butler.find_dataset("raw", {**CAM, "exposure": 1, "detector": 0}, collections="raw")
    found = find_lineage(butler, raw, down=True)
    assert counts(found) == {"gathered": 1, "night": 2, "raw": 1, "reduced": 1}
    assert night.id in found.datasets


def test_a_depth_limits_it(butler, night):
    assert counts(find_lineage(butler, night, depth=1)) == {"gathered": 4, "night": 1}


def test_a_quantum_says_what_it_was_and_took(butler, night):
    found = find_lineage(butler, night, depth=1)
    (work,) = found.quanta.values()
    assert (work.task, work.run, work.data_id) == ("night", "second", CAM)
    assert work.class_name == "run_tasks.Night"
    assert work.facts["cpu_s"] >= 0
    assert len(work.config_hash) == 64


def test_what_nobody_made_has_no_lineage(butler):
    raw = butler.find_dataset("raw", {**CAM, "exposure": 1, "detector": 0}, collections="raw")
    assert counts(find_lineage(butler, raw)) == {"raw": 1}


def test_it_is_told_as_a_tree_a_drawing_and_prov(butler, night):
    found = find_lineage(butler, night)
    lines = tree_of(found).splitlines()
    assert lines[0] == "night@{instrument: 'Cam'}  second"
    assert lines[1] == "  made by night@{instrument: 'Cam'}" or "made by night" in lines[1]
    assert sum("raw@" in line for line in lines) == 8
    assert drawing_of(found, "svg").startswith("<svg")
    assert "raw" in drawing_of(found, "mermaid")
    prov = json.loads(json.dumps(prov_of(found)))
    assert len(prov["entity"]) == 21
    assert len(prov["activity"]) == 13
    assert all(one["prov:entity"] in prov["entity"] for one in prov["used"].values())
    assert all(one["prov:activity"] in prov["activity"] for one in prov["wasGeneratedBy"].values())
    assert all("prov:startTime" in one for one in prov["activity"].values())
