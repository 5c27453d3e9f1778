"""Validity ranges certified by several processes at once never overlap: the check and the rows are under one write lock."""

from __future__ import annotations

import multiprocessing
import random
from itertools import pairwise

import pytest

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetType
from bunter.dataset.changes import (
    AddDatasets,
    Certify,
    Decertify,
    InsertRecords,
    RegisterCollection,
    RegisterDatasetType,
)
from bunter.dimensions import Records, Universe
from bunter.errors import ConflictingDefinitionError
from bunter.registry import Registry
from bunter.values import Durability, Timespan, new_ids

UNIVERSE = Universe.default()
BIAS = DatasetType("bias", UNIVERSE.conform(["detector"]), "CCDData", is_calibration=True)
DETECTORS, WORKERS, ROUNDS = 3, 4, 25


def do(registry, *changes):
    with registry.database.write(durability=Durability.none) as tx:
        return [registry.apply(tx, change) for change in changes]


@pytest.fixture(params=["file", "server"])
def place(request, tmp_path):
    place = tmp_path / "r.sqlite3" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Database.create(place) as database:
        detectors = [{"instrument": "C", "id": n, "full_name": f"d{n}"} for n in range(DETECTORS)]
        do(
            Registry.create(database, UNIVERSE),
            InsertRecords(Records.from_rows(UNIVERSE["instrument"], [{"name": "C"}])),
            InsertRecords(Records.from_rows(UNIVERSE["detector"], detectors)),
            RegisterDatasetType(BIAS),
            RegisterCollection("calib", CollectionType.CALIBRATION),
            *(RegisterCollection(f"run{n}", CollectionType.RUN) for n in range(WORKERS)),
        )
    return place


def _certify(place, me, barrier, results):
    draw = random.Random(me)
    won = 0
    with Database.open(place) as database:
        registry = Registry.open(database)
        ids = new_ids(DETECTORS)
        values = {"instrument": ["C"] * DETECTORS, "detector": list(range(DETECTORS))}
        do(registry, AddDatasets(DatasetColumns(BIAS, f"run{me}", ids, values)))
        for n in range(ROUNDS):
            barrier.wait(120)
            begin = 20 * n + draw.randrange(15)
            span = Timespan(begin, begin + draw.randrange(1, 30))
            try:
                do(registry, Certify("calib", ids, span))
                won += 1
            except ConflictingDefinitionError:
                if draw.random() < 0.3:
                    do(registry, Decertify("calib", "bias", span))
    results.put(won)


def test_ranges_certified_at_once_do_not_overlap(place):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(WORKERS), context.Queue()
    workers = [context.Process(target=_certify, args=(place, me, barrier, results)) for me in range(WORKERS)]
    for worker in workers:
        worker.start()
    won = sum(results.get(timeout=300) for _ in workers)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert won > ROUNDS / 2
    with Database.open(place, read_only=True) as database, database.read() as connection:
        registry = Registry.open(database)
        layout = registry.roster(connection).type_row("bias").layout
        sql = f"SELECT detector, timespan_begin, timespan_end FROM {layout.calibrations} WHERE retired = {2**63 - 1}"
        rows = sorted(connection.fetchall(sql))
    assert rows
    for (detector, _, end), (other, begin, _) in pairwise(rows):
        assert detector != other or end <= begin
