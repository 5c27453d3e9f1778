"""Why a dataset was made anew."""

from __future__ import annotations

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter.errors import RunError
from bunter.execution import RunOptions, Wish, run_pipeline, why_made


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def run(butler, name, *, inputs=("raw",), decisions=(), **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    plan = pipeline(**config).resolve(butler.universe, known)
    run_pipeline(butler, plan, Wish(inputs, output_run=name, decisions=decisions), options=RunOptions())


def reason(butler, name, run, **key):
    return why_made(butler, butler.find_dataset(name, {**CAM, **key}, collections=run))


def test_the_first_time(butler):
    run(butler, "one")
    assert reason(butler, "night", "one").lines() == ["night@{instrument: 'Cam'} ran in one for the first time"]


def test_without_any_need(butler):
    run(butler, "one")
    run(butler, "two")
    found = reason(butler, "night", "two")
    assert found.is_same
    assert "--skip-existing-in one" in found.lines()[1]


def test_another_configuration(butler):
    run(butler, "one")
    run(butler, "two", factor=3)
    found = reason(butler, "reduced", "two", exposure=1, detector=0)
    assert found.config == {"factor": (10, 3)}
    assert not found.inputs
    downstream = reason(butler, "gathered", "two", exposure=1)
    assert not downstream.config
    assert any("is another reduced@" in text for text in downstream.inputs)


def test_another_input(butler):
    run(butler, "one")
    butler.collections.register("raw2")
    butler.put({"value": 100}, "raw", {**CAM, "exposure": 1, "detector": 0}, run="raw2")
    run(butler, "two", inputs=("raw2", "raw"))
    found = reason(butler, "reduced", "two", exposure=1, detector=0)
    assert found.inputs == ("input raw is another raw@{instrument: 'Cam', detector: 0, exposure: 1}",)
    assert reason(butler, "reduced", "two", exposure=1, detector=1).is_same


def test_an_override_is_told_with_who_and_why(butler):
    from bunter.execution import find_lineage
    from bunter.execution.lineage_drawing import tree_of
    from bunter.graph import Decision

    run(butler, "one")
    butler.collections.register("raw2")
    butler.put({"value": 100}, "raw", {**CAM, "exposure": 1, "detector": 0}, run="raw2")
    where = "exposure = 1 AND detector = 0"
    run(butler, "two", decisions=(Decision("raw", where, "better readout", "ann", use="raw2"),))
    sentence = f"raw is taken from raw2 where {where}: better readout (ann)"
    assert f"  {sentence}" in reason(butler, "reduced", "two", exposure=1, detector=0).lines()
    assert not any("ann" in line for line in reason(butler, "reduced", "two", exposure=1, detector=1).lines())
    (ref,) = butler.query_datasets("gathered", "two", where="exposure = 1")
    found = find_lineage(butler, ref)
    assert tree_of(found).count(sentence) == 1
    assert [one["decisions"] for one in found.to_dict()["quanta"] if "decisions" in one] == [[sentence]]


def test_what_no_pipeline_has_made(butler):
    with pytest.raises(RunError, match=r"no pipeline has made .*bunter origin"):
        reason(butler, "raw", "raw", exposure=1, detector=0)
