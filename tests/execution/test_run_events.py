"""What a run tells to those who subscribe to events."""

from __future__ import annotations

import pytest
from small_survey import make_repository, pipeline

from bunter.execution import Job, RunOptions, Wish, merge_run, prepare_run, run_job, run_pipeline
from bunter.execution.selection import select_quanta
from bunter.graph import build_graph

TASKS = ("reduce", "gather", "night")


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        butler.events.subscribe("me", kinds=["run.*", "quant*"])
        yield butler


def resolved(butler, **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    return pipeline(TASKS, **config).resolve(butler.universe, known)


def run(butler, **config):
    wish = Wish(inputs=("raw",), output="out")
    return run_pipeline(butler, resolved(butler, **config), wish, options=RunOptions())


def told(butler, kind):
    return [each.event.document for each in butler.events.query([kind])]


def test_a_run_tells_of_its_beginning_its_quanta_and_its_end(butler):
    summary = run(butler)
    kinds = [each.event.kind for each in butler.events.query(["run.*", "quant*"])]
    assert (kinds[0], kinds[-1]) == ("run.started", "run.ended")
    assert {each.event.collection for each in butler.events.query(["run.*", "quant*"])} == {summary.run}
    [begun] = told(butler, "run.started")
    assert begun["tasks"] == {"reduce": 8, "gather": 4, "night": 1}
    [end] = told(butler, "run.ended")
    assert (end["status"], end["failures"], end["datasets"]) == ("succeeded", 0, summary.datasets)
    quanta = [(each["task"], number) for each in told(butler, "quanta.succeeded") for number in each["quanta"]]
    assert len(quanta) == len(set(quanta)) == 13
    assert sum(each["count"] for each in told(butler, "quanta.succeeded")) == 13


def test_failures_are_told_one_by_one_with_what_people_need_to_know(butler):
    summary = run(butler, faults={"2": "raise"})
    [failure] = {each["data_id"]["exposure"]: each for each in told(butler, "quantum.failed")}.values()
    assert (failure["task"], failure["data_id"]["exposure"]) == ("reduce", 2)
    assert failure["error"]
    assert len(told(butler, "quantum.failed")) == len(summary.failures)
    [end] = told(butler, "run.ended")
    assert (end["status"], end["failures"]) == ("failed", len(summary.failures))


def test_jobs_and_merges_tell_each_thing_once_however_often_one_merges(butler, tmp_path):
    graph = build_graph(
        butler, resolved(butler, faults={"1": "raise"}), inputs=["raw"], output_run="jobs", where="instrument = 'Cam'"
    )
    graph.write(tmp_path / "plan.bqg")
    directory = prepare_run(butler, tmp_path / "plan.bqg", output="out")
    run_job(directory, Job("a", select_quanta(directory.graph()), 0))
    for _ in range(3):
        merge_run(butler, "jobs", final=True)
    assert len(told(butler, "run.started")) == 1
    assert sum(each["count"] for each in told(butler, "quanta.succeeded")) == 6 + 3
    assert len(told(butler, "quantum.failed")) == 2
    assert [each["status"] for each in told(butler, "run.ended")] == ["failed"]


def test_a_run_that_nobody_listens_to_writes_no_more_than_before(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        run(butler)
        assert list(butler.events.query()) == []
