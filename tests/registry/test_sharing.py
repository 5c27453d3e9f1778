"""Registries in files: seen by several readers and writers at once."""

from __future__ import annotations

import multiprocessing
import threading
import time

import pytest

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetSearch, DatasetType
from bunter.dataset.changes import AddDatasets, InsertRecords, RegisterCollection, RegisterDatasetType, SetChain
from bunter.dimensions import Records, Universe
from bunter.errors import ReadOnlyError
from bunter.geometry import Region
from bunter.query import bind_query
from bunter.registry import Registry
from bunter.values import Durability, new_ids

UNIVERSE = Universe.default()
PATCHES = DatasetType("coadd", UNIVERSE.conform(["patch"]), "Image")


def do(registry, *changes):
    with registry.database.write(durability=Durability.none) as tx:
        return [registry.apply(tx, change) for change in changes]


@pytest.fixture(params=["file", "server"])
def path(request, tmp_path):
    path = tmp_path / "r.sqlite3" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Database.create(path) as database:
        registry = Registry.create(database, UNIVERSE)
        patches = [
            {"skymap": "s", "tract": 0, "id": n, "cell_x": n, "cell_y": 0, "region": Region.box(n, 0, 1, 1)}
            for n in range(200)
        ]
        do(
            registry,
            InsertRecords(Records.from_rows(UNIVERSE["skymap"], [{"name": "s", "hash": b"x"}])),
            InsertRecords(Records.from_rows(UNIVERSE["tract"], [{"skymap": "s", "id": 0}])),
            InsertRecords(Records.from_rows(UNIVERSE["patch"], patches)),
            RegisterDatasetType(PATCHES),
            RegisterCollection("run", CollectionType.RUN),
        )
    return path


def columns(run, numbers):
    values = {"skymap": ["s"] * len(numbers), "tract": [0] * len(numbers), "patch": list(numbers)}
    return DatasetColumns(PATCHES, run, new_ids(len(numbers)), values)


def around(registry):
    """Ask for the coadds near a place, which needs a look at regions."""
    query = bind_query(
        universe=UNIVERSE,
        kind="datasets",
        result=PATCHES,
        where="skymap = 's' AND patch.region OVERLAPS CIRCLE(3, 0, 0.2)",
        searches=[DatasetSearch("coadd", ("run",))],
        dataset_types={"coadd": PATCHES},
    )
    return [row["patch"] for batch in registry.execute(query).batches() for row in batch.to_pylist()]


def test_a_reader_answers_all_questions_and_writes_nothing(path):
    with Database.open(path) as database:
        do(Registry.open(database), AddDatasets(columns("run", range(8))))
    with Database.open(path, read_only=True) as database:
        registry = Registry.open(database)
        assert around(registry) == [3]
        with database.read() as connection:
            rows = [("s", 0, n) for n in range(20)]
            assert sum(found is not None for found in registry.find(connection, PATCHES, rows, ("run",))) == 8
            assert registry.associations(connection, PATCHES, ("run",)).num_rows == 8
        with pytest.raises(ReadOnlyError):
            do(registry, RegisterCollection("other", CollectionType.RUN))


def test_what_others_commit_is_seen_at_the_next_look(path):
    with Database.open(path) as here, Database.open(path) as there:
        ours, theirs = Registry.open(here), Registry.open(there)
        with here.read() as connection:
            assert "new" not in ours.collections(connection)
            before = ours.generation
            do(theirs, RegisterCollection("new", CollectionType.CHAINED), SetChain("new", ("run",)))
            assert ours.collections(connection).flatten("new") == ("run",)
            assert ours.generation > before


def test_slow_rows_are_read_again_only_after_a_change_of_them(path):
    with Database.open(path) as database:
        registry = Registry.open(database)
        with database.read() as connection:
            first = registry.collections(connection)
            do(registry, AddDatasets(columns("run", range(3))))
            assert registry.collections(connection) is first


def test_a_look_up_is_two_statements(path):
    with Database.open(path) as database:
        registry = Registry.open(database)
        with database.read() as connection:
            registry.find(connection, PATCHES, [("s", 0, 1)], ("run",))
            before = database.statements
            registry.find(connection, PATCHES, [("s", 0, 2)], ("run",))
            assert database.statements - before == 2


def test_threads_read_and_write_together(path):
    with Database.open(path) as database:
        registry = Registry.open(database)
        failures = []

        def write(me):
            for n in range(10):
                do(
                    registry,
                    RegisterCollection(f"{me}/{n}", CollectionType.RUN),
                    AddDatasets(columns(f"{me}/{n}", [n])),
                )

        def read():
            try:
                while not stop.is_set():
                    around(registry)
                    with database.read() as connection:
                        registry.find(connection, PATCHES, [("s", 0, 1)], ("*/1",))
            except Exception as exc:  # noqa: BLE001 - told by the assertion below
                failures.append(exc)

        stop = threading.Event()
        readers = [threading.Thread(target=read) for _ in range(2)]
        writers = [threading.Thread(target=write, args=(f"w{me}",)) for me in range(3)]
        for thread in (*readers, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        assert failures == []
        with database.read() as connection:
            assert len(registry.members(connection, registry.collections(connection).match("w*"))) == 30


def _put(path, me, count, results):
    slowest = 0.0
    with Database.open(path) as database:
        registry = Registry.open(database)
        do(registry, RegisterCollection("shared", CollectionType.RUN))
        for n in range(count):
            begin = time.monotonic()
            do(registry, AddDatasets(columns("shared", [me * count + n])))
            slowest = max(slowest, time.monotonic() - begin)
    results.put(slowest)


def test_processes_put_into_one_run_without_errors_or_starvation(path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_put, args=(path, me, 40, results)) for me in range(4)]
    for worker in workers:
        worker.start()
    assert max(results.get(timeout=300) for _ in workers) < 2
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with Database.open(path) as database, database.read() as connection:
        assert len(Registry.open(database).members(connection, ["shared"])) == 160


def _race(path, barrier, results):
    with Database.open(path) as database:
        registry = Registry.open(database)
        wins = 0
        for n in range(20):
            barrier.wait()
            try:
                do(registry, AddDatasets(columns("run", [n])))
                wins += 1
            except ValueError:
                pass
    results.put(wins)


def test_of_several_who_put_the_same_dataset_one_wins(path):
    context = multiprocessing.get_context("fork")
    results, barrier = context.Queue(), context.Barrier(3)
    workers = [context.Process(target=_race, args=(path, barrier, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert sum(results.get(timeout=300) for _ in workers) == 20
    for worker in workers:
        worker.join()
