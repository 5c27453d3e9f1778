from __future__ import annotations

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter.errors import PipelineError
from bunter.execution import RunOptions, Wish, run_pipeline
from bunter.execution.mocks import Fault, mock_pipeline


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


@pytest.fixture
def real(butler):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    return pipeline().resolve(butler.universe, known)


def run(butler, graph, *, jobs=1, **options):
    return run_pipeline(butler, graph, Wish(inputs=("raw",), output="out"), options=RunOptions(jobs=jobs, **options))


@pytest.mark.parametrize("jobs", [1, 2])
def test_mocks_make_what_is_declared_of_what_is_declared(butler, real, jobs):
    summary = run(butler, mock_pipeline(real, wall_s=3600.0, size=1000), jobs=jobs)
    assert summary.status == "succeeded"
    assert {label: one.succeeded for label, one in summary.tasks.items()} == {"reduce": 8, "gather": 4, "night": 1}
    made = butler.get("mock_gathered", {**CAM, "exposure": 2}, collections="out")
    inputs = {
        str(ref.id) for ref in butler.query_datasets("mock_reduced", "out", where="exposure = 2 AND instrument = 'Cam'")
    }
    assert set(made["of"]["reduced"]) == inputs
    assert len(made["pad"]) == 1000
    assert butler.get("mock_night_metadata", CAM, collections="out")["task"]["pretended_s"] == 3600.0
    assert not {kind.name for kind in butler.dataset_types.query()} & {"reduced", "gathered", "night"}


def test_faults_strike_where_they_are_told(butler, real):
    faults = {
        "reduce": [
            Fault(error="ValueError", where={"exposure": 1, "detector": 0}),
            Fault(error="no_work", where={"exposure": 3}),
        ]
    }
    summary = run(butler, mock_pipeline(real, faults=faults))
    assert (summary.tasks["reduce"].failed, summary.tasks["reduce"].no_work) == (1, 2)
    assert "ValueError: the mock was told to fail" in summary.failures[0].error


def test_a_fraction_of_quanta_fails_and_it_is_always_the_same_one(butler, real):
    graph = mock_pipeline(real, faults={"reduce": [Fault(fraction=0.5)]})
    first, second = run(butler, graph), run(butler, graph)
    assert 0 < first.tasks["reduce"].failed < 8
    assert [f.quantum for f in first.failures] == [f.quantum for f in second.failures]


def test_a_worker_that_is_killed_once_is_replaced(butler, real, tmp_path):
    fault = Fault(error="kill", where={"exposure": 0, "detector": 0}, tries=1)
    graph = mock_pipeline(real, faults={"reduce": [fault]}, marks=str(tmp_path))
    assert run(butler, graph, jobs=2, retries=1).status == "succeeded"


def test_what_cannot_be_mocked_is_refused(real):
    with pytest.raises(PipelineError, match="'gather' would read 'reduced' of a mock; mock it too"):
        mock_pipeline(real, unmocked=["gather"])
    with pytest.raises(PipelineError, match="did you mean 'reduce'"):
        mock_pipeline(real, faults={"redcue": [Fault()]})
