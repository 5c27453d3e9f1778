"""What a run will probably take, from what the same tasks took before."""

from __future__ import annotations

import pytest
from small_survey import make_repository, pipeline

from bunter.execution import RunOptions, Wish, forecast_run, run_pipeline
from bunter.graph import build_graph


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def plan(butler, where=""):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    return build_graph(butler, pipeline().resolve(butler.universe, known), where=where, inputs="raw", output_run="next")


def test_without_history_there_are_only_counts(butler):
    found = forecast_run(butler, plan(butler))
    assert [(task.label, task.quanta, task.inputs, task.outputs) for task in found.tasks] == [
        ("reduce", 8, 8, 8),
        ("gather", 4, 8, 4),
        ("night", 1, 4, 1),
    ]
    assert found.tasks[0].input_bytes == 8 * len('{"value": 0}')
    assert found.total("cpu_s") is None


def test_times_and_bytes_scale_with_what_the_tasks_took_before(butler):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    run_pipeline(
        butler,
        pipeline(sleep_s=0.05).resolve(butler.universe, known),
        Wish(("raw",), output_run="before", where="exposure < 2"),
        options=RunOptions(),
    )
    found = forecast_run(butler, plan(butler))
    reduce = found.tasks[0]
    assert 8 * 0.05 <= reduce.wall_s < 8
    assert reduce.cpu_s < reduce.wall_s
    assert reduce.peak_memory > 1_000_000
    assert reduce.output_bytes == pytest.approx(8 * len('{"value":10}'), abs=8)
    assert found.total("cpu_s") is not None
    assert [task.runs for task in found.tasks] == [1, 1, 1]
