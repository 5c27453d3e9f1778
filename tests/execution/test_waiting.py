"""Runs some of whose quanta wait for inputs: they end with a state of their own, and the same command goes on."""

from __future__ import annotations

import threading

import pytest
from small_survey import CAM, make_repository

from bunter import effects
from bunter.execution import Job, RunOptions, Wish, merge_run, prepare_run, run_job, run_pipeline, run_status
from bunter.graph import build_graph
from bunter.pipeline import Pipeline

LATE = {**CAM, "exposure": 2, "detector": 1}
NAMED = Wish(inputs=("raw",), output_run="first")


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        butler.remove_datasets(butler.query_datasets("raw", "raw", where="exposure = 2 AND detector = 1"), purge=True)
        yield butler


def plan(butler, **config):
    classes = {"reduce": "waiting_tasks.Patient", "gather": "run_tasks.Gather"}
    tasks = {label: (name, config if label == "reduce" else {}) for label, name in classes.items()}
    return Pipeline.from_tasks(tasks).resolve(butler.universe, {k.name: k for k in butler.dataset_types.query()})


def run(butler, wish=NAMED, **options):
    return run_pipeline(butler, plan(butler), wish, options=RunOptions(**options))


def arrive(butler):
    butler.put({"value": 2}, "raw", LATE, run="raw")


def ran(summary):
    return {label: one.succeeded for label, one in summary.tasks.items()}


@pytest.mark.parametrize("wish", [NAMED, Wish(inputs=("raw",), output="out")], ids=["run", "chain"])
def test_the_same_command_goes_on_when_the_input_is_there(butler, wish):
    first = run(butler, wish)
    assert (first.status, first.exit_code, ran(first)) == ("waiting", 75, {"reduce": 7, "gather": 3})
    assert "2 more wait for inputs that are not there yet" in str(first)
    again = run(butler, wish)
    assert (again.status, again.total("succeeded"), again.run) == ("waiting", 0, first.run)
    arrive(butler)
    last = run(butler, wish)
    assert (last.status, last.exit_code, ran(last)) == ("succeeded", 0, {"reduce": 1, "gather": 1})
    assert last.run == first.run
    assert butler.get("gathered", CAM, exposure=2, collections=last.run) == {"sum": 40, "count": 2}
    assert butler.query_datasets("gathered", last.run).count() == 4
    assert run(butler, wish).status == "nothing to do"
    assert butler.check(deep=True).is_clean


def test_status_says_that_a_run_waits(butler):
    run(butler)
    found = run_status(butler, "first")
    assert found.state == "waiting"
    assert found.waiting == 2
    assert "2 more wait for inputs that are not there yet; the same command goes on" in str(found)


def test_a_run_may_look_again_by_itself(butler):
    late = threading.Timer(2.0, arrive, [butler])
    late.start()
    summary = run(butler, patience_s=60.0)
    late.join()
    assert summary.status == "succeeded"
    assert butler.query_datasets("reduced", "first").count() == 8


def test_it_looks_no_longer_than_it_is_told(butler):
    begin = effects.monotonic()
    assert run(butler, patience_s=0.5).status == "waiting"
    assert effects.monotonic() - begin < 30


def test_a_run_all_of_which_waits_leaves_nothing_and_goes_on_later(butler):
    wish = Wish(inputs=("raw",), output_run="second", where="exposure = 2 AND detector = 1")
    first = run(butler, wish)
    assert (first.status, first.exit_code) == ("waiting", 75)
    assert "2 quanta wait for their inputs" in str(first)
    assert "second" not in butler.collections.query()
    arrive(butler)
    assert run(butler, wish).status == "succeeded"


def test_failures_come_first(butler):
    failed = run_pipeline(butler, plan(butler, faults={"1": "raise"}), NAMED)
    assert (failed.status, failed.exit_code) == ("failed", 1)


def test_a_merge_says_what_its_jobs_were_not_given(butler, tmp_path):
    build_graph(butler, plan(butler), inputs=["raw"], output_run="jobs").write(tmp_path / "plan.bqg")
    directory = prepare_run(butler, tmp_path / "plan.bqg")
    run_job(directory, Job("all", tuple(range(10)), 0))
    merged = merge_run(butler, "jobs")
    assert (merged.is_complete, merged.waiting) == (True, 2)
    assert "2 more quanta wait for inputs that are not there yet" in str(merged)
