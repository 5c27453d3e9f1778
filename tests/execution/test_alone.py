"""Runs whose inputs and outputs are in a sink alone: quanta need no database for them, and no file of them stays."""

from __future__ import annotations

import shutil

import pytest
from small_survey import CAM, make_repository, pipeline
from test_jobs import job, plan

from bunter.execution import RunDirectory, RunOptions, Wish, merge_run, prepare_run, run_directories, run_pipeline
from bunter.execution.bringing import stage_out
from bunter.execution.rehearsal import rehearse_quantum
from bunter.execution.run_directory import runs_root
from bunter.execution.selection import select_quanta
from bunter.execution.staging import stage_in

ALONE = {
    "sinks": {"metrics": {"kind": "metrics", "alone": True, "constraints": {"accept": ["raw", "reduced", "night"]}}}
}
TYPES = ("raw", "reduced", "night")
TOTALS = "SELECT name, value FROM v1_metric WHERE dataset_type = 'night'"


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo", datastore=ALONE) as butler:
        yield butler


@pytest.fixture
def directory(butler, tmp_path):
    plan(butler, tmp_path / "plan.bqg")
    return prepare_run(butler, tmp_path / "plan.bqg", output="out")


def run(butler, *, jobs=1, config=None, **options):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    graph = pipeline(("reduce", "gather", "night"), **(config or {})).resolve(butler.universe, known)
    wish = Wish(inputs=("raw",), output="out")
    return run_pipeline(butler, graph, wish, options=RunOptions(jobs=jobs, **options))


def stays(place):
    """Return the files that datasets of the sink have left."""
    return [path for path in place.rglob("*.json") if set(path.parts) & set(TYPES)]


def holds(butler, run="out"):
    assert butler.get("night", CAM, collections=run) == {"total": 120}
    assert butler.sql(TOTALS).rows == [("total", 120.0)]
    assert butler.check(deep=True).is_clean


@pytest.mark.parametrize("jobs", [1, 2])
def test_outputs_are_in_the_sink_alone(butler, tmp_path, jobs):
    assert run(butler, jobs=jobs).status == "succeeded"
    holds(butler)
    assert stays(tmp_path / "repo") == []
    ref = butler.query_datasets("reduced", "out").first()
    assert str(butler.get_uri(ref)).startswith("database:metrics/")


def test_a_repository_in_memory_runs_too():
    with make_repository("memory://alone", datastore=ALONE) as butler:
        assert run(butler).status == "succeeded"
        holds(butler)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_failed_goes_on_with_what_it_had(butler, tmp_path, jobs):
    assert run(butler, jobs=jobs, config={"faults": {"1": "raise"}}).status == "failed"
    directory = next(run_directories(runs_root(butler)))
    assert butler.query_datasets("reduced", directory.run, find_first=False).count() == 6
    assert butler.check(deep=True).is_clean
    assert run(butler, jobs=jobs).status == "succeeded"
    holds(butler)


def test_jobs_need_no_database_and_the_merge_brings_it_in(butler, directory, tmp_path):
    books = tmp_path / "repo" / "registry.sqlite3"
    butler.close()
    shutil.move(books, tmp_path / "books")
    assert job(directory, "a", labels=["reduce"], jobs=2).status == "succeeded"
    assert job(directory, "b", labels=["gather", "night"]).status == "succeeded"
    shutil.move(tmp_path / "books", books)
    with make_butler(tmp_path) as again:
        assert merge_run(again, "jobs").is_complete
        assert merge_run(again, "jobs").datasets == 0
        holds(again, "jobs")
        assert stays(tmp_path / "repo") == []


def make_butler(tmp_path):
    from bunter.butler import Butler

    return Butler(tmp_path / "repo", writeable=True)


def test_it_goes_to_a_folder_far_away_and_comes_back(butler, directory, tmp_path):
    chosen = select_quanta(directory.graph(), labels=["reduce"])
    stage_in(directory, chosen, tmp_path / "part")
    assert job(RunDirectory(tmp_path / "part"), "far", labels=["reduce"]).status == "succeeded"
    stage_out(RunDirectory(tmp_path / "part"), directory)
    assert not any(file.is_new for file in stage_out(RunDirectory(tmp_path / "part"), directory))
    assert merge_run(butler, "jobs").succeeded == 8
    assert job(directory, "near", labels=["gather", "night"]).status == "succeeded"
    assert merge_run(butler, "jobs").is_complete
    holds(butler, "jobs")
    assert stays(tmp_path / "repo") == []


def test_a_quantum_is_run_again_from_what_the_sink_has(butler):
    assert run(butler).status == "succeeded"
    directory = next(run_directories(runs_root(butler)))
    [number] = select_quanta(directory.graph(), labels=["night"])
    assert rehearse_quantum(directory, number, butler=butler).label == "night"
