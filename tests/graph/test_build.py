"""Graphs built from a repository: the worked example, calibrations by time, and what is said when it does not work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from repository import DETECTORS, FRAME, IMAGE, UNIVERSE, VISIT, WARP, connection, example, graph_of, in_memory, task

from bunter.errors import EmptyGraphError, GraphError, InvalidQueryError
from bunter.graph import QuantumGraph, build_graph

WARPS = {(1, 0, 0), (1, 0, 1), (2, 0, 1), (2, 1, 0), (3, 1, 0), (4, 1, 0), (4, 1, 1)}


@pytest.fixture(scope="module")
def butler():
    return in_memory("graph-build")


@pytest.fixture
def build(butler):
    def built(where="", pipeline=None, **options):
        options = {"inputs": "in", "output_run": "u/run", **options}
        return build_graph(butler, pipeline or example(), where=where, **options)

    return built


def plan(graph):
    """Data IDs of each task as tuples of ids, without governors."""
    keys = {
        "isr": FRAME,
        "calibrate": IMAGE,
        "gather": VISIT,
        "warp": ("visit", "tract", "patch"),
        "coadd": ("tract", "patch", "band"),
    }
    return {label: {tuple(q.data_id[k] for k in keys[label]) for q in graph.quanta(label)} for label in graph.tasks}


def frames(*visits, detectors=DETECTORS):
    return {(visit, detector) for visit in visits for detector in detectors}


def band(visit):
    return "r" if visit in {1, 3} else "g"


def coadds(warps):
    return {(tract, patch, band(visit)) for visit, tract, patch in warps}


def test_without_a_selection_everything_that_exists_is_planned(build):
    found = plan(build())
    assert found == {
        "isr": frames(1, 2, 3, 4), "calibrate": frames(1, 2, 3, 4), "gather": {(1,), (2,), (3,), (4,)},
        "warp": WARPS, "coadd": coadds(WARPS),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("where", "isr", "warps"),
    [
        ("tract = 0", frames(1, 2), {w for w in WARPS if w[1] == 0}),
        ("visit = 2", frames(2), {w for w in WARPS if w[0] == 2}),
        ("tract = 1 AND visit IN (1..3)", frames(2, 3), {w for w in WARPS if w[1] == 1 and w[0] <= 3}),
        ("detector = 1 AND tract = 0", {(1, 1)}, {(1, 0, 1), (1, 0, 0)}),
        ("band = 'r'", frames(1, 3), {w for w in WARPS if w[0] in {1, 3}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("governors", ["", "instrument = 'Cam' AND skymap = 'strip' AND "])
def test_the_worked_example_holds(build, where, isr, warps, governors):
    found = plan(build(governors + where))
    assert found["isr"] == found["calibrate"] == isr
    assert found["gather"] == {(visit,) for visit, _ in isr}
    assert found["warp"] == warps
    assert found["coadd"] == coadds(warps)


def test_upstream_of_the_edge_of_a_tract_visits_are_whole(build):
    graph = build("tract = 0")
    (gather,) = (q for q in graph.quanta("gather") if q.data_id["visit"] == 2)
    assert [ref.data_id["detector"] for ref in gather.inputs["srcs"]] == [0, 1]
    assert "1 asked for by the selection" in graph.why("isr", {"exposure": 2, "detector": 1})


def test_strict_selection_cuts_visits_at_the_edge(build):
    found = plan(build("tract = 0", select="strict"))
    assert found["isr"] == found["calibrate"] == frames(1) | {(2, 0)}


def test_calibrations_are_those_valid_at_the_time_of_the_quantum(build):
    for quantum in build().quanta("isr"):
        (bias,), (flat,) = quantum.inputs["bias"], quantum.inputs["flat"]
        assert bias.run == flat.run == ("calib/new" if quantum.data_id["exposure"] >= 3 else "calib/old")
        assert bias.data_id["detector"] == quantum.data_id["detector"]
        assert flat.data_id["physical_filter"] == quantum.data_id["physical_filter"]


def test_reference_catalogues_come_by_the_pixels_that_a_region_touches(build):
    from repository import box

    from bunter.geometry import skypix

    there = set(skypix("htm7").pixels_of(box(9, 11)))
    for quantum in build().quanta("calibrate"):
        visit, detector = quantum.data_id["visit"], quantum.data_id["detector"]
        touched = set(skypix("htm7").pixels_of(box(8.5 + visit + detector / 2, 9 + visit + detector / 2)))
        assert {ref.data_id["htm7"] for ref in quantum.inputs["refcat"]} == touched & there


def test_visits_of_other_visit_systems_wait_until_they_are_named(build):
    assert (99,) not in plan(build())["gather"]
    assert plan(build("visit_system = 1"))["gather"] == {(99,)}


def test_implied_dimensions_come_with_each_data_id(build):
    (quantum,) = build("visit = 3 AND detector = 0").quanta("isr")
    assert quantum.data_id == {
        "instrument": "Cam", "exposure": 3, "detector": 0, "band": "r", "day_obs": 20260101, "group": "3", "physical_filter": "r1",
    }  # fmt: skip
    assert quantum.outputs["out"][0].data_id == quantum.data_id


def test_facts_of_records_and_regions_select(build):
    assert plan(build("exposure.observation_type = 'science'"))["gather"] == {(1,), (2,), (3,)}
    assert plan(build("visit.timespan OVERLAPS (T'mjd/40587.0/tai', T'mjd/40587.1/tai')"))["gather"] == {(1,), (2,)}
    assert plan(build("patch.region OVERLAPS POINT(9.1, 0.0)"))["warp"] == {(1, 0, 0)}


def test_a_table_of_data_ids_selects(build):
    found = plan(build(data_ids={"visit": [1, 4], "detector": [0, 1]}))
    assert found["calibrate"] == {(1, 0), (4, 1)}


def test_a_connection_may_carry_its_own_condition(build):
    science = connection("frames", "input", "raw", FRAME, multiple=True, where="exposure.observation_type = 'science'")
    stack = task("stack", ("detector",), science, connection("out", "output", "stack", ("detector",)))
    graph = build(pipeline=graph_of(stack))
    assert [{ref.data_id["exposure"] for ref in q.inputs["frames"]} for q in graph.quanta()] == [{1, 2, 3}] * 2
    with pytest.raises(
        EmptyGraphError, match=r"no 'raw' where exposure.observation_type = 'science' for input 'frames'"
    ):
        build("exposure = 4", pipeline=graph_of(stack))


def test_a_whole_input_is_left_alone_by_the_selection(build):
    copy = task("copy", FRAME, connection("raw", "input", "raw", FRAME), connection("out", "output", "copied", FRAME))
    for whole, expected in ((True, [0, 1]), (False, [0])):
        raws = connection("raws", "input", "raw", FRAME, multiple=True, whole=whole)
        copied = connection("copied", "input", "copied", FRAME, multiple=True)
        total = task("sum", ("exposure",), raws, copied, connection("out", "output", "total", ("exposure",)))
        graph = build("detector = 0 AND exposure = 1", pipeline=graph_of(copy, total))
        (quantum,) = graph.quanta("sum")
        assert [ref.data_id["detector"] for ref in quantum.inputs["raws"]] == expected
        assert [ref.data_id["detector"] for ref in quantum.inputs["copied"]] == [0]


def test_the_graph_survives_its_file(build, tmp_path):
    graph = build("tract = 0")
    graph.write(tmp_path / "g.bqg")
    again = QuantumGraph.read(tmp_path / "g.bqg")
    assert list(again.quanta()) == list(graph.quanta())
    assert again.explanation == graph.explanation
    assert again.header == graph.header
    assert again.pipeline == example().to_dict()
    for data_id in ({"exposure": 2, "detector": 1}, {"exposure": 4}, {"exposure": 77}):
        assert again.why("isr", data_id) == graph.why("isr", data_id)


def test_counts_of_the_explanation_add_up(build):
    for where in ("", "tract = 0", "detector = 1 AND tract = 0", "visit = 2"):
        graph = build(where)
        for label, told in graph.explanation.tasks.items():
            assert told.planned == len(graph.tasks[label])
            assert told.candidates == told.planned + sum(count for _, count in told.removed)


def test_why_names_the_condition_that_a_quantum_fails(build):
    graph = build("tract = 0")
    assert "does not meet tract = 0" in graph.why("isr", {"exposure": 4, "detector": 0})
    assert "under the selection `tract = 0`" in graph.why("warp", {"visit": 4, "tract": 1})
    assert "never a candidate" in graph.why("isr", {"exposure": 77})


def test_a_condition_that_says_nothing_about_the_pipeline_is_refused(build):
    isr = graph_of(example().tasks[0])
    with pytest.raises(GraphError, match="`tract = 5` says nothing about this pipeline"):
        build("tract = 5", pipeline=isr)
    assert len(build("skymap = 'strip'", pipeline=isr)) == 8


@pytest.mark.parametrize(
    ("where", "inputs", "message"),
    [
        ("exposure = 77", "in", r"'isr' reads 'raw'; in has 8, and none where exposure = 77"),
        ("", "calib", r"'isr' reads 'raw', and there is none in calib"),
        ("", "raw", r"'isr' reads 'bias', and there is none in raw"),
        (
            "tract = 5",
            "in",
            r"'warp' has no candidates, because there is no tract where \(tract = 5\); the repository has 2",
        ),
        (
            "visit = 4 AND patch = 0 AND tract = 0",
            "in",
            r"'warp' has no candidates, because no data ID of .* is linked to its inputs where visit = 4",
        ),
    ],
)
def test_an_empty_graph_says_what_emptied_it(build, where, inputs, message):
    with pytest.raises(EmptyGraphError, match=message):
        build(where, inputs=inputs)


def test_a_misspelt_name_is_pointed_at(build):
    with pytest.raises(InvalidQueryError, match="did you mean"):
        build("tract = 0 AND vist = 3")


def test_an_input_that_takes_one_dataset_and_finds_several_is_refused(build):
    both = connection("frame", "input", "raw", FRAME)
    with pytest.raises(GraphError, match="takes one 'raw', but 4 quanta find more"):
        build(pipeline=graph_of(task("sum", ("exposure",), both, connection("out", "output", "total", ("exposure",)))))


def test_growth_beyond_the_limit_is_refused_with_the_link_that_brings_it(build):
    isr, calibrate, *_ = example().tasks
    srcs, model = (connection("srcs", "input", "src", IMAGE, multiple=True), ("model", ("instrument",)))
    fit = task("fit", ("instrument",), srcs, connection("model", "output", *model))
    calexps = connection("calexps", "input", "calexp", IMAGE, multiple=True)
    warp = task("warp", WARP, calexps, connection("model", "input", *model), connection("out", "output", "warp", WARP))
    pipeline = graph_of(isr, calibrate, fit, warp)
    where = "patch = 0 AND tract = 0"
    assert build(where, pipeline=pipeline).counts == {"isr": 8, "calibrate": 8, "fit": 1, "warp": 1}
    with pytest.raises(GraphError, match="fit pulls in 6 quanta of calibrate through `srcs`"):
        build(where, pipeline=pipeline, max_growth=1.5)


def test_quanta_that_would_write_the_same_dataset_are_refused(build):
    clash = task(
        "clash", FRAME, connection("raw", "input", "raw", FRAME), connection("out", "output", "one", ("exposure",))
    )
    with pytest.raises(GraphError, match="would write the same 'one'"):
        build(pipeline=graph_of(clash))


def test_universe_of_the_example_is_the_default(build):
    assert build().header.dimensions == {"namespace": UNIVERSE.namespace, "version": UNIVERSE.version}


def test_a_graph_that_was_read_can_be_written_again(build, tmp_path):
    built = build()
    built.write(tmp_path / "first.bqg")
    QuantumGraph.read(tmp_path / "first.bqg").write(tmp_path / "second.bqg")
    again = QuantumGraph.read(tmp_path / "second.bqg")
    assert list(again.quanta()) == list(built.quanta())
