"""Calibrations of quanta that have no time: the one of the first collection that has any, or a refusal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from repository import connection, graph_of, in_memory, task

from bunter.errors import GraphError
from bunter.graph import Decision, build_graph

DETECTOR = ("detector",)


@pytest.fixture(scope="module")
def butler():
    return in_memory("graph-calibrations")


@pytest.fixture
def build(butler):
    """Build the graph of a task per detector, whose exposures have times and which itself has none."""

    def built(inputs, *, minimum=1, through="", **options):
        bias = connection(
            "bias",
            "prerequisite",
            "bias",
            DETECTOR,
            is_calibration=True,
            multiple=True,
            minimum=minimum,
            through=through,
        )
        frames = connection("frames", "input", "raw", ("exposure", "detector"), multiple=True)
        average = task("average", DETECTOR, frames, bias, connection("out", "output", "average", DETECTOR))
        return build_graph(butler, graph_of(average), inputs=inputs, output_run="u/run", **options)

    return built


def biases(graph):
    return {q.data_id["detector"]: sorted(ref.run for ref in q.inputs["bias"]) for q in graph.quanta("average")}


@pytest.mark.parametrize("minimum", [0, 1])
def test_several_certified_in_the_first_collection_are_refused(build, minimum):
    with pytest.raises(
        GraphError, match=r"'average' has no time, and for 2 .* 'bias' certifies several(.|\n)*detector=1"
    ):
        build(["raw", "calib", "calib/old"], minimum=minimum)


def test_the_first_collection_that_has_any_wins(build):
    assert biases(build(["raw", "calib/old", "calib"])) == {0: ["calib/old"], 1: ["calib/old"]}


def test_several_ranges_of_one_dataset_are_no_choice(build, butler):
    from bunter.dataset import CollectionType
    from bunter.dataset.changes import Certify
    from bunter.values import Timespan

    butler.collections.register("twice", CollectionType.CALIBRATION)
    ids = [ref.id.bytes for ref in butler.query_datasets("bias", "calib/new")]
    butler.apply(Certify("twice", ids, Timespan(0, 5)), Certify("twice", ids, Timespan(7, 9)))
    assert biases(build(["raw", "twice", "calib"])) == {0: ["calib/new"], 1: ["calib/new"]}


def test_an_input_with_times_settles_the_choice(build):
    both = ["calib/new", "calib/old"]
    assert biases(build(["raw", "calib"], through="frames")) == {0: both, 1: both}


def test_an_override_settles_the_choice(build):
    decided = Decision("bias", "detector IN (0, 1)", "the new one is right", "ann", "calib/new")
    found = biases(build(["raw", "calib"], decisions=[decided]))
    assert found == {0: ["calib/new"], 1: ["calib/new"]}


def test_quanta_that_are_not_asked_for_are_not_refused(build, butler):
    from bunter.dataset import CollectionType
    from bunter.dataset.changes import Certify
    from bunter.values import Timespan

    butler.collections.register("mixed", CollectionType.CALIBRATION)
    one, other = (
        {ref.data_id["detector"]: ref.id.bytes for ref in butler.query_datasets("bias", run)}
        for run in ("calib/old", "calib/new")
    )
    butler.apply(Certify("mixed", [one[0], one[1]], Timespan(0, 5)), Certify("mixed", [other[1]], Timespan(5, 9)))
    assert biases(build(["raw", "mixed"], where="detector = 0")) == {0: ["calib/old"]}
    with pytest.raises(GraphError, match="for 1 of its quanta"):
        build(["raw", "mixed"])
