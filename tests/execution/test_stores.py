"""Runs in repositories whose artifacts go to several stores, in components, or to a storage service."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter.butler import Butler
from bunter.cli.program import run as command
from bunter.execution import RunOptions, Wish, run_directories, run_pipeline
from bunter.execution.run_directory import runs_root

WISH = Wish(inputs=("raw",), output="out")
FRAMES = 8
TEMPLATE = "{run}/{dataset_type}/{band}/{exposure.obs_id}_{detector}"


def run(butler, *, jobs=1, config=None, **options):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    graph = pipeline(("reduce", "gather", "night"), **(config or {})).resolve(butler.universe, known)
    return run_pipeline(butler, graph, WISH, options=RunOptions(jobs=jobs, **options))


def night(butler):
    return butler.get("night", CAM, collections="out")


@pytest.fixture(params=["sqlite", "postgres"])
def remote(request, s3_place, tmp_path, monkeypatch):
    """A repository whose root is in S3."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    database = (
        str(tmp_path / "registry.sqlite3") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    with make_repository(f"{s3_place}/repo", database=database) as butler:
        yield butler


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_pipeline_runs_in_a_repository_in_a_storage_service(remote, jobs):
    summary = run(remote, jobs=jobs)
    assert (summary.status, summary.exit_code) == ("succeeded", 0), [str(failure) for failure in summary.failures]
    assert night(remote) == {"total": 2 * 10 * (0 + 1 + 2 + 3)}
    ref = remote.query_datasets("reduced", "out").first()
    assert str(remote.get_uri(ref)).startswith("s3://")
    assert next(run_directories(runs_root(remote))).is_finished
    assert remote.check(deep=True).is_clean


def test_folders_of_runs_lie_beside_the_registry_or_where_the_setting_says(s3_place, tmp_path, monkeypatch):
    database = str(tmp_path / "books" / "registry.sqlite3")
    with make_repository(f"{s3_place}/repo", database=database) as butler:
        assert runs_root(butler) == tmp_path / "books" / "registry.sqlite3.runs"
    monkeypatch.setenv("BUNTER_CONFIG__RUNS", str(tmp_path / "shared"))
    with Butler(f"{s3_place}/repo") as butler:
        assert runs_root(butler) == tmp_path / "shared"


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_dead_worker_or_a_failed_task_has_sent_is_removed(s3_place, tmp_path, jobs):
    faults = {"faults": {"1": "kill" if jobs == 2 else "raise"}}
    with make_repository(f"{s3_place}/repo", database=str(tmp_path / "registry.sqlite3")) as butler:
        assert run(butler, jobs=jobs, config=faults).status == "failed"
        report = butler.check(deep=True)
        assert report.is_clean, report


CHAIN = {
    "stores": {
        "fast": {"root": "fast", "constraints": {"accept": ["reduced"]}},
        "spare": {"root": "spare", "copies": True, "constraints": {"reject": ["night"]}},
        "now": {"kind": "memory"},
    },
    "order": ["now", "fast"],
    "templates": {"reduced": TEMPLATE},
}


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_output_goes_to_the_stores_that_take_it_and_bears_the_name_of_its_template(tmp_path, jobs):
    with make_repository(tmp_path / "repo", datastore=CHAIN) as butler:
        assert run(butler, jobs=jobs).status == "succeeded"
        assert night(butler) == {"total": 120}
        paths = {
            name: [str(butler.get_uri(ref).path) for ref in butler.query_datasets(name, "out")]
            for name in ("reduced", "gathered", "night")
        }
        assert {path.split("/repo/")[1].split("/")[0] for path in paths["reduced"]} == {"fast"}
        assert {path.split("/repo/")[1].split("/")[0] for path in paths["gathered"]} == {"data"}
        assert any("/reduced/r/e3_1-" in path for path in paths["reduced"])
        spare = [path.name for path in (tmp_path / "repo" / "spare").rglob("*") if path.is_file()]
        assert sum(path.rpartition("/")[2] in spare for path in paths["reduced"] + paths["gathered"]) == FRAMES + 4
        assert not [path for path in paths["night"] if path.rpartition("/")[2] in spare]
        assert butler.check(deep=True).is_clean


def test_a_run_over_several_stores_is_resumed_and_leaves_nothing_behind(tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    faults = {"faults": {"1": "raise?"}, "marks": str(marks)}
    with make_repository(tmp_path / "repo", datastore=CHAIN) as butler:
        assert run(butler, config=faults).status == "failed"
        assert run(butler, config=faults).status == "succeeded"
        assert night(butler) == {"total": 120}
        assert butler.check(deep=True).is_clean


@pytest.mark.parametrize("jobs", [1, 2])
def test_composites_are_kept_apart_by_tasks_as_by_put(tmp_path, jobs):
    kept = {"composites": {"reduced": True}}
    with make_repository(tmp_path / "repo", datastore=kept) as butler:
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        from bunter.pipeline import Pipeline

        graph = Pipeline.from_tasks({"image": ("run_tasks.MakeImage", {}), "read": ("run_tasks.ReadImage", {})})
        summary = run_pipeline(butler, graph.resolve(butler.universe, known), WISH, options=RunOptions(jobs=jobs))
        assert summary.status == "succeeded", summary.failures
        ref = butler.query_datasets("reduced", "out").first()
        assert {uri.stored.component for uri in butler.get_uris([ref])[0]} >= {"image", "mask"}
        key = {**CAM, "exposure": 3, "detector": 1}
        assert butler.get("total", key, collections="out") == {"sum": 12.0, "masked": 0}
        assert butler.check(deep=True).is_clean


def test_a_sealed_repository_in_a_storage_service_refuses_runs_and_opens_again(s3_place, tmp_path, capsys):
    root = f"{s3_place}/repo"
    with make_repository(root, database=str(tmp_path / "registry.sqlite3")):
        pass
    assert command(["seal", root]) == 0
    with Butler(root) as butler:
        assert not butler.writeable
        assert butler.query_datasets("raw", "raw").count() == FRAMES
    assert command(["seal", root, "--unseal"]) == 0
    with Butler(root) as butler:
        assert butler.writeable


def test_a_registry_of_a_remote_root_is_cloned_and_switched(s3_place, tmp_path):
    root = f"{s3_place}/repo"
    with make_repository(root, database=str(tmp_path / "registry.sqlite3")):
        pass
    assert command(["clone", root, str(tmp_path / "other.sqlite3"), "--switch"]) == 0
    with Butler(root) as butler:
        assert butler.query_datasets("raw", "raw").count() == FRAMES
    assert command(["upgrade", root, "--dry-run"]) == 0


SINK = {"sinks": {"metrics": {"kind": "metrics", "constraints": {"accept": ["reduced"]}}}}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_run_registers_is_fed_to_sinks(tmp_path, jobs):
    with make_repository(tmp_path / "repo", datastore=SINK) as butler:
        assert run(butler, jobs=jobs).status == "succeeded"
        rows = butler.sql("SELECT value FROM v1_metric WHERE name = 'value' ORDER BY value").rows
        assert [value for (value,) in rows] == [0.0, 0.0, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0]
        butler.remove_runs(next(run_directories(runs_root(butler))).run, unlink_from_chains=True)
        assert butler.sql("SELECT value FROM v1_metric").rows == []


DYING_RUN = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_stores import run
from bunter import effects
from bunter.butler import Butler

sent = 0
def hook(operation, path):
    global sent
    sent += operation == "store_put"
    if sent == {step}:
        os.kill(os.getpid(), signal.SIGKILL)

effects.set_hook(hook)
if __name__ == "__main__":
    run(Butler({root!r}), jobs={jobs})
"""


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "step"), [(1, 3), (1, 8), (1, 14), (2, 5)])
def test_a_killed_run_in_a_storage_service_goes_on_and_leaves_nothing_behind(s3_place, tmp_path, jobs, step):
    root = f"{s3_place}/repo"
    with make_repository(root, database=str(tmp_path / "registry.sqlite3")):
        pass
    script = DYING_RUN.format(tests=str(Path(__file__).parent), step=step, jobs=jobs, root=root)
    dead = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=300)
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()[-500:]
    with Butler(root, writeable=True) as butler:
        assert run(butler).status == "succeeded"
        assert night(butler) == {"total": 120}
        report = butler.check(deep=True)
        assert report.is_clean, report
