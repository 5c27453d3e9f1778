"""Graphs in a storage service: written, read and run by address."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from repository import example, in_memory

from bunter.errors import GraphError
from bunter.graph import GraphFile, QuantumGraph, build_graph


@pytest.fixture(scope="module")
def graph():
    return build_graph(in_memory("graph-far"), example(), inputs="in", output_run="u/run")


def test_a_graph_is_written_to_a_service_and_read_back(graph, s3_place):
    address = f"{s3_place}/plans/plan.bqg"
    assert graph.write(address) > 0
    again = QuantumGraph.read(address)
    assert again.header == graph.header
    assert list(again.quanta()) == list(graph.quanta())
    assert GraphFile(address).quantum(3) == graph.quantum(3)


def test_a_graph_in_a_service_is_never_overwritten(graph, s3_place):
    graph.write(f"{s3_place}/plan.bqg")
    with pytest.raises(FileExistsError):
        graph.write(f"{s3_place}/plan.bqg")


def test_one_quantum_takes_one_request(graph, s3_place, monkeypatch):
    from bunter.datastore.obstore_bucket import ObstoreBucket

    graph.write(f"{s3_place}/plan.bqg")
    asked = []
    read = ObstoreBucket.read
    monkeypatch.setattr(ObstoreBucket, "read", lambda self, *args: asked.append(args) or read(self, *args))
    quantum = GraphFile(f"{s3_place}/plan.bqg").quantum(0)
    assert quantum.inputs["raw"]
    assert len(asked) == 1


@pytest.mark.parametrize("key", ["none.bqg", ""])
def test_a_graph_that_is_not_there_is_one_sentence(s3_place, key):
    with pytest.raises(GraphError, match=r"there is no graph file|names no graph file"):
        QuantumGraph.read(f"{s3_place}/{key}")
