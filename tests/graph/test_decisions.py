"""What operators decide: data that are not used, data that are used instead of others; the graph records it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from repository import example, in_memory

from bunter.errors import GraphError, PipelineError
from bunter.graph import Decision, QuantumGraph, build_graph, read_decisions


@pytest.fixture(scope="module")
def butler():
    return in_memory("graph-decisions")


@pytest.fixture
def build(butler):
    def built(*decisions, **options):
        options = {"inputs": "in", "output_run": "u/run", "decisions": decisions, **options}
        return build_graph(butler, example(), **options)

    return built


def frames(graph, label="isr"):
    keys = ("exposure", "detector") if label == "isr" else ("visit", "detector")
    return {tuple(q.data_id[k] for k in keys) for q in graph.quanta(label)}


def veto(subject, where):
    return Decision(subject, where, "satellite", "ann")


def test_a_vetoed_dataset_does_not_exist(build):
    graph = build(veto("raw", "exposure = 2 AND detector = 1"))
    assert (2, 1) not in frames(graph)
    assert len(frames(graph)) == 7
    assert graph.header.decisions[0]["hits"] == 1
    gather = next(q for q in graph.quanta("gather") if q.data_id["visit"] == 2)
    assert [len(refs) for refs in gather.inputs.values()] == [1]


def test_a_vetoed_quantum_says_who_vetoed_it_and_why(build):
    graph = build(veto("calibrate", "visit = 3"))
    assert {visit for visit, _ in frames(graph, "calibrate")} == {1, 2, 4}
    assert "vetoed by ann: satellite" in graph.why("calibrate", {"visit": 3})


def test_what_the_graph_makes_may_be_vetoed_for_its_readers(build):
    made = build(veto(calexp(), "visit = 2 AND detector = 0"))
    assert (2, 0) in frames(made, "calibrate")
    gather = next(q for q in made.quanta("gather") if q.data_id["visit"] == 2)
    assert [ref.data_id["detector"] for refs in gather.inputs.values() for ref in refs] == [1]


def calexp():
    gather = example()["gather"]
    return gather.inputs[0].dataset_type


def test_a_vetoed_calibration_is_not_found(build):
    graph = build(veto("bias", "detector = 1"))
    assert {detector for _, detector in frames(graph)} == {0}


def test_an_override_takes_a_calibration_from_elsewhere(build):
    usual = build()
    other = build(Decision("flat", "exposure = 4", "the new ones are bad", "ann", use="calib/old"))
    assert frames(usual) == frames(other)
    assert flats(usual)[4] == {"calib/new"}
    assert flats(other) == flats(usual) | {4: {"calib/old"}}
    assert other.header.decisions[0] == {
        "use": "calib/old", "for": "flat", "where": "exposure = 4", "reason": "the new ones are bad", "author": "ann",
        "hits": 2,
    }  # fmt: skip


def test_why_says_what_was_decided(build, butler):
    from bunter.graph.decided import overrides_of

    override = Decision("flat", "exposure = 4 AND detector = 0", "haze", "bob", use="calib/old")
    graph = build(veto("raw", "exposure = 2"), override)
    text = graph.why("isr", {"exposure": 2, "detector": 0})
    assert "never a candidate" in text
    assert "decided: no raw is used where exposure = 2: satellite (ann); applied 2 times" in text
    assert "flat is taken from calib/old where exposure = 4 AND detector = 0: haze (bob)" in text
    assert "decided" not in graph.why("coadd", {})
    told = {
        (q.data_id["exposure"], q.data_id["detector"]): [
            one["author"] for one in overrides_of(graph, q.row, butler.universe)
        ]
        for q in graph.quanta("isr")
    }
    assert {key for key, authors in told.items() if authors == ["bob"]} == {(4, 0)}


def flats(graph):
    found = {}
    for quantum in graph.quanta("isr"):
        runs = {ref.run for ref in quantum.inputs["flat"]}
        found.setdefault(quantum.data_id["exposure"], set()).update(runs)
    return found


def test_an_override_that_has_no_such_dataset_leaves_the_quantum_out(build, butler):
    butler.collections.register("nothing")
    graph = build(Decision("flat", "exposure = 4", "none", "ann", use="nothing"))
    assert {exposure for exposure, _ in frames(graph)} == {1, 2, 3}


def test_decisions_are_kept_in_the_file(build, tmp_path):
    graph = build(veto("raw", "exposure = 2"))
    graph.write(tmp_path / "plan.bqg")
    assert QuantumGraph.read(tmp_path / "plan.bqg").header.decisions == graph.header.decisions


def test_a_file_of_decisions(tmp_path):
    path = tmp_path / "decisions.yaml"
    path.write_text(
        "- veto: raw\n  where: exposure = 2\n  reason: trail\n  author: ann\n"
        "- use: calib/old\n  for: flat\n  where: exposure = 4\n  reason: haze\n  author: bob\n"
    )
    first, second = read_decisions(path)
    assert first == Decision("raw", "exposure = 2", "trail", "ann")
    assert second == Decision("flat", "exposure = 4", "haze", "bob", use="calib/old")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- veto: raw\n  where: exposure = 2\n  reason: trail\n", "has no 'author'"),
        ("- veto: raw\n  were: exposure = 2\n  reason: r\n  author: a\n", "does not know 'were'"),
        ("veto: raw\n", "must be a list"),
        ("- raw\n", "must be a mapping"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "decisions.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError, match=said) as error:
        read_decisions(path)
    assert "decisions.yaml:1" in str(error.value)


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (veto("rawr", "exposure = 2"), "did you mean 'raw'"),
        (veto("raw", "tract = 2"), "which it does not have"),
        (veto("raw", ""), "empty condition"),
        (Decision("isr", "exposure = 2", "r", "a", use="calib/old"), "does not have"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(build, decision, said):
    with pytest.raises(GraphError, match=said):
        build(decision)
