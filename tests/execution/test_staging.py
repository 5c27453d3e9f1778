from __future__ import annotations

import shutil

import pytest
from small_survey import CAM, make_repository
from test_jobs import job, plan
from test_stores import CHAIN

from bunter.errors import FileIntegrityError, RunError
from bunter.execution import RunDirectory, merge_run, prepare_run
from bunter.execution.bringing import stage_out
from bunter.execution.selection import select_quanta
from bunter.execution.staging import stage_in, staged_quanta

REDUCE = {"labels": ["reduce"]}
REST = {"labels": ["gather", "night"]}


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


@pytest.fixture
def directory(butler, tmp_path):
    plan(butler, tmp_path / "plan.bqg")
    return prepare_run(butler, tmp_path / "plan.bqg", output="out")


@pytest.fixture
def staged(directory, tmp_path):
    def staged(name="part", **chosen):
        stage_in(directory, select_quanta(directory.graph(), **chosen), tmp_path / name)
        return RunDirectory(tmp_path / name)

    return staged


def test_quanta_run_in_a_folder_alone_and_their_results_come_back(butler, directory, staged, tmp_path):
    folder = staged(**REDUCE)
    shutil.move(tmp_path / "repo", tmp_path / "away")
    shutil.move(folder.path, tmp_path / "elsewhere")
    there = RunDirectory(tmp_path / "elsewhere")
    assert job(there, "far", **REDUCE, jobs=2).status == "succeeded"
    shutil.move(tmp_path / "away", tmp_path / "repo")
    assert sum(file.is_new for file in stage_out(there, directory)) > 8
    assert merge_run(butler, "jobs").succeeded == 8
    assert butler.get("reduced", {**CAM, "exposure": 3, "detector": 1}, collections="jobs") == {"value": 30}
    assert butler.check(deep=True).is_clean


def test_what_others_have_made_goes_in_too(butler, directory, staged):
    job(directory, "near", **REDUCE)
    folder = staged(**REST)
    assert job(folder, "far", **REST).status == "succeeded"
    stage_out(folder, directory)
    assert merge_run(butler, "jobs").is_complete
    assert butler.get("night", CAM, collections="jobs") == {"total": 120}
    assert butler.check(deep=True).is_clean


def test_staging_again_copies_nothing_and_changes_nothing(butler, directory, staged, tmp_path):
    folder = staged(**REDUCE)
    quanta = staged_quanta(folder.path)
    assert not any(file.is_new for file in stage_in(directory, quanta, folder.path))
    job(folder, "far", **REDUCE)
    stage_out(folder, directory)
    assert not any(file.is_new for file in stage_out(folder, directory))
    merge_run(butler, "jobs")
    assert merge_run(butler, "jobs").datasets == 0


def test_a_missing_or_short_input_is_an_error_and_staging_again_mends_it(directory, staged):
    folder = staged(**REDUCE)
    files = sorted((folder.path / "data").rglob("*.json"))
    files[0].unlink()
    files[1].write_text("{")
    with pytest.raises(RunError, match=r"2 inputs are not \(whole\) in .*; `bunter stage in` brings what is missing"):
        job(folder, "far", **REDUCE)
    stage_in(directory, staged_quanta(folder.path), folder.path)
    assert job(folder, "far", **REDUCE).status == "succeeded"


def test_somebody_else_may_bring_the_files(directory, tmp_path):
    quanta = select_quanta(directory.graph(), **REDUCE)
    wanted = stage_in(directory, quanta, tmp_path / "part", files=False)
    folder = RunDirectory(tmp_path / "part")
    with pytest.raises(RunError, match="8 inputs are not"):
        job(folder, "far", **REDUCE)
    for file in wanted:
        (folder.path / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.source.removeprefix("file://"), folder.path / file.path)
    assert job(folder, "far", 1, **REDUCE).status == "succeeded"


def test_quanta_that_wait_for_others_are_not_staged_without_them(directory, tmp_path):
    with pytest.raises(RunError, match=r"gather@.* reads what reduce@.* makes, which no job has done"):
        stage_in(directory, select_quanta(directory.graph(), **REST), tmp_path / "part")
    everything = select_quanta(directory.graph())
    stage_in(directory, everything, tmp_path / "all")
    assert job(RunDirectory(tmp_path / "all"), "far").status == "succeeded"


def test_a_damaged_result_is_not_brought(directory, staged):
    folder = staged(**REDUCE)
    job(folder, "far", **REDUCE)
    made = next(path for path in (folder.path / "data").rglob("*.json") if "reduced" in path.name)
    made.write_bytes(made.read_bytes().replace(b"1", b"7").replace(b"0", b"1"))
    with pytest.raises(FileIntegrityError, match="is not what its job has written"):
        stage_out(folder, directory)


def test_a_folder_of_another_graph_is_refused(butler, directory, staged, tmp_path):
    folder = staged(**REDUCE)
    plan(butler, tmp_path / "other.bqg", run="other")
    other = prepare_run(butler, tmp_path / "other.bqg")
    with pytest.raises(RunError, match="of another graph"):
        stage_out(folder, other)


def test_what_comes_back_goes_to_the_stores_that_take_it(tmp_path):
    with make_repository(tmp_path / "repo", datastore=CHAIN) as butler:
        plan(butler, tmp_path / "plan.bqg")
        directory = prepare_run(butler, tmp_path / "plan.bqg", output="out")
        stage_in(directory, select_quanta(directory.graph()), tmp_path / "part")
        assert job(RunDirectory(tmp_path / "part"), "far").status == "succeeded"
        assert any(file.is_new for file in stage_out(RunDirectory(tmp_path / "part"), directory))
        assert not any(file.is_new for file in stage_out(RunDirectory(tmp_path / "part"), directory))
        assert merge_run(butler, "jobs").is_complete
        report = butler.check(deep=True)
        assert report.is_clean, report
        for name, store in {"reduced": "fast", "night": "main"}.items():
            ref = butler.query_datasets(name, "jobs").first()
            assert {artifact.datastore for artifact in butler.locate([ref.id.bytes])[0]} == {store}
        copies = {path.name for path in (tmp_path / "repo" / "spare").rglob("*.json")}
        assert any(name.startswith("reduced") for name in copies)
        assert not any(name.startswith("night") for name in copies)
