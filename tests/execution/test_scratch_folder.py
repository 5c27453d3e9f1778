"""What tasks write beside their outputs: listed, dropped, kept or packed, and never seen by the next quantum."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

import pytest
from small_survey import CAM, make_repository

from bunter.execution import RunOptions, Wish, run_pipeline
from bunter.execution.run_directory import RunDirectory
from bunter.execution.scratch_folder import ScratchRoot
from bunter.pipeline import Pipeline


@pytest.fixture
def butler(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with make_repository(tmp_path / "repo") as butler:
        yield butler
    assert not list((tmp_path / "tmp").glob("bunter-scratch-*")), "a run leaves no folder behind"


def run(butler, leftovers="drop", *, jobs=1, faults=None):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    tasks = {"leave": ("leaving_tasks.Leave", {"faults": faults or {}})}
    plan = Pipeline.from_tasks(tasks).resolve(butler.universe, known)
    wish = Wish(("raw",), output_run="out")
    return run_pipeline(butler, plan, wish, options=RunOptions(jobs, leftovers=leftovers))


def left(butler, exposure):
    found = butler.get("leave_metadata", {**CAM, "exposure": exposure, "detector": 1}, collections="out")
    return found["quantum"].get("left")


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("leftovers", ["drop", "keep", "pack"])
def test_leftovers_are_listed_and_no_quantum_sees_those_of_another(butler, tmp_path, leftovers, jobs):
    before = os.environ["TMPDIR"]
    assert run(butler, leftovers, jobs=jobs).status == "succeeded"
    assert (os.environ["TMPDIR"], tempfile.gettempdir()) == (before, before)
    seen = [butler.get(ref) for ref in butler.query_datasets("seen", "out")]
    assert len(seen) == 8
    assert all(one["before"] == [] and one["place"].startswith(str(tmp_path)) for one in seen)
    assert left(butler, 3) is None
    told = left(butler, 1)
    assert (told["files"], told["count"], told["size"]) == ({"child.txt": 1, "deep/mask.dat": 1000}, 2, 1001)
    kept = RunDirectory.of(butler.root, "out").path / "left"
    if leftovers == "drop":
        assert (told["place"], kept.exists()) == ("", False)
    elif leftovers == "keep":
        assert len(list(kept.iterdir())) == 4
        assert Path(told["place"], "deep", "mask.dat").read_bytes() == b"m" * 1000
    else:
        assert zipfile.ZipFile(told["place"]).testzip() is None
        assert zipfile.ZipFile(told["place"]).read("child.txt") == b"c"


def test_what_a_dead_worker_leaves_is_told_in_its_log(butler):
    summary = run(butler, "keep", jobs=2, faults={"1": "kill"})
    assert summary.tasks["leave"].failed == 2
    text = Path(summary.failures[0].log).read_text()
    assert "left in its scratch folder: child.txt (1 B), deep/mask.dat" in text
    assert "left/leave-" in text


def test_folders_of_dead_runs_are_removed_and_those_of_living_ones_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = ScratchRoot("drop", tmp_path)
    dead = ScratchRoot("drop", tmp_path)
    (dead.path / "0").mkdir()
    (dead.path / "0" / "x").write_text("x")
    dead._lease.close()
    with ScratchRoot("drop", tmp_path):
        assert (living.path.exists(), dead.path.exists()) == (True, False)
    living.close()
    assert not list(tmp_path.iterdir())
