"""Tasks have a say in their quanta; inputs that may not be missing; calibrations looked for through other inputs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from repository import UNIVERSE, in_memory

from bunter.errors import GraphError, PipelineError
from bunter.graph import Decision, build_graph
from bunter.pipeline import Pipeline, PrerequisiteInput


@pytest.fixture(scope="module")
def butler():
    return in_memory("graph-hooks")


@pytest.fixture
def build(butler):
    def built(*names, **options):
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        tasks = {name.lower(): (f"hook_tasks.{name}", {}) for name in names}
        plan = Pipeline.from_tasks(tasks).resolve(UNIVERSE, known)
        return build_graph(butler, plan, **{"inputs": "in", "output_run": "u/run", **options})

    return built


def keys(graph, label, *names):
    return {tuple(q.data_id[name] for name in names) for q in graph.quanta(label)}


def test_a_task_drops_quanta_and_outputs_one_by_one(build):
    graph = build("Reduce")
    assert keys(graph, "reduce", "exposure") == {(1,), (3,), (4,)}
    assert "dropped by the task: the second is a test" in graph.why("reduce", {"exposure": 2})
    assert {len(q.outputs["extra"]) for q in graph.quanta("reduce") if q.data_id["detector"] == 1} == {0}
    assert {len(q.outputs["extra"]) for q in graph.quanta("reduce") if q.data_id["detector"] == 0} == {1}


def test_a_task_sees_all_quanta_at_once_after_what_was_dropped_before(build):
    graph = build("Reduce", "Gather")
    assert keys(graph, "gather", "exposure") == {(1,), (3,)}
    assert "dropped by the task: the last is not complete" in graph.why("gather", {"exposure": 4})
    assert "too few 'frames' are left" in graph.why("gather", {"exposure": 2})
    extras = {q.data_id["exposure"]: len(q.inputs["extras"]) for q in graph.quanta("gather")}
    assert extras == {1: 0, 3: 1}
    for told in graph.explanation.tasks.values():
        assert told.candidates == told.planned + sum(count for _, count in told.removed)


def test_a_hook_that_fails_is_named(build):
    with pytest.raises(GraphError, match=r"adjust_quantum of task 'broken' failed at .*KeyError"):
        build("Broken")


def test_calibrations_are_those_of_the_times_of_another_input(build):
    graph = build("Night")
    assert keys(graph, "night", "detector") == {(0,), (1,)}
    for quantum in graph.quanta("night"):
        found = {(ref.run, ref.data_id["physical_filter"]) for ref in quantum.inputs["flats"]}
        assert found == {(run, name) for run in ("calib/old", "calib/new") for name in ("r1", "g1")}


def test_an_input_that_may_not_be_missing(build):
    veto = Decision("bias", "detector = 1", "broken", "ann")
    assert len(build("Needy")) == 8
    with pytest.raises(
        GraphError, match=r"4 quanta of task 'needy' lack their input 'dark'.*\n.*detector=1, exposure=1"
    ):
        build("Needy", decisions=[veto])
    assert keys(build("Needy", decisions=[veto], where="detector = 0"), "needy", "detector") == {(0,)}


def test_in_production_every_single_input_is_indispensable(build):
    veto = Decision("flat", "detector = 1", "broken", "ann")
    assert keys(build("Reduce", decisions=[veto]), "reduce", "detector") == {(0,)}
    with pytest.raises(GraphError, match="lack their input 'flat'"):
        build("Reduce", decisions=[veto], profile="production")


def test_a_task_finds_its_prerequisites_with_a_function_of_its_own(build):
    graph = build("Nearest")
    found = {
        (quantum.data_id["exposure"], quantum.data_id["detector"]): {
            (ref.data_id["exposure"], ref.data_id["detector"]) for ref in quantum.inputs["neighbours"]
        }
        for quantum in graph.quanta("nearest")
    }
    assert {key for key, refs in found.items() if refs}
    assert found == {(e, d): {(e - 1, d)} & found.keys() for e, d in found}


def test_a_function_that_gives_back_what_is_no_dataset_is_named(build):
    with pytest.raises(GraphError, match="find_neighbours of task 'lost', which finds 'neighbours', must give back"):
        build("Lost")


def test_a_prerequisite_is_found_by_a_method_only():
    with pytest.raises(PipelineError, match="found by 'find_them', which is no method of"):
        Pipeline.from_tasks({"x": "hook_tasks.Misnamed"}).resolve(UNIVERSE)
    with pytest.raises(PipelineError, match="takes no 'through' and no calibrations"):
        PrerequisiteInput("flat", "CCDData", lookup="find", is_calibration=True)
