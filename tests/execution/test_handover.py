"""Results that go from quantum to quantum in memory: the same answers, fewer files, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
from small_survey import make_repository
from test_jobs import job

from bunter.execution import RunOptions, Wish, find_lineage, merge_run, plan_rerun, prepare_run, run_pipeline
from bunter.execution.run_directory import RunDirectory
from bunter.execution.shelf import Held, Shelf, weight
from bunter.graph import build_graph
from bunter.pipeline import Pipeline

KEYS = [(e, d) for e in range(4) for d in range(2)]


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def plan(butler, *, keep="never", handover=True, configs=(), **common):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    more = dict(configs)
    common = {"keep": keep, "handover": handover, **common}
    return Pipeline.from_tasks(
        {name: (f"handover_tasks.{name.title()}", {**common, **more.get(name, {})}) for name in ("one", "two", "three")}
    ).resolve(butler.universe, known)


def run(butler, *, jobs=1, name="out", options=None, skip=(), **config):
    wish = Wish(inputs=("raw",), output=name, skip_existing_in=skip)
    return run_pipeline(butler, plan(butler, **config), wish, options=options or RunOptions(jobs=jobs))


def sums(butler, name="out"):
    return {
        (ref.data_id["exposure"], ref.data_id["detector"]): butler.get(ref)["sum"]
        for ref in butler.query_datasets("third", name)
    }


RIGHT = {(e, d): 2.0 * 64 * (e + 1) for e, d in KEYS}


def files(butler):
    return [path.name for path in butler.root.rglob("*") if path.name.startswith(("first_", "second_"))]


def processes(marks, step):
    """Processes in which each quantum of a step ran, by data ID."""
    return {
        path.name.removeprefix(f"{step}-"): [line.split()[0] for line in path.read_text().splitlines()]
        for path in marks.glob(f"{step}-*")
    }


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("keep", "left"), [("never", 0), ("until-read", 0), ("forever", 16)])
def test_answers_are_right_however_results_travel(butler, tmp_path, jobs, keep, left):
    assert run(butler, jobs=jobs, keep=keep, marks=str(tmp_path)).status == "succeeded"
    assert sums(butler) == RIGHT
    assert len(files(butler)) == left
    for ref in butler.query_datasets("first", "out") if left else ():
        assert (butler.get(ref) == ref.data_id["exposure"] + 1).all(), (
            "what is stored is what was made, not what became of it"
        )
    ran = [processes(tmp_path, step) for step in ("one", "two", "three")]
    assert keep != "never" or ran[0] == ran[1] == ran[2], "a chain runs in one worker"
    assert butler.check(deep=True).is_clean
    assert run(butler, jobs=jobs, keep=keep, marks=str(tmp_path)).status == "nothing to do"


def test_what_is_never_kept_is_never_written(butler, monkeypatch):
    from bunter.execution.outlet import Outlet

    keys, publish = [], Outlet.publish
    monkeypatch.setattr(
        Outlet, "publish", lambda self, nonce, key, *rest: keys.append(key) or publish(self, nonce, key, *rest)
    )
    run(butler)
    assert len([key for key in keys if "third" in key]) == 8
    assert not [key for key in keys if "first_C" in key or "second_C" in key or "first/" in key or "second/" in key]


def test_where_there_is_no_room_results_are_written(butler):
    assert run(butler, jobs=2, options=RunOptions(2, handover=600)).status == "succeeded"
    assert sums(butler) == RIGHT
    assert run(butler, name="off", options=RunOptions(1, handover=0)).status == "succeeded"
    assert sums(butler, "off") == RIGHT


@pytest.mark.parametrize("step", ["two", "three"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_makers_run_again_when_a_reader_fails_and_is_tried_again(butler, tmp_path, step, jobs):
    faults = {step: {"faults": {"1-0": "raise?"}}}
    done = run(butler, options=RunOptions(jobs, retries=1), marks=str(tmp_path), configs=faults)
    assert (done.status, done.total("failed")) == ("succeeded", 0)
    assert sums(butler) == RIGHT
    assert len(processes(tmp_path, "one")["1-0"]) == 2
    assert len(processes(tmp_path, "one")["1-1"]) == 1
    assert butler.check(deep=True).is_clean


@pytest.mark.parametrize("step", ["one", "two", "three"])
def test_a_worker_that_dies_loses_nothing(butler, tmp_path, step):
    faults = {step: {"faults": {"1-0": "kill?", "2-1": "kill?"}}}
    done = run(butler, options=RunOptions(2, retries=1), marks=str(tmp_path), configs=faults)
    assert done.status == "succeeded"
    assert sums(butler) == RIGHT
    assert butler.check(deep=True).is_clean


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_reader_that_fails_for_good_takes_its_makers_along_until_it_is_resumed(butler, tmp_path, jobs):
    faults = {"three": {"faults": {"1-0": "raise?"}}}
    first = run(butler, jobs=jobs, marks=str(tmp_path), configs=faults)
    assert first.status == "failed"
    assert {name: (one.succeeded, one.failed, one.cancelled) for name, one in first.tasks.items()} == {
        "one": (7, 0, 1),
        "two": (7, 0, 1),
        "three": (7, 1, 0),
    }
    second = run(butler, jobs=jobs, marks=str(tmp_path), configs=faults)
    assert (second.status, second.total("succeeded"), second.total("earlier")) == ("succeeded", 3, 21)
    assert sums(butler) == RIGHT
    assert butler.check(deep=True).is_clean


def test_a_reader_without_work_lets_its_makers_succeed(butler, tmp_path):
    done = run(butler, jobs=2, marks=str(tmp_path), configs={"two": {"faults": {"1-0": "no_work"}}})
    assert (done.status, done.total("no_work")) == ("succeeded", 2)
    assert sums(butler).keys() == RIGHT.keys() - {(1, 0)}


def test_skipping_works_without_them(butler):
    run(butler)
    assert run(butler, name="again", skip=("out",)).status == "nothing to do"


def test_where_they_came_from_is_known_though_they_never_were_stored(butler):
    run(butler)
    ref = butler.find_dataset("third", instrument="Cam", exposure=2, detector=1, collections="out")
    found = find_lineage(butler, ref)
    assert sorted(one.dataset_type for one in found.datasets.values()) == ["first", "raw", "second", "third"]
    assert sorted(one.task for one in found.quanta.values()) == ["one", "three", "two"]
    assert all(one.facts["wall_s"] >= 0 for one in found.quanta.values())


@pytest.mark.parametrize("keep", ["never", "until-read"])
def test_a_rerun_of_the_last_makes_what_it_reads_again(butler, keep):
    run(butler, keep=keep)
    name = butler.collections.info("out").children[0]
    graph = RunDirectory.of(butler.root, name).graph()
    last = graph.tasks["three"].first
    again = plan_rerun(butler, "out", [last])
    assert len(again.quanta) == 3
    done = again.carry_out(butler, options=RunOptions(2))
    assert (done.status, done.total("succeeded"), done.total("no_work")) == ("succeeded", 3, 0)
    assert sums(butler) == RIGHT
    assert butler.check(deep=True).is_clean


def test_in_a_repository_in_memory_too():
    butler = make_repository("memory://handover")
    assert run(butler, jobs=2).status == "succeeded"
    assert sums(butler) == RIGHT


@pytest.mark.parametrize("parts", [[["one", "two", "three"]], [["one"], ["two", "three"]]])
def test_jobs_hand_over_what_they_read_themselves_and_write_the_rest(butler, tmp_path, parts):
    build_graph(butler, plan(butler), inputs=["raw"], output_run="jobs", where="instrument = 'Cam'").write(
        tmp_path / "g"
    )
    directory = prepare_run(butler, tmp_path / "g", output="out")
    for number, labels in enumerate(parts):
        assert job(directory, f"job{number}", labels=labels).status == "succeeded"
    told = directory.told()
    handed = {told_of for receipt in told.receipts for told_of in receipt.handed}
    assert len(handed) == (16 if len(parts) == 1 else 8)
    assert merge_run(butler, "jobs").is_complete
    assert sums(butler) == RIGHT
    assert butler.query_datasets("first", "out").count() == 0
    assert merge_run(butler, "jobs").lost == 0
    assert butler.check(deep=True).is_clean


def test_what_is_stored_makes_room_and_what_is_not_stays():
    shelf = Shelf(100)
    assert shelf.put(1, Held("a", 60, is_bound=False))
    assert shelf.put(2, Held("b", 60, is_bound=True))
    assert (1 in shelf, 2 in shelf) == (False, True)
    assert not shelf.put(3, Held("c", 60, is_bound=False))
    assert not shelf.fits([60])
    shelf.drop([2, 7])
    assert shelf.fits([100])


def test_objects_are_weighed_with_what_they_hold():
    class Frame:
        def __init__(self):
            self.data, self.meta = np.zeros((100, 100)), {"EXPTIME": 30.0}

    assert 80_000 < weight(Frame()) < 90_000
    assert 160_000 < weight([Frame(), Frame()]) < 180_000
    one = np.zeros(1000)
    assert weight([one] * 50) < 10_000
    loop = []
    loop.append(loop)
    assert weight(loop) < 1000
    assert weight(list(range(200_000))) is None
