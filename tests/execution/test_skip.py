"""What earlier runs have done is not done again, as long as task, configuration and inputs are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter.execution import RunOptions, Wish, run_pipeline

FIRST = Wish(inputs=("raw",), output_run="first")
AGAIN = Wish(inputs=("raw",), output_run="second", skip_existing_in=("first",))


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def run(butler, wish, *, tasks=("reduce", "gather", "night"), config=None):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    plan = pipeline(tasks, **(config or {})).resolve(butler.universe, known)
    return run_pipeline(butler, plan, wish, options=RunOptions())


def ran(summary):
    return {label: one.succeeded for label, one in summary.tasks.items()}


def test_what_is_done_is_not_done_again(butler):
    run(butler, FIRST)
    summary = run(butler, replace(AGAIN, output="out"))
    assert (summary.status, summary.exit_code) == ("nothing to do", 0)
    assert "all 13 quanta were done before, in first" in str(summary)
    assert butler.get("night", CAM, collections="out") == {"total": 120}
    assert "second" not in butler.collections.query()


def test_only_new_exposures_and_what_gathers_them_are_done(butler):
    run(butler, replace(FIRST, where="exposure < 3"))
    summary = run(butler, replace(AGAIN, output="out", output_run=""))
    assert ran(summary) == {"reduce": 2, "gather": 1, "night": 1}
    assert butler.get("night", CAM, collections="out") == {"total": 120}
    assert butler.query_datasets("reduced", "out").count() == 8
    assert butler.query_datasets("reduced", summary.run).count() == 2
    assert butler.check(deep=True).is_clean


def test_another_configuration_is_other_work_with_all_that_follows(butler):
    run(butler, FIRST)
    summary = run(butler, AGAIN, config={"factor": 3})
    assert ran(summary) == {"reduce": 8, "gather": 4, "night": 1}
    assert butler.get("night", CAM, collections="second") == {"total": 36}


def test_a_changed_task_reads_what_the_unchanged_one_has_made(butler):
    run(butler, FIRST, tasks=("reduce",))
    summary = run(butler, AGAIN)
    assert ran(summary) == {"reduce": 0, "gather": 4, "night": 1}
    assert butler.query_datasets("reduced", "second").count() == 0


def test_another_input_of_the_same_data_id_is_another_input(butler):
    run(butler, FIRST)
    butler.collections.register("raw2")
    butler.put({"value": 100}, "raw", {**CAM, "exposure": 1, "detector": 0}, run="raw2")
    summary = run(butler, replace(AGAIN, inputs=("raw2", "raw")))
    assert ran(summary) == {"reduce": 1, "gather": 1, "night": 1}


def test_removed_intermediates_are_not_made_again_until_something_needs_them(butler):
    run(butler, FIRST)
    butler.remove_datasets(butler.query_datasets("reduced", "first"), purge=True)
    assert run(butler, AGAIN).status == "nothing to do"
    butler.remove_datasets(butler.query_datasets("night", "first"), purge=True)
    summary = run(butler, AGAIN)
    assert ran(summary) == {"reduce": 0, "gather": 0, "night": 1}
    butler.remove_datasets(butler.query_datasets("gathered", "first", where="exposure = 2"), purge=True)
    butler.remove_datasets(butler.query_datasets("night", "second"), purge=True)
    summary = run(butler, replace(AGAIN, output_run="third"))
    assert ran(summary) == {"reduce": 2, "gather": 1, "night": 1}
    assert butler.get("night", CAM, collections="third") == {"total": 120}


def test_failures_are_done_again(butler):
    run(butler, FIRST, config={"faults": {"2": "raise"}})
    summary = run(butler, AGAIN, config={"faults": {"2": "raise"}})
    assert summary.tasks["reduce"].failed == 2
    assert summary.tasks["reduce"].total == 2


def test_runs_may_be_skipped_through_a_chain_of_several(butler):
    run(butler, replace(FIRST, output="out", output_run="", where="exposure < 2"))
    run(butler, Wish(("raw",), "out", where="exposure < 3", skip_existing_in=("out",)))
    summary = run(butler, Wish(("raw",), "out", skip_existing_in=("out",)))
    assert ran(summary) == {"reduce": 2, "gather": 1, "night": 1}
    assert butler.get("night", CAM, collections="out") == {"total": 120}


def test_why_tells_what_was_done_before(butler, tmp_path):
    from bunter.execution import find_precedents
    from bunter.graph import QuantumGraph, build_graph

    run(butler, replace(FIRST, where="exposure < 3"))
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    plan = pipeline().resolve(butler.universe, known)
    graph = build_graph(butler, plan, inputs="raw", output_run="x", precedents=find_precedents(butler, ["first"]))
    graph.write(tmp_path / "plan.bqg")
    stored = QuantumGraph.read(tmp_path / "plan.bqg")
    assert "2 not planned: done before" in stored.why("reduce", {"exposure": 1})
    for told in stored.explanation.tasks.values():
        assert told.candidates == told.planned + sum(count for _, count in told.removed)
    reads = next(stored.quanta("night")).inputs["gathered"]
    assert sorted((ref.exists, ref.run) for ref in reads) == [(False, "x"), *[(True, "first")] * 3]
    assert {ref.id for ref in reads if ref.exists} == {
        ref.id.bytes for ref in butler.query_datasets("gathered", "first")
    }
