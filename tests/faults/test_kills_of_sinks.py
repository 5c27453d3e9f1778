"""SIGKILL at each effect while sinks are told: each dataset is in each sink once, after the next writer has come."""

import shutil

import pytest

from bunter import Butler
from bunter.contracts.sinks import filled
from killing import any_effect, killed

METRICS = {"kind": "metrics", "constraints": {"accept": ["seeing"]}}
pytestmark = pytest.mark.slow


@pytest.fixture(params=[False, True], ids=["beside files", "alone"])
def template(tmp_path, request):
    sinks = {"metrics": {**METRICS, "alone": request.param}}
    with filled(Butler.create(tmp_path / "template" / "repo", datastore={"sinks": sinks})) as butler:
        butler.put({"fwhm": 9.0}, "seeing", instrument="Cam", detector=0, run="run2")
    return tmp_path / "template"


def put_and_remove(place):
    with Butler(place / "repo") as butler:
        butler.put({"fwhm": 0.5}, "seeing", instrument="Cam", detector=0, run="run1")
        with butler.transaction():
            butler.put({"fwhm": 1.5}, "seeing", instrument="Cam", detector=1, run="run1")
        butler.remove_runs("run2")


def test_each_dataset_is_in_a_sink_once_wherever_its_delivery_was_killed(template, tmp_path):
    step, died = 0, True
    while died:
        step += 1
        place = tmp_path / f"step{step}"
        shutil.copytree(template, place)
        died = killed(lambda place=place: put_and_remove(place), step, any_effect)
        with Butler(place / "repo", writeable=True) as butler:
            butler.repository.recover()
            butler.repository.feeding.deliver()
            values = sorted(butler.get(ref)["fwhm"] for ref in butler.query_datasets("seeing", "*", find_first=False))
            told = [value for (value,) in butler.sql("SELECT value FROM v1_metric ORDER BY value").rows]
            assert told == values, f"after a kill at effect {step}"
            assert butler.check(deep=True).is_clean, f"after a kill at effect {step}"
            assert {state for _, state, _ in butler.repository.feeding.counts()} <= {"sent"}
        shutil.rmtree(place)
    assert values == [0.5, 1.5]
    assert step > 10
