"""Quanta that wait for inputs: they are set aside with all that reads what they make, and say so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from repository import FRAME, add, connection, graph_of, in_memory, task

from bunter.errors import WaitingError
from bunter.graph import QuantumGraph, build_graph

EXPOSURE = ("exposure",)


@pytest.fixture(scope="module")
def butler():
    butler = in_memory("graph-waiting")
    add(butler, "lamp", FRAME, "lamp", {"exposure": [1, 2, 2], "detector": [0, 0, 1]})
    return butler


def pipeline(missing="wait"):
    """clean reads frames that come one by one; gather reads all that clean makes of an exposure; stamp is independent."""
    return graph_of(
        task("clean", FRAME,
             connection("lamp", "input", "lamp", FRAME, missing=missing),
             connection("out", "output", "cleaned", FRAME)),
        task("gather", EXPOSURE,
             connection("parts", "input", "cleaned", FRAME, multiple=True),
             connection("out", "output", "gathered", EXPOSURE)),
        task("stamp", FRAME,
             connection("raw", "input", "raw", FRAME),
             connection("out", "output", "stamped", FRAME)),
    )  # fmt: skip


def build(butler, *, missing="wait", **options):
    return build_graph(butler, pipeline(missing), **{"inputs": ["lamp", "in"], "output_run": "u/run", **options})


def keys(graph, label):
    return {
        tuple(q.data_id[k] for k in graph.tasks[label].keys.required if k != "instrument") for q in graph.quanta(label)
    }


@pytest.mark.parametrize("select", ["closure", "strict"])
def test_what_is_there_is_planned_and_the_rest_waits_with_its_readers(butler, select):
    graph = build(butler, where="exposure IN (1, 2, 3)", select=select)
    assert keys(graph, "clean") == {(0, 1), (0, 2), (1, 2)}
    assert keys(graph, "gather") == {(2,)}
    assert len(graph.tasks["stamp"]) == 6
    assert graph.explanation.waiting == 5


def test_counts_add_up_and_say_what_is_waited_for(butler, tmp_path):
    graph = build(butler)
    graph.write(tmp_path / "plan.bqg")
    again = QuantumGraph.read(tmp_path / "plan.bqg")
    for label, told in again.explanation.tasks.items():
        assert told.planned == len(graph.tasks[label])
        assert told.candidates == told.planned + sum(count for _, count in told.removed)
    assert again.explanation.tasks["clean"].waiting == (("wait for 'lamp', input 'lamp'", 5),)
    assert "1 not planned: they wait for 'lamp', input 'lamp'" in again.why("clean", {"exposure": 1, "detector": 1})
    assert "wait for quanta of 'clean' that wait themselves, through 'parts'" in again.why("gather", {"exposure": 1})


def test_other_policies_do_not_wait(butler):
    graph = build(butler, missing="prune")
    assert graph.explanation.waiting == 0
    assert keys(graph, "gather") == {(1,), (2,)}


def test_if_everything_waits_that_is_said(butler):
    with pytest.raises(
        WaitingError, match=r"nothing to run yet: 3 quanta wait(.|\n)*clean: 2 wait for 'lamp'"
    ) as caught:
        build_graph(
            butler, pipeline().select(["clean", "gather"]), where="exposure = 3", inputs="lamp", output_run="u/run"
        )
    assert caught.value.count == 3


def test_a_calibration_may_be_waited_for(butler):
    def plan(inputs):
        bias = connection("bias", "prerequisite", "bias", ("detector",), is_calibration=True, missing="wait")
        raw = connection("raw", "input", "raw", FRAME)
        isr = task("isr", FRAME, raw, bias, connection("out", "output", "clean", FRAME))
        return build_graph(butler, graph_of(isr), inputs=inputs, output_run="u/run")

    with pytest.raises(WaitingError, match="8 wait for 'bias'"):
        plan(["raw"])
    assert len(plan(["raw", "calib"])) == 8
