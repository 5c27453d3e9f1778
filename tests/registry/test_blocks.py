"""Rows fetched in blocks are those fetched one by one."""

from __future__ import annotations

import random

import pytest

from bunter.database import Database
from bunter.dataset import CollectionType, DatasetColumns, DatasetSearch, DatasetType
from bunter.dataset.changes import (
    AddDatasets,
    Certify,
    InsertRecords,
    RegisterCollection,
    RegisterDatasetType,
    SetChain,
)
from bunter.dimensions import Records, Universe
from bunter.errors import ButlerError
from bunter.query import bind_query
from bunter.registry import Registry, block_reading, stream
from bunter.values import Timespan, new_ids

UNIVERSE = Universe.default()
KINDS = {
    "raw": DatasetType("raw", UNIVERSE.conform(["exposure", "detector"]), "Text"),
    "coadd": DatasetType("coadd", UNIVERSE.conform(["tract", "patch", "band"]), "Text"),
    "camera": DatasetType("camera", UNIVERSE.conform(["exposure"]), "Text"),
    "flat": DatasetType("flat", UNIVERSE.conform(["physical_filter", "detector"]), "Text", is_calibration=True),
    "bias": DatasetType("bias", UNIVERSE.conform(["detector"]), "Text", is_calibration=True),
    "curve": DatasetType("curve", UNIVERSE.conform(["physical_filter"]), "Text", is_calibration=True),
}
RUNS = ("r0", "r1", "r2")
CALIBRATED = ("joined", ("raw", "flat"), ("chain", "calib"), True, None)
EXPOSURES = 40
DETECTORS = (-3, 0, 1, 7, 2**60)
QUESTIONS = [
    ("datasets", ("raw",), RUNS, False, None),
    ("datasets", ("raw",), RUNS, True, None),
    ("datasets", ("raw",), ("chain",), True, None),
    ("datasets", ("raw",), ("r1",), True, None),
    ("datasets", ("raw",), ("chain",), True, "exposure > 7 AND exposure NOT IN (11, 13)"),
    ("datasets", ("raw",), ("chain",), True, "detector >= 0"),
    ("datasets", ("raw",), ("chain",), True, "physical_filter = 'g_A'"),
    ("datasets", ("raw",), ("chain",), True, "band = 'r' AND exposure > 9"),
    ("datasets", ("raw",), ("chain",), True, "NOT (exposure.exposure_time > 20) OR exposure.obs_id = 'o7'"),
    ("datasets", ("raw",), RUNS, False, "day_obs = 1 AND exposure.timespan.begin IS NULL"),
    ("datasets", ("raw",), ("chain",), True, "band = 'r' OR detector.full_name = 'D1'"),
    ("datasets", ("raw",), ("chain",), True, "raw.run = 'r1'"),
    ("datasets", ("raw",), ("chain",), True, "raw.run = 'r1' OR band = 'r'"),
    ("datasets", ("raw",), ("chain",), True, "exposure < 0"),
    ("datasets", ("raw",), ("nothing",), True, None),
    ("datasets", ("coadd",), ("chain",), True, None),
    ("datasets", ("coadd",), RUNS, False, "tract = 1"),
    ("datasets", ("camera",), ("chain",), True, None),
    ("datasets", ("flat",), ("chain",), True, None),
    ("datasets", ("flat",), ("calib",), False, None),
    CALIBRATED,
    ("joined", ("raw", "flat"), ("r0", "calib"), False, "exposure < 20"),
    ("joined", ("raw", "flat"), ("chain", "calib"), True, "exposure.exposure_time > 20"),
    ("joined", ("raw", "flat"), ("chain", "calib"), True, "flat.timespan OVERLAPS exposure.timespan AND band = 'g'"),
    ("joined", ("raw", "bias"), ("chain", "calib"), True, None),
    ("joined", ("raw", "curve"), ("chain", "calib"), True, None),
    ("joined", ("raw", "flat", "bias", "curve"), ("chain", "calib"), True, None),
    ("joined", ("raw", "flat"), ("chain", "calib", "other"), True, None),
    ("joined", ("raw", "flat"), ("chain",), True, None),
    ("joined", ("raw", "camera"), ("chain",), True, None),
]


def records(draw):
    spans = [(begin := 10 * n + draw.randint(0, 5), begin + draw.randint(1, 30)) for n in range(EXPOSURES)]
    yield "instrument", [{"name": "A"}]
    yield "physical_filter", [{"instrument": "A", "name": f"{band}_A", "band": band} for band in "gr"]
    yield "day_obs", [{"instrument": "A", "id": 1}]
    yield "group", [{"instrument": "A", "name": "one"}]
    yield "detector", [{"instrument": "A", "id": d, "full_name": f"D{d}"} for d in DETECTORS]
    common = {"instrument": "A", "day_obs": 1, "group": "one"}
    exposures = ({"id": n, "obs_id": f"o{n}", "physical_filter": draw.choice(("g_A", "r_A"))} for n in range(EXPOSURES))
    lasting = ({} if draw.random() < 0.2 else {"exposure_time": draw.choice((15.0, 30.0))} for _ in spans)
    timed = ({} if draw.random() < 0.1 else {"timespan": span} for span in spans)
    yield "exposure", [common | row | time | more for row, time, more in zip(exposures, timed, lasting, strict=True)]
    yield "skymap", [{"name": "s", "hash": b"1" * 20, "tract_max": 3, "patch_nx_max": 9, "patch_ny_max": 1}]
    yield "tract", [{"skymap": "s", "id": n} for n in range(3)]
    yield "patch", [{"skymap": "s", "tract": t, "id": n, "cell_x": n, "cell_y": 0} for t in range(3) for n in range(9)]


def every_key(name):
    return {
        "raw": [("A", n, d) for n in range(EXPOSURES) for d in DETECTORS],
        "coadd": [(b, "s", t, p) for b in "gr" for t in range(3) for p in range(9)],
        "camera": [("A", n) for n in range(EXPOSURES)],
        "flat": [("A", d, f) for d in DETECTORS for f in ("g_A", "r_A")],
        "bias": [("A", d) for d in DETECTORS],
        "curve": [("A", f) for f in ("g_A", "r_A")],
    }[name]


ORDER = {"raw": ("instrument", "exposure", "detector"), "flat": ("instrument", "detector", "physical_filter")}


def survey(seed):
    """A registry with random parts of everything in each run, and random validity ranges."""
    draw = random.Random(seed)
    database = Database.memory()
    registry = Registry.create(database, UNIVERSE)
    with database.write() as tx:
        for name, rows in records(draw):
            registry.apply(tx, InsertRecords(Records.from_rows(UNIVERSE[name], rows)))
        for name in (*RUNS, "nothing", *(f"made{n}" for n in range(3))):
            registry.apply(tx, RegisterCollection(name, CollectionType.RUN))
        for name in ("calib", "other"):
            registry.apply(tx, RegisterCollection(name, CollectionType.CALIBRATION))
        registry.apply(tx, RegisterCollection("chain", CollectionType.CHAINED))
        registry.apply(tx, SetChain("chain", tuple(draw.sample(RUNS, 3))))
        for kind in KINDS.values():
            registry.apply(tx, RegisterDatasetType(kind))
    for name, kind in KINDS.items():
        for run in RUNS if not kind.is_calibration else [f"made{n}" for n in range(3)]:
            share = draw.choice((0.0, 0.3, 0.9, 1.0))
            keys = [key for key in every_key(name) if draw.random() < share]
            ids = add(registry, kind, run, keys, draw)
            if ids and kind.is_calibration:
                certify(registry, ids, draw)
    return registry


def add(registry, kind, run, keys, draw):
    if not keys:
        return []
    draw.shuffle(keys)
    names = ORDER.get(kind.name, kind.dimensions.required)
    values = dict(zip(names, map(list, zip(*keys, strict=True)), strict=True))
    ids = new_ids(len(keys))
    with registry.database.write() as tx:
        registry.apply(tx, AddDatasets(DatasetColumns(kind, run, ids, values)))
    return list(ids)


def certify(registry, ids, draw):
    """Certify in ranges that other runs may have taken before, which is then refused for all."""
    for collection in ("calib", "calib", "calib", "other"):
        begin = draw.choice((None, 0, 60, 150, 200, 300))
        end = draw.choice((None, 60, 150, 200, 300, 390))
        if begin is not None and end is not None and begin >= end:
            continue
        some = [id_ for id_ in ids if draw.random() < 0.8]
        try:
            with registry.database.write() as tx:
                registry.apply(tx, Certify(collection, some, Timespan(begin, end)))
        except ButlerError:
            continue


def bound_question(kind, names, collections, find_first, where, **more):
    label = (
        KINDS[names[0]]
        if kind == "datasets"
        else UNIVERSE.conform({name for each in names for name in KINDS[each].dimensions.required})
    )
    return bind_query(
        universe=UNIVERSE,
        kind=kind,
        result=label,
        where=where,
        searches=[DatasetSearch(name, collections, find_first) for name in names],
        dataset_types=KINDS,
        defaults={"instrument": "A", "skymap": "s"},
        **more,
    )


def rows(registry, query):
    return sorted(map(repr, (row for batch in registry.execute(query).batches() for row in batch.to_pylist())))


@pytest.fixture
def taken(monkeypatch):
    """Blocks of any size are taken; counts how often."""
    for name, value in {"_LEAST_ROWS": 0, "_LEAST_IN_BLOCK": 0, "_ENOUGH": 1000}.items():
        monkeypatch.setattr(block_reading, name, value)
    found = []

    def counted(*asked):
        reading = block_reading.block_reading(*asked)
        found.append(reading is not None)
        return reading

    monkeypatch.setattr(stream, "block_reading", counted)
    return found


def by_row(monkeypatch, ask):
    with monkeypatch.context() as patch:
        patch.setattr(stream, "block_reading", lambda *_: None)
        return ask()


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_the_same_in_blocks_and_row_by_row(seed, taken, monkeypatch):
    registry = survey(seed)
    for number, question in enumerate(QUESTIONS):
        for more in ({}, {"with_records": True}):
            query = bound_question(*question, **more)
            wanted = by_row(monkeypatch, lambda query=query: rows(registry, query))
            assert rows(registry, query) == wanted, (number, question)
    assert sum(taken) >= len(taken) // 3, "most questions of this test are to be answered from blocks"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_batches_of_any_size_have_the_same_rows(size, taken, monkeypatch):
    from bunter.registry import blocks

    registry = survey(11)
    for question in (QUESTIONS[0], QUESTIONS[2], CALIBRATED):
        query = bound_question(*question)
        wanted = by_row(monkeypatch, lambda query=query: rows(registry, query))
        monkeypatch.setattr(blocks, "_BATCH_ROWS", size)
        monkeypatch.setattr(blocks, "_BATCH_BLOCKS", size)
        assert rows(registry, query) == wanted
    assert all(taken)


def test_a_question_that_is_sorted_or_cut_is_answered_row_by_row(taken):
    registry = survey(2)
    for more in ({"limit": 3}, {"order_by": ("-exposure",)}, {"offset": 2}):
        query = bound_question(*QUESTIONS[2], **more)
        list(registry.execute(query).batches())
    assert not any(taken)


def test_ids_of_any_bytes_come_back(taken, monkeypatch):
    registry = survey(3)
    kind = KINDS["raw"]
    odd = [
        bytes(16),
        b"\xff" * 16,
        b"\0" * 15 + b"\x01",
        b"a,b,c,d,e,f,g,h,",
        b"\xc3\x28\x00\xed\xa0\x80'\"\\%" + b"\0" * 6,
    ]
    values = {"instrument": ["A"] * 5, "exposure": [1] * 5, "detector": list(DETECTORS)}
    with registry.database.write() as tx:
        registry.apply(tx, RegisterCollection("odd", CollectionType.RUN))
        registry.apply(tx, AddDatasets(DatasetColumns(kind, "odd", odd, values)))
    query = bound_question("datasets", ("raw",), ("odd",), True, None)
    found = {row["detector"]: row["id"] for batch in registry.execute(query).batches() for row in batch.to_pylist()}
    assert taken == [True]
    assert found == dict(zip(DETECTORS, odd, strict=True))


def test_few_rows_and_blocks_of_one_row_or_of_very_many_are_read_row_by_row(taken, monkeypatch):
    registry = survey(1)
    query = bound_question(*QUESTIONS[0])
    for name, value in (("_LEAST_ROWS", 1000), ("_LEAST_IN_BLOCK", 6), ("_MOST_IN_BLOCK", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(block_reading, name, value)
            list(registry.execute(query).batches())
    assert not any(taken)
    list(registry.execute(query).batches())
    assert taken[-1]


def test_calibrations_that_are_too_many_to_keep_are_joined_in_the_database(taken, monkeypatch):
    registry = survey(4)
    query = bound_question(*CALIBRATED)
    monkeypatch.setattr(block_reading, "_MOST_ROWS", 0)
    wanted = rows(registry, query)
    monkeypatch.setattr(block_reading, "_MOST_ROWS", 500_000)
    assert rows(registry, query) == wanted
    assert taken == [False, True]
