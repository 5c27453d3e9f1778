"""A run into which more is put: what it has is kept, and never made twice."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter import Butler, effects
from bunter.errors import RunError
from bunter.execution import RunOptions, Wish, run_directories, run_pipeline, run_status
from bunter.execution.lineage import find_lineage
from bunter.execution.run_directory import RunDirectory, runs_root

FIRST = Wish(inputs=("raw",), output_run="first", where="exposure < 2")
MORE = replace(FIRST, where="", extend_run=True)


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def run(butler, wish, *, tasks=("reduce", "gather"), **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    plan = pipeline(tasks, **config).resolve(butler.universe, known)
    return run_pipeline(butler, plan, wish, options=RunOptions())


def ran(summary):
    return {label: one.succeeded for label, one in summary.tasks.items()}


def test_another_selection_goes_into_the_same_run(butler):
    run(butler, FIRST)
    with pytest.raises(RunError, match=r"another selection; .* extend it with --extend-run"):
        run(butler, replace(MORE, extend_run=False))
    summary = run(butler, MORE)
    assert (summary.run, ran(summary)) == ("first", {"reduce": 4, "gather": 2})
    assert butler.query_datasets("reduced", "first").count() == 8
    assert butler.query_datasets("reduce_config", "first").count() == 1
    assert butler.get("gathered", CAM, exposure=1, collections="first") == {"sum": 20, "count": 2}
    assert run(butler, MORE).status == "nothing to do"
    assert butler.check(deep=True).is_clean


def test_more_tasks_read_what_the_run_has(butler):
    run(butler, replace(FIRST, where=""))
    summary = run(butler, MORE, tasks=("reduce", "gather", "night"))
    assert ran(summary) == {"reduce": 0, "gather": 0, "night": 1}
    assert butler.get("night", CAM, collections="first") == {"total": 120}


def test_the_newest_run_of_a_chain_is_extended(butler):
    wish = Wish(inputs=("raw",), output="out", where="exposure < 2")
    first = run(butler, wish)
    second = run(butler, replace(wish, where="exposure < 3", extend_run=True))
    assert second.run == first.run
    assert butler.collections.info("out").children == (first.run, "raw")
    assert butler.query_datasets("gathered", "out").count() == 3


def test_without_a_run_there_is_nothing_to_extend_and_one_begins(butler):
    assert ran(run(butler, replace(FIRST, extend_run=True))) == {"reduce": 4, "gather": 2}


def test_a_task_keeps_its_configuration_within_a_run(butler):
    run(butler, FIRST)
    with pytest.raises(
        RunError, match=r"has tasks with other configurations or classes: reduce; .*--skip-existing-in first"
    ):
        run(butler, MORE, factor=3)
    assert run(butler, MORE).status == "succeeded"


def test_what_would_be_made_from_other_inputs_is_refused(butler):
    run(butler, FIRST)
    butler.collections.register("raw2")
    butler.put({"value": 100}, "raw", {**CAM, "exposure": 1, "detector": 0}, run="raw2")
    with pytest.raises(RunError, match=r"has 'gathered' already where .*'exposure': 1.*has changed"):
        run(butler, replace(MORE, inputs=("raw2", "raw")))


def test_failures_are_done_by_the_extension(butler, tmp_path):
    config = {"faults": {"1": "raise?"}, "marks": str(tmp_path)}
    assert run(butler, FIRST, **config).status == "failed"
    summary = run(butler, MORE, **config)
    assert (summary.status, ran(summary)) == ("succeeded", {"reduce": 6, "gather": 3})
    assert butler.query_datasets("gathered", "first").count() == 4


def test_what_a_killed_part_had_committed_counts(butler):
    run(butler, FIRST)
    (part,) = run_directories(runs_root(butler))
    part.write_summary({"status": "cut short"})
    refs = list(butler.query_datasets("gathered", "first"))
    assert len(refs) == 2
    assert ran(run(butler, MORE)) == {"reduce": 4, "gather": 2}
    assert {ref.id for ref in refs} <= {ref.id for ref in butler.query_datasets("gathered", "first")}


def test_an_extension_that_was_never_planned_is_planned_anew(butler, monkeypatch):
    run(butler, FIRST)
    link = effects.link

    def die(source, target):
        if str(target).endswith(".bqg"):
            raise SystemExit
        link(source, target)

    monkeypatch.setattr(effects, "link", die)
    monkeypatch.setattr(RunDirectory, "forget", lambda directory: None)  # as if the process were killed
    with pytest.raises(SystemExit):
        run(butler, MORE)
    monkeypatch.undo()
    assert ran(run(butler, MORE)) == {"reduce": 4, "gather": 2}


def test_an_extension_that_died_before_it_told_goes_on(butler, monkeypatch):
    run(butler, FIRST)
    monkeypatch.setattr("bunter.execution.extending.hand_over", lambda part: sys.exit())
    with pytest.raises(SystemExit):
        run(butler, MORE)
    monkeypatch.undo()
    assert ran(run(butler, MORE)) == {"reduce": 4, "gather": 2}
    states = [(one.summary() or {}).get("status") for one in run_directories(runs_root(butler))]
    assert sorted(states) == ["extended", "succeeded"]


def test_worker_processes_do_an_extension(butler):
    run(butler, FIRST)
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    plan = pipeline(("reduce", "gather")).resolve(butler.universe, known)
    assert ran(run_pipeline(butler, plan, MORE, options=RunOptions(jobs=2))) == {"reduce": 4, "gather": 2}
    assert butler.query_datasets("reduced_schema", "first").count() == 1


def test_status_and_lineage_know_all_parts(butler):
    run(butler, FIRST)
    run(butler, MORE)
    found = run_status(butler, "first")
    assert (found.state, found.total("total")) == ("succeeded", 6)
    assert [(one.part, one.total, one.succeeded) for one in found.earlier] == [(1, 6, 6)]
    assert str(found).startswith("6 of 6 quanta of part 2 of 'first' succeeded")
    assert str(found).endswith("; part 1: 6 of 6 quanta succeeded")
    for exposure in (0, 3):
        (ref,) = butler.query_datasets("gathered", "first", where=f"exposure = {exposure}")
        assert "reduced" in {one.dataset_type for one in find_lineage(butler, ref).datasets.values()}


@pytest.mark.parametrize("way", ["transfer", "dump"])
def test_all_parts_go_along_with_the_datasets(butler, tmp_path, way):
    run(butler, FIRST)
    run(butler, MORE)
    if way == "dump":
        butler.dump(tmp_path / "dump")
        other = Butler.load(tmp_path / "dump", tmp_path / "other")
    else:
        other = Butler.create(tmp_path / "other")
        other.transfers.take(butler.transfers.parcel())
    with other:
        for exposure in (0, 3):
            (ref,) = other.query_datasets("gathered", "first", where=f"exposure = {exposure}")
            assert len(find_lineage(other, ref).quanta) == 3
