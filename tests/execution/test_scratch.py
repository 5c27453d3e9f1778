from __future__ import annotations

import pytest
from small_survey import CAM, make_repository
from test_jobs import job

from bunter.errors import PipelineError
from bunter.execution import RunOptions, Wish, merge_run, prepare_run, run_pipeline
from bunter.graph import build_graph
from bunter.pipeline import Output, Pipeline


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def resolved(butler, keep, **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    tasks = {
        "reduce": ("scratch_tasks.Reduce", {"keep": keep, **config}),
        "gather": ("scratch_tasks.Gather", {}),
        "night": ("run_tasks.Night", {}),
    }
    return Pipeline.from_tasks(tasks).resolve(butler.universe, known)


def run(butler, keep, *, jobs=1, **config):
    wish = Wish(inputs=("raw",), output="out")
    return run_pipeline(butler, resolved(butler, keep, **config), wish, options=RunOptions(jobs=jobs))


def left(butler):
    return butler.query_datasets("reduced", "out").count()


@pytest.mark.parametrize(("keep", "count"), [("never", 0), ("until-read", 0), ("run", 0), ("forever", 8)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_intermediates_are_kept_as_long_as_declared(butler, keep, count, jobs):
    assert run(butler, keep, jobs=jobs).status == "succeeded"
    assert left(butler) == count
    assert butler.get("night", CAM, collections="out") == {"total": 120}
    assert butler.check(deep=True).is_clean
    files = [path for path in butler.root.rglob("*.json") if path.name.startswith("reduced_Cam")]
    assert len(files) == count
    assert run(butler, keep).status == "nothing to do"


@pytest.mark.parametrize(("keep", "count"), [("never", 1), ("until-read", 1), ("run", 7)])
def test_what_a_failed_quantum_would_read_stays_and_resuming_does_nothing_twice(butler, tmp_path, keep, count):
    first = run(butler, keep, faults={"1": "raise?"}, marks=str(tmp_path))
    assert first.tasks["reduce"].failed == 2
    (tmp_path / "1-0").unlink()
    second = run(butler, keep, faults={"1": "raise?"}, marks=str(tmp_path))
    assert (second.tasks["reduce"].failed, second.tasks["reduce"].earlier) == (1, 6)
    assert left(butler) == count
    third = run(butler, keep, faults={"1": "raise?"}, marks=str(tmp_path))
    assert third.status == "succeeded"
    assert (third.tasks["reduce"].earlier, third.tasks["gather"].earlier) == (7, 3)
    assert left(butler) == 0
    assert butler.get("night", CAM, collections="out") == {"total": 120}


def test_skipping_works_after_they_are_gone(butler):
    run(butler, "until-read")
    again = Wish(inputs=("raw",), output="again", skip_existing_in=("out",))
    assert run_pipeline(butler, resolved(butler, "until-read"), again).status == "nothing to do"


def test_a_merge_drops_them_too(butler, tmp_path):
    pipeline = resolved(butler, "until-read")
    build_graph(butler, pipeline, inputs=["raw"], output_run="jobs", where="instrument = 'Cam'").write(
        tmp_path / "g.bqg"
    )
    directory = prepare_run(butler, tmp_path / "g.bqg", output="out")
    job(directory, "a", labels=["reduce"])
    merge_run(butler, "jobs")
    assert left(butler) == 8
    job(directory, "b", labels=["gather", "night"])
    merged = merge_run(butler, "jobs")
    assert (merged.is_complete, left(butler)) == (True, 0)
    again = merge_run(butler, "jobs")
    assert (again.lost, again.datasets, again.open_jobs) == (0, 0, 0)
    assert butler.check(deep=True).is_clean


def test_a_wrong_word_is_refused():
    with pytest.raises(PipelineError, match="keep='nver'; it is 'never', 'until-read', 'run' or 'forever'"):
        Output("x", "StructuredDataDict", dimensions=("instrument",), keep="nver")
