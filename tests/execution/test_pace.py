"""Runs remember how long their quanta took, and later ones begin with what takes longest."""

from __future__ import annotations

import pytest
from small_survey import make_repository, pipeline

from bunter.execution import RunOptions, Wish, run_pipeline
from bunter.execution.pace import durations_of, known_paces
from bunter.execution.run_directory import RunDirectory


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def run(butler, name, jobs=1, where="", **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    wish = Wish(("raw",), output_run=name, where=where)
    plan = pipeline(**config).resolve(butler.universe, known)
    assert run_pipeline(butler, plan, wish, options=RunOptions(jobs=jobs)).status in {"succeeded", "nothing to do"}
    return RunDirectory.of(butler.root, name)


def test_times_of_earlier_runs_are_known_by_task(butler):
    graph = run(butler, "one", sleep_s=0.05).graph()
    paces = known_paces(butler.root, graph)
    assert paces["reduce"].quanta == 8
    assert 0.05 <= paces["reduce"].wall_s < 5
    assert paces["night"].quanta == 1
    assert paces["reduce"].peak_memory == 0, "this process holds more than a worker would"
    times = durations_of(graph, paces)
    assert len(times) == 13
    assert times[0] == pytest.approx(paces["reduce"].wall_s)


def test_an_attempt_with_nothing_to_do_forgets_nothing(butler):
    directory = run(butler, "one", sleep_s=0.05)
    before = known_paces(butler.root, directory.graph())
    run(butler, "one", sleep_s=0.05)
    assert known_paces(butler.root, directory.graph()) == before


def test_a_torn_note_is_no_error(butler):
    directory = run(butler, "one")
    (directory.path / "pace.json").write_text('{"reduce": ')
    assert known_paces(butler.root, directory.graph()) == {}
    run(butler, "two", where="exposure = 1")


def test_workers_tell_what_memory_they_take(butler):
    directory = run(butler, "one", jobs=2)
    assert known_paces(butler.root, directory.graph())["reduce"].peak_memory > 1_000_000
