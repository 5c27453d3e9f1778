"""Profiles of quanta: one file for each try, which `pstats` reads and which names the code of the task."""

from __future__ import annotations

import pstats

import pytest
from small_survey import make_repository, pipeline
from test_jobs import plan

from bunter.cli.program import run as run_command
from bunter.execution import RunOptions, Wish, prepare_run, run_pipeline


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def functions(path):
    return {name for _, _, name in pstats.Stats(str(path)).stats}


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_quantum_leaves_a_profile_that_names_its_task(butler, tmp_path, jobs):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    graph = pipeline(("reduce", "gather")).resolve(butler.universe, known)
    options = RunOptions(jobs=jobs, profiles=tmp_path / "profiles")
    assert run_pipeline(butler, graph, Wish(inputs=("raw",), output="out"), options=options).status == "succeeded"
    found = sorted((tmp_path / "profiles").iterdir())
    assert [path.name.split("-")[0] for path in found].count("reduce") == 8
    assert len(found) == 12
    assert all("run_quantum" in functions(path) for path in found)


def test_a_quantum_that_fails_leaves_one_for_each_try(butler, tmp_path):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    graph = pipeline(("reduce",), faults={"0": "raise"}).resolve(butler.universe, known)
    options = RunOptions(retries=1, profiles=tmp_path / "profiles")
    assert run_pipeline(butler, graph, Wish(inputs=("raw",), output="out"), options=options).status == "failed"
    assert len(list((tmp_path / "profiles").glob("reduce-*-1.pstats"))) == 2


def test_jobs_are_profiled_by_their_option(butler, tmp_path, monkeypatch, capfd):
    plan(butler, tmp_path / "plan.bqg")
    directory = prepare_run(butler, tmp_path / "plan.bqg", output="out")
    monkeypatch.chdir(tmp_path)
    words = ["run-quanta", str(tmp_path / "plan.bqg"), "--run-dir", str(directory.path), "--cpu-profile", "seen"]
    assert run_command([*words, "--task", "reduce"]) == 0, capfd.readouterr()
    assert len(list((tmp_path / "seen").glob("reduce-*-0.pstats"))) == 8
