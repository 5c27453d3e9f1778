"""Results of any size: bounded memory, and nothing that stands in the way of others while somebody looks."""

from __future__ import annotations

import gc
import sqlite3
import tracemalloc

import pytest

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetSearch, DatasetType
from bunter.dataset.changes import AddDatasets, InsertRecords, RegisterCollection, RegisterDatasetType
from bunter.dimensions import Records, Universe
from bunter.query import bind_query
from bunter.registry import Registry
from bunter.values import new_ids

UNIVERSE = Universe.default()
KIND = DatasetType("raw", UNIVERSE.conform(["visit", "detector"]), "Text")
DETECTORS = 100


def filled(path, visits):
    database = Database.create(path)
    registry = Registry.create(database, UNIVERSE)
    records = {
        "instrument": [{"name": "A"}],
        "physical_filter": [{"instrument": "A", "name": "r_A", "band": "r"}],
        "day_obs": [{"instrument": "A", "id": 1}],
        "detector": [{"instrument": "A", "id": d, "full_name": f"D{d}"} for d in range(DETECTORS)],
        "visit": [
            {"instrument": "A", "id": n, "name": f"v{n}", "physical_filter": "r_A", "day_obs": 1} for n in range(visits)
        ],
    }
    with database.write() as tx:
        for name, rows in records.items():
            registry.apply(tx, InsertRecords(Records.from_rows(UNIVERSE[name], rows)))
        registry.apply(tx, RegisterCollection("run", CollectionType.RUN))
        registry.apply(tx, RegisterDatasetType(KIND))
    for begin in range(0, visits, 1000):
        some = range(begin, min(visits, begin + 1000))
        count = len(some) * DETECTORS
        values = {
            "instrument": ["A"] * count,
            "visit": [n for n in some for _ in range(DETECTORS)],
            "detector": list(range(DETECTORS)) * len(some),
        }
        with database.write() as tx:
            registry.apply(tx, AddDatasets(DatasetColumns(KIND, "run", new_ids(count), values)))
    return registry


def question(**more):
    search = DatasetSearch("raw", ("run",))
    return bind_query(
        universe=UNIVERSE, kind="datasets", result=KIND, searches=[search], dataset_types={"raw": KIND}, **more
    )


def test_an_open_result_holds_up_neither_writers_nor_checkpoints(tmp_path):
    registry = filled(tmp_path / "r.sqlite3", 1200)
    batches = registry.execute(question()).batches()
    seen = next(batches).num_rows
    with registry.database.write() as tx:
        registry.apply(tx, RegisterCollection("later", CollectionType.RUN))
    other = sqlite3.connect(tmp_path / "r.sqlite3", timeout=0)
    busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    other.execute("BEGIN EXCLUSIVE")
    other.execute("ROLLBACK")
    other.close()
    assert seen + sum(batch.num_rows for batch in batches) == 1200 * DETECTORS


def peak_of_a_result(registry, **more):
    gc.collect()
    tracemalloc.start()
    rows = sum(batch.num_rows for batch in registry.execute(question(**more)).batches())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return rows, peak


@pytest.fixture(params=["file", "server"])
def place(request, tmp_path):
    return tmp_path / "r.sqlite3" if request.param == "file" else request.getfixturevalue("postgres_url")


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"order_by": ["-visit", "detector"]}, {"with_records": True}], ids=str)
def test_memory_does_not_grow_with_the_result(place, monkeypatch, more):
    from bunter.registry import stream

    monkeypatch.setattr(stream, "_IN_MEMORY_BYTES", 1 << 20)
    registry = filled(place, 3000)
    few, small = peak_of_a_result(registry, where="visit < 1000 AND instrument = 'A'", **more)
    many, large = peak_of_a_result(registry, **more)
    assert (few, many) == (1000 * DETECTORS, 3000 * DETECTORS)
    assert large < 1.3 * small + 4e6


@pytest.mark.slow
def test_a_million_rows_take_little_memory(place):
    import resource

    import pyarrow as pa

    registry = filled(place, 10_000)
    list(registry.execute(question(where="visit < 400 AND instrument = 'A'")).batches())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows, peak = peak_of_a_result(registry)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert rows == 1_000_000
    assert peak < 60e6
    assert grown < 250e6
    assert pa.total_allocated_bytes() < 100e6
