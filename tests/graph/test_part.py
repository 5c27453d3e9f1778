"""Parts of graphs: the same quanta under the same numbers, and files of them."""

from __future__ import annotations

import lzma
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from survey_graph import known_of, survey_graph

from bunter.errors import GraphError
from bunter.graph import QuantumGraph, slices


@pytest.fixture(scope="module")
def graph():
    return survey_graph(exposures=6, detectors=5)


CHOSEN = (3, 17, 30, 31, 44, 62)


@pytest.fixture(params=["memory", "file", "part of a part"])
def part(request, graph, tmp_path):
    found = graph.part(CHOSEN)
    if request.param == "part of a part":
        return graph.part([*CHOSEN, 5, 50, 61]).part(CHOSEN)
    if request.param == "memory":
        return found
    found.write(tmp_path / "part.bqg")
    return QuantumGraph.read(tmp_path / "part.bqg")


def test_a_part_says_the_same_of_its_quanta(graph, part):
    assert (len(part), part.counts) == (len(CHOSEN), {"isr": 2, "measure": 3, "gather": 1})
    assert part.numbers.tolist() == sorted(CHOSEN)
    assert [known_of(quantum) for quantum in part.quanta()] == [known_of(graph.quantum(row)) for row in sorted(CHOSEN)]
    assert part.header == graph.header
    assert part.pipeline == graph.pipeline


def test_names_of_artifacts_and_datasets_are_those_of_the_whole(graph, part):
    (post,) = part.quantum(17).outputs["post"]
    assert part.nonce(post) == graph.nonce(post)
    assert part.ref(post.row) == graph.ref(post.row)


def test_a_part_knows_who_makes_what_it_reads(graph, part):
    assert {row: part.parents(row) for row in CHOSEN} == {row: graph.parents(row) for row in CHOSEN}
    assert part.consumers(17) == []


def test_quanta_are_found_in_a_part_by_number_and_by_values(graph, part):
    data_id = graph.quantum(31).data_id
    assert part.find("measure", data_id) == [31]
    assert part.find("measure", graph.quantum(32).data_id) == []
    with pytest.raises(GraphError, match="6 of 66 quanta, and not 32"):
        part.quantum(32)
    with pytest.raises(GraphError, match="0 to 65"):
        part.quantum(66)


def test_what_constructs_tasks_stays_in_a_part(graph, part):
    assert part.construction("isr").outputs == graph.construction("isr").outputs


def test_every_quantum_is_the_same_alone(graph):
    for quantum in graph.quanta():
        assert known_of(graph.part([quantum.row]).quantum(quantum.row)) == known_of(quantum)


def test_a_part_is_as_large_as_what_it_holds(tmp_path):
    graph = survey_graph(exposures=30, detectors=40)
    whole, part = graph.write(tmp_path / "whole"), graph.part(np.arange(10)).write(tmp_path / "part")
    assert part < whole / 10


def test_a_graph_of_version_1_is_read(tmp_path):
    (tmp_path / "old.bqg").write_bytes(lzma.decompress(Path(__file__).with_name("version-1.bqg.xz").read_bytes()))
    old, new = QuantumGraph.read(tmp_path / "old.bqg"), survey_graph(exposures=2, detectors=2, filters=2, pixels=5)
    for one, other in zip(old.quanta(), new.quanta(), strict=True):
        assert one.data_id == other.data_id
        for connection, refs in one.inputs.items():
            assert [ref.artifacts for ref in refs] == [ref.artifacts for ref in other.inputs[connection]]
    old.write(tmp_path / "new.bqg")
    again = QuantumGraph.read(tmp_path / "new.bqg")
    assert [known_of(quantum) for quantum in again.quanta()] == [known_of(quantum) for quantum in old.quanta()]


@pytest.mark.parametrize(
    "content",
    [b"no slice", zlib.compress(bytes(4))[:-3], zlib.compress(bytes(3 << 20), 9)],
    ids=["something else", "cut off", "too large"],
)
def test_a_damaged_slice_is_told_before_it_fills_the_memory(graph, content, monkeypatch):
    monkeypatch.setattr(slices, "_MOST", 1 << 20)
    with pytest.raises(GraphError, match="a slice of the graph for 'u/me/run' is damaged"):
        slices.read_slice(content, graph.header, None)
