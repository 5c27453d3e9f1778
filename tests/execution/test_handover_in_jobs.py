"""Results that go from hand to hand within a job; what another job reads is written."""

from __future__ import annotations

import pytest
from small_survey import make_repository
from test_handover import RIGHT, plan, sums

from bunter.execution import Job, RunDirectory, RunOptions, merge_run, prepare_run, run_job
from bunter.execution.bringing import stage_out
from bunter.execution.selection import select_quanta
from bunter.execution.staging import stage_in
from bunter.graph import build_graph


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


@pytest.fixture
def directory(butler, tmp_path):
    build_graph(butler, plan(butler), inputs=["raw"], output_run="jobs").write(tmp_path / "plan.bqg")
    return prepare_run(butler, tmp_path / "plan.bqg")


def quanta(directory, *labels, **values):
    return select_quanta(directory.graph(), labels=labels, values=values)


@pytest.mark.parametrize("workers", [1, 2])
def test_within_a_job_nothing_is_written_that_only_it_reads(butler, directory, workers):
    for detector in (1, 0):
        summary = run_job(
            directory, Job(f"d{detector}", quanta(directory, detector=detector)), options=RunOptions(jobs=workers)
        )
        assert summary.exit_code == 0, summary.failures
    assert merge_run(butler, "jobs").is_complete
    assert sums(butler, "jobs") == RIGHT
    assert butler.query_datasets("first", "jobs").count() == 0
    assert butler.check(deep=True).is_clean


def test_what_another_job_reads_is_written(butler, directory):
    for label in ("one", "two", "three"):
        assert run_job(directory, Job(label, quanta(directory, label))).exit_code == 0
    assert merge_run(butler, "jobs").is_complete
    assert sums(butler, "jobs") == RIGHT


def test_in_a_staged_folder_too(butler, directory, tmp_path):
    stage_in(directory, quanta(directory, detector=1), tmp_path / "part")
    part = RunDirectory(tmp_path / "part")
    assert run_job(part, Job("far", quanta(part))).exit_code == 0
    stage_out(part, directory)
    assert merge_run(butler, "jobs").succeeded == 12
    assert sums(butler, "jobs") == {key: value for key, value in RIGHT.items() if key[1] == 1}
