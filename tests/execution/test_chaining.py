"""What the chain of the results shows, and what becomes of a run that is replaced."""

from __future__ import annotations

import pytest
from small_survey import make_repository
from test_run import faults, run

from bunter.errors import RunError
from bunter.execution import Wish, foresee, plan_retry
from bunter.pipeline import Pipeline


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def wish(*inputs, **more):
    return Wish(inputs=inputs, output="out", **more)


def chain(butler):
    return butler.info("out").children


def test_a_run_takes_the_place_of_the_one_before(butler):
    first = run(butler, wish("raw"))
    second = run(butler, wish("raw", replace_run=True))
    assert second.status == "succeeded"
    assert second.run != first.run
    assert chain(butler) == (second.run, "raw")
    assert butler.query_datasets("night", first.run).count() == 1
    assert run(butler, wish("raw", replace_run=True)).status == "nothing to do"


def test_a_replacement_without_inputs_does_not_read_what_it_replaces(butler):
    run(butler, wish("raw"))
    second = run(butler, wish(replace_run=True))
    assert second.total("succeeded") == 13
    assert chain(butler) == (second.run, "raw")


@pytest.mark.parametrize("prune", ["unstore", "purge"])
def test_what_was_replaced_goes_when_all_has_succeeded_and_not_before(butler, tmp_path, prune):
    first = run(butler, wish("raw"))
    config = {**faults(e1="raise?"), "marks": str(tmp_path)}
    more = wish("raw", replace_run=True, prune_replaced=prune)
    assert run(butler, more, config=config).status == "failed"
    ref = next(iter(butler.query_datasets("night", first.run)))
    assert butler.get(ref) == {"total": 120}
    assert run(butler, more, config=config).status == "succeeded"
    left = butler.query_datasets("night", first.run).count() if butler.collections.query(first.run) else 0
    assert left == (1 if prune == "unstore" else 0)
    assert not butler.stored(ref) if prune == "unstore" else butler.collections.query(first.run) == []
    assert butler.check(deep=True).is_clean


def test_what_was_replaced_goes_also_when_the_run_is_completed_by_a_retry(butler, tmp_path):
    first = run(butler, wish("raw"))
    config = {**faults(e1="raise?"), "marks": str(tmp_path)}
    more = wish("raw", replace_run=True, prune_replaced="purge")
    assert run(butler, more, config=config).status == "failed"
    assert plan_retry(butler, "out").carry_out(butler).status == "succeeded"
    assert butler.collections.query(first.run) == []
    assert butler.check(deep=True).is_clean


def test_rebasing_forgets_the_inputs_of_before(butler):
    butler.collections.register("more")
    first = run(butler, wish("more", "raw"))
    assert chain(butler) == (first.run, "more", "raw")
    second = run(butler, wish("raw", rebase=True), config={"factor": 2})
    assert chain(butler) == (second.run, first.run, "raw")


def test_pruning_needs_something_that_is_replaced(butler):
    with pytest.raises(RunError, match="give it with --replace-run"):
        run(butler, wish("raw", prune_replaced="purge"))


def test_what_would_be_run_and_shown_is_foretold_and_nothing_written(butler):
    first = run(butler, wish("raw"))
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    pipeline = Pipeline.from_tasks({"reduce": "run_tasks.Reduce"}).resolve(butler.universe, known)
    graph, shown, replaced = foresee(butler, pipeline, wish("raw", replace_run=True))
    assert (len(graph), shown, replaced) == (8, ("out/<time>", "raw"), first.run)
    assert chain(butler) == (first.run, "raw")
