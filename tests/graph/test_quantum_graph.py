"""Graphs as values and as files."""

from __future__ import annotations

import subprocess
import sys
import uuid
import zipfile

import numpy as np
import pytest

from bunter.errors import GraphError
from bunter.graph import DatasetPart, EdgePart, GraphFile, Header, QuantumGraph, predicted_id


def small_graph():
    """Two exposures of three detectors, then one sum per exposure."""
    exposures, detectors = [7, 7, 7, 9, 9, 9], [0, 1, 2, 0, 1, 2]
    frames = {"instrument": ["Cam"] * 6, "exposure": exposures, "detector": detectors}
    sums = {"instrument": ["Cam"] * 2, "exposure": [7, 9]}
    return QuantumGraph.from_parts(
        Header(output_run="u/me/run", inputs=("raw/all",)),
        tasks={"isr": frames, "sum": sums},
        datasets={
            "raw": DatasetPart(
                frames, "CCDData", ids=[uuid.UUID(int=i + 1).bytes for i in range(6)], runs=["a", "b"] * 3
            ),
            "post": DatasetPart(frames, "CCDData"),
            "total": DatasetPart(sums, "StructuredDataDict"),
            "isr_config": DatasetPart({}, "Config"),
        },
        edges=[
            EdgePart("isr", "raw", "input", "raw"),
            EdgePart("isr", "post", "output", "post"),
            EdgePart("isr", "config", "init_output", "isr_config"),
            EdgePart("sum", "posts", "input", "post", quanta=[1, 0, 0, 1, 0], datasets=[3, 1, 0, 5, 2], multiple=True),
            EdgePart("sum", "total", "output", "total"),
        ],
        pipeline={"tasks": ["isr", "sum"]},
    )


@pytest.fixture(params=["memory", "file"])
def graph(request, tmp_path):
    made = small_graph()
    if request.param == "memory":
        return made
    made.write(tmp_path / "graph.bqg")
    return QuantumGraph.read(tmp_path / "graph.bqg")


def test_quanta_are_numbered_over_the_tasks(graph):
    assert len(graph) == 8
    assert graph.counts == {"isr": 6, "sum": 2}
    assert [quantum.row for quantum in graph.quanta()] == list(range(8))
    assert graph.quantum(6).label == "sum"
    with pytest.raises(GraphError, match="0 to 7"):
        graph.quantum(8)


def test_a_quantum_knows_its_inputs_and_outputs(graph):
    quantum = graph.quantum(4)
    assert quantum.data_id == {"instrument": "Cam", "exposure": 9, "detector": 1}
    (raw,) = quantum.inputs["raw"]
    assert (raw.uuid.int, raw.run, raw.exists, raw.data_id["detector"]) == (5, "a", True, 1)
    (post,) = quantum.outputs["post"]
    assert (post.run, post.exists) == ("u/me/run", False)
    assert post.id == predicted_id(graph.header.base, post.row)
    assert post.uuid.version == 7


def test_a_gather_reads_the_datasets_of_its_edges_in_order(graph):
    posts = graph.quantum(6).inputs["posts"]
    assert [ref.data_id["detector"] for ref in posts] == [0, 1, 2]
    assert [ref.data_id["detector"] for ref in graph.quantum(7).inputs["posts"]] == [0, 2]


def test_edges_between_quanta_follow_the_datasets(graph):
    parents, children = graph.quantum_edges()
    assert list(zip(parents, children, strict=True)) == [(0, 6), (1, 6), (2, 6), (3, 7), (5, 7)]
    assert graph.consumers(5) == [7]
    assert graph.consumers(4) == []
    assert graph.parents(7) == [3, 5]


def test_predicted_ids_differ_and_ascend(graph):
    ids = [graph.ref(row).id for row in range(6, 15)]
    assert ids == sorted(set(ids))


def test_nonces_are_known_before_anything_runs(graph):
    post = graph.quantum(0).outputs["post"][0]
    assert graph.nonce(post) == graph.nonce(post)
    assert graph.nonce(post) != graph.nonce(post, attempt=1)


def test_what_constructs_a_task_is_apart(graph):
    made = graph.construction("isr")
    assert (made.row, made.data_id) == (-1, {})
    assert made.outputs["config"][0].dataset_type == "isr_config"
    assert "config" not in graph.quantum(0).outputs


def test_quanta_are_found_by_any_of_their_dimensions(graph):
    assert graph.find("isr", {"exposure": 9, "detector": 1}) == [4]
    assert graph.find("isr", {"exposure": 8}) == []
    with pytest.raises(GraphError, match="did you mean 'isr'"):
        graph.find("iss", {})


def test_a_path_that_is_taken_stays_as_it_is(tmp_path):
    path = tmp_path / "graph.bqg"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        small_graph().write(path)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_cut_short_is_refused_in_one_sentence(tmp_path):
    small_graph().write(tmp_path / "graph.bqg")
    content = (tmp_path / "graph.bqg").read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.bqg").write_bytes(content[:size])
        with pytest.raises(GraphError, match="not a whole graph file"):
            QuantumGraph.read(tmp_path / "cut.bqg")


def test_a_worker_reads_a_quantum_with_numpy_alone(tmp_path):
    small_graph().write(tmp_path / "graph.bqg")
    code = (
        "import sys; from bunter.graph import GraphFile; q = GraphFile(sys.argv[1]).quantum(7);"
        "heavy = {'pyarrow', 'sqlalchemy', 'astropy', 'pydantic', 'lsst'} & set(sys.modules); assert not heavy, heavy;"
        "print(q.label, len(q.inputs['posts']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "graph.bqg"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["sum", "2"]


def test_a_graph_file_has_the_same_quanta(tmp_path):
    made = small_graph()
    made.write(tmp_path / "graph.bqg")
    file = GraphFile(tmp_path / "graph.bqg")
    assert [file.quantum(row) for row in range(len(file))] == list(made.quanta())
    assert file.graph.pipeline == {"tasks": ["isr", "sum"]}
    assert np.array_equal(file.graph.tasks["isr"].keys.values("exposure"), [7, 7, 7, 9, 9, 9])


@pytest.mark.parametrize("limits", [{"ZIP64_LIMIT": 300}, {"ZIP64_LIMIT": 4000}, {"ZIP_FILECOUNT_LIMIT": 3}])
def test_files_beyond_the_limits_of_zip_are_read(tmp_path, monkeypatch, limits):
    made = small_graph()
    with monkeypatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(zipfile, name, limit)  # as if four gigabytes were as little
        made.write(tmp_path / "graph.bqg")
    assert list(QuantumGraph.read(tmp_path / "graph.bqg").quanta()) == list(made.quanta())


def test_equal_graphs_give_equal_bytes(tmp_path):
    header = Header(output_run="u/me/run")
    for name in ("one", "other"):
        made = QuantumGraph.from_parts(header, tasks={"a": {"visit": [2, 1]}}, datasets={}, edges=[])
        made.write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_graph_of_a_newer_version_says_what_to_do(tmp_path):
    small_graph().write(tmp_path / "graph.bqg")
    content = (tmp_path / "graph.bqg").read_bytes()
    (tmp_path / "new.bqg").write_bytes(content.replace(b'"version": 2', b'"version": 9'))
    with pytest.raises(GraphError, match=r"new\.bqg' has version 9; this Bunter reads up to 2: update it"):
        QuantumGraph.read(tmp_path / "new.bqg")
