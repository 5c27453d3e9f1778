"""The contract of dimension records over every implementation."""

import multiprocessing
import uuid

import pytest

from bunter import Butler
from bunter.contracts.dimension_records import DimensionRecordsContract


class TestDirectRepository(DimensionRecordsContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemoryRepository(DimensionRecordsContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


def _register(root, done):
    with Butler(root, writeable=True) as butler:
        with butler.transaction():
            butler.dimension_records.sync("instrument", {"name": "Cam", "visit_max": 5})
            rows = {"instrument": "Cam", "id": list(range(500)), "full_name": [f"D{n}" for n in range(500)]}
            butler.dimension_records.sync("detector", rows)
        rafts = {**rows, "id": list(range(500, 600)), "full_name": [f"E{n}" for n in range(100)], "raft": "R1"}
        butler.dimension_records.sync("detector", rafts, update=True)
    done.put(True)


def test_processes_that_register_the_same_records_at_once_all_succeed(tmp_path):
    Butler.create(tmp_path / "repo").close()
    spawn = multiprocessing.get_context("fork")
    done = spawn.Queue()
    workers = [spawn.Process(target=_register, args=(tmp_path / "repo", done)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(400)
    assert [worker.exitcode for worker in workers] == [0] * 4
    with Butler(tmp_path / "repo") as butler:
        found = list(butler.query_dimension_records("detector"))
    assert len(found) == 600
    assert {each.raft for each in found} == {None, "R1"}
