"""Graphs in a storage service: written, read and run by address."""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from repository import example, in_memory
from survey_graph import known_of, survey_graph

from bunter.errors import GraphError
from bunter.graph import GraphFile, QuantumGraph, build_graph

OLD = Path(__file__).with_name("version-1.bqg.xz")


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


@pytest.fixture
def asked(monkeypatch):
    """Ranges that are read of a graph in a service."""
    from bunter.datastore.obstore_bucket import ObstoreBucket

    ranges = []
    read = ObstoreBucket.read

    def seen(self, key, wanted=None):
        found = read(self, key, wanted)
        ranges.extend(len(content) for content in found)
        return found

    monkeypatch.setattr(ObstoreBucket, "read", seen)
    return ranges


def test_one_quantum_of_a_small_graph_takes_one_read(graph, s3_place, asked):
    graph.write(f"{s3_place}/plan.bqg")
    quantum = GraphFile(f"{s3_place}/plan.bqg").quantum(0)
    assert quantum.inputs["raw"]
    assert len(asked) == 1


def test_one_quantum_of_a_large_graph_takes_six_reads_and_little_of_it(s3_place, asked):
    large = survey_graph(exposures=300)
    size = large.write(f"{s3_place}/plan.bqg")
    assert size > 2**21
    for row in (0, 4321, 11_999, 12_000, 20_000, 24_100):
        asked.clear()
        found = GraphFile(f"{s3_place}/plan.bqg").quantum(row)
        assert known_of(found) == known_of(large.quantum(row))
        assert len(asked) <= 6
        assert sum(asked) <= 256_000


def test_quanta_of_one_slice_share_its_read(s3_place, asked):
    large = survey_graph(exposures=100)
    large.write(f"{s3_place}/plan.bqg")
    file = GraphFile(f"{s3_place}/plan.bqg")
    assert (len(file), file.header) == (len(large), large.header)
    for row in range(4000, 4100):
        assert known_of(file.quantum(row)) == known_of(large.quantum(row))
    assert len(asked) < 10
    with pytest.raises(GraphError, match="has quanta 0 to 8099"):
        file.quantum(8100)


def test_a_worker_far_away_imports_neither_tables_nor_a_database(s3_place):
    survey_graph(exposures=20).write(f"{s3_place}/plan.bqg")
    code = (
        "import sys; from bunter.graph import GraphFile; q = GraphFile(sys.argv[1]).quantum(7);"
        "heavy = {'pyarrow', 'sqlalchemy', 'astropy', 'lsst'} & set(sys.modules); assert not heavy, heavy;"
        "print(len(q.inputs['raw'][0].artifacts))"
    )
    command = [sys.executable, "-c", code, f"{s3_place}/plan.bqg"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def test_a_part_of_a_graph_and_an_old_file_are_read_whole(s3_place):
    from bunter.datastore.bucket import Upload
    from bunter.datastore.services import open_bucket

    large = survey_graph(exposures=3, detectors=4)
    large.part([4, 9]).write(f"{s3_place}/part.bqg")
    assert known_of(GraphFile(f"{s3_place}/part.bqg").quantum(9)) == known_of(large.quantum(9))
    old = lzma.decompress(OLD.read_bytes())
    open_bucket(s3_place).write_many([Upload("old.bqg", old, len(old))])
    assert GraphFile(f"{s3_place}/old.bqg").quantum(0).label == "isr"


def test_a_graph_of_a_newer_version_says_what_to_do(s3_place, tmp_path):
    from bunter.datastore.bucket import Upload
    from bunter.datastore.services import open_bucket

    survey_graph(exposures=3, detectors=4).write(tmp_path / "plan.bqg")
    content = (tmp_path / "plan.bqg").read_bytes().replace(b'"version": 2', b'"version": 9')
    open_bucket(s3_place).write_many([Upload("new.bqg", content, len(content))])
    with pytest.raises(GraphError, match=r"new\.bqg' has version 9; this Bunter reads up to 2: update it"):
        GraphFile(f"{s3_place}/new.bqg")


def test_a_file_that_is_no_graph_is_one_sentence(s3_place):
    from bunter.datastore.bucket import Upload
    from bunter.datastore.services import open_bucket

    for number, content in enumerate((b"", b"x" * 99, b"PK\3\4", b"PK\3\4" + bytes(99))):
        open_bucket(s3_place).write_many([Upload(f"{number}.bqg", content, len(content))])
        with pytest.raises(GraphError, match=r"is not a whole graph file|is no quantum graph"):
            GraphFile(f"{s3_place}/{number}.bqg")


@pytest.mark.parametrize("key", ["none.bqg", ""])
def test_a_graph_that_is_not_there_is_one_sentence(s3_place, key):
    with pytest.raises(GraphError, match=r"there is no graph file|names no graph file"):
        QuantumGraph.read(f"{s3_place}/{key}")
    with pytest.raises(GraphError, match=r"there is no graph file|names no graph file"):
        GraphFile(f"{s3_place}/{key}")
