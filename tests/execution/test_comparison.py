"""Two runs side by side."""

from __future__ import annotations

import pytest
from small_survey import make_repository, pipeline

from bunter.errors import MissingCollectionError
from bunter.execution import RunOptions, Wish, compare_runs, run_pipeline


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    with make_repository(tmp_path_factory.mktemp("comparison") / "repo") as butler:
        for run, where, config in (
            ("one", "", {}),
            ("again", "", {}),
            ("less", "exposure < 3", {}),
            ("other", "", {"factor": 3}),
            ("bad", "", {"faults": {"2": "raise"}}),
        ):
            known = {kind.name: kind for kind in butler.dataset_types.query()}
            plan = pipeline(**config).resolve(butler.universe, known)
            run_pipeline(butler, plan, Wish(("raw",), output_run=run, where=where), options=RunOptions())
        yield butler


def outputs(found):
    return {one.dataset_type: (one.same, one.different, one.only) for one in found.outputs}


def tasks(found):
    return {one.label: one for one in found.tasks}


def test_the_same_work_gives_the_same_bytes(butler):
    found = compare_runs(butler, "one", "again")
    assert found.is_same
    assert found.settings == {}
    assert outputs(found)["reduced"] == (8, 0, (0, 0))
    assert outputs(found)["night"] == (1, 0, (0, 0))


def test_what_only_one_of_them_has(butler):
    found = compare_runs(butler, "one", "less")
    assert not found.is_same
    assert found.settings == {"where": ("", "exposure < 3")}
    assert outputs(found)["reduced"] == (6, 0, (2, 0))
    assert outputs(found)["night"] == (0, 1, (0, 0))


def test_configurations_are_compared_value_by_value(butler):
    found = compare_runs(butler, "one", "other")
    assert tasks(found)["reduce"].config == {"factor": (10, 3)}
    assert tasks(found)["gather"].config == {}
    reduced = next(one for one in found.outputs if one.dataset_type == "reduced")
    assert reduced.different == 6  # of exposure 0 the product is 0 in both
    assert reduced.examples[0] == {"instrument": "Cam", "detector": 0, "exposure": 1}


def test_failures_are_counted(butler):
    found = tasks(compare_runs(butler, "one", "bad"))
    assert found["reduce"].failed == (0, 2)
    assert found["reduce"].succeeded == (8, 6)


def test_a_run_that_is_not_there(butler):
    with pytest.raises(MissingCollectionError, match="no collection 'none'"):
        compare_runs(butler, "one", "none")


def test_a_dataset_that_is_kept_in_components_counts_with_all_of_them(tmp_path):
    from bunter.pipeline import Pipeline

    kept = {"composites": {"reduced": True}, "stamps": False}  # which name the run
    with make_repository(tmp_path / "repo", datastore=kept) as butler:
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        graph = Pipeline.from_tasks({"image": ("run_tasks.MakeImage", {})}).resolve(butler.universe, known)
        for run in ("first", "second"):
            run_pipeline(butler, graph, Wish(("raw",), output_run=run), options=RunOptions())
        [found] = [one for one in compare_runs(butler, "first", "second").outputs if one.dataset_type == "reduced"]
        uris = [uri for each in butler.get_uris(butler.query_datasets("reduced", "first")) for uri in each]
        assert len(uris) > found.count[0] == 8
        assert found.size[0] == sum(uri.stored.size for uri in uris)
        assert (found.same, found.different) == (8, 0)
