from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.errors import InvalidQueryError

_spec = importlib.util.spec_from_file_location("survey", Path(__file__).with_name("survey.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

SEEDS = range(4)


@cache
def survey(seed):
    return _module.Survey(seed)


RAW = ("raw", ("chain",))
QUESTIONS = [
    ("data_ids", ("exposure",), None, ()),
    ("data_ids", ("exposure", "detector"), "exposure.exposure_time > 20 OR detector.purpose = 'SCIENCE'", ()),
    ("data_ids", ("exposure",), "NOT (exposure.exposure_time > 20)", ()),
    ("data_ids", ("exposure",), "exposure.target_name LIKE 'm3_' OR exposure.target_name LIKE '50\\%\\_a'", ()),
    ("data_ids", ("exposure",), "GLOB(exposure.target_name, 'M*') OR exposure.seq_num IS NULL", ()),
    ("data_ids", ("exposure",), "exposure IN (0..4:2, 3) AND band = 'r'", ()),
    ("data_ids", ("exposure",), "exposure.seq_num + 1 > 2 AND exposure.seq_num % 2 = 0", ()),
    ("data_ids", ("exposure",), "exposure.can_see_sky OR exposure.exposure_time / 2 < 10", ()),
    ("data_ids", ("exposure",), "NOT exposure.can_see_sky", ()),
    ("data_ids", ("exposure", "visit"), None, ()),
    ("data_ids", ("exposure", "visit", "visit_system"), "instrument IN ('A', 'B')", ()),
    ("data_ids", ("visit",), "exposure > 0", ()),
    ("data_ids", ("visit", "detector"), "visit.region OVERLAPS CIRCLE(12, 0, 1)", ()),
    ("data_ids", ("visit", "detector"), "visit_detector_region.region OVERLAPS CIRCLE(12, 0, 0.6)", ()),
    ("data_ids", ("visit", "detector"), "NOT (visit_detector_region.region OVERLAPS CIRCLE(12, 0, 0.6))", ()),
    ("data_ids", ("visit", "detector"), "visit_detector_region.region OVERLAPS CIRCLE(12, 0, 0.6) OR detector = 0", ()),
    ("data_ids", ("visit", "tract"), None, ()),
    ("data_ids", ("visit", "detector", "tract", "patch"), None, ()),
    ("data_ids", ("visit", "detector", "tract", "patch"), "visit < 3 AND patch = 1 AND tract > 0", ()),
    ("data_ids", ("visit", "detector", "patch"), "NOT (visit_detector_region.region OVERLAPS patch.region)", ()),
    ("data_ids", ("visit", "detector"), "tract = 1 AND patch = 0", ()),
    ("data_ids", ("visit", "htm7"), None, (("refcat", ("r0",)),)),
    ("data_ids", ("visit", "detector", "htm7"), "visit < 2", (("refcat", ("r0", "r1")),)),
    ("data_ids", ("band",), None, ()),
    ("data_ids", ("physical_filter",), "band = 'g'", ()),
    ("data_ids", ("instrument", "band"), None, ()),
    (
        "data_ids",
        ("exposure", "detector"),
        "exposure.timespan OVERLAPS (T'1970-01-01T00:00:00/tai', T'1970-01-01T00:00:00.00000005/tai')",
        (),
    ),
    ("data_ids", ("exposure",), "exposure.timespan.begin IS NULL", ()),
    ("data_ids", ("exposure", "detector"), "band = 'r'", (RAW,)),
    ("data_ids", ("exposure",), None, (RAW,)),
    ("data_ids", ("detector",), "raw.run = 'r0'", (RAW,)),
    ("datasets", "raw", None, (("raw", ("r0",)),)),
    ("datasets", "raw", None, (RAW,)),
    ("datasets", "raw", None, (("raw", ("r0", "r1", "r2"), False),)),
    ("datasets", "raw", None, (("raw", ("chain",), False),)),
    ("datasets", "raw", "exposure.exposure_time = 30 AND detector < 2", (RAW,)),
    ("datasets", "raw", "instrument = 'A' AND exposure = 1", (RAW,)),
    ("datasets", "raw", "raw.run = 'r0' OR raw.collection = 'tag'", (RAW,)),
    ("datasets", "raw", "visit.region OVERLAPS CIRCLE(12, 0, 1)", (RAW,)),
    ("datasets", "calexp", "tract = 1", (("calexp", ("chain",)),)),
    ("datasets", "calexp", "patch = 1 AND tract IN (0, 2)", (("calexp", ("r0", "r1")),)),
    ("datasets", "coadd", "visit = 1", (("coadd", ("chain",)),)),
    ("datasets", "coadd", "band = 'r' AND patch.region OVERLAPS POINT(12.2, 0.1)", (("coadd", ("chain",)),)),
    ("datasets", "refcat", "htm7.region OVERLAPS CIRCLE(12, 0, 0.5)", (("refcat", ("chain",)),)),
    ("datasets", "camera", None, (("camera", ("chain",)),)),
    ("datasets", "flat", None, (("flat", ("r0", "r1")),)),
    ("datasets", "flat", None, (("flat", ("cal0",)),)),
    ("datasets", "flat", "exposure = 1 AND instrument = 'A'", (("flat", ("calibs",)),)),
    ("joined", ("exposure", "detector"), None, (RAW, ("flat", ("cal0",)))),
    ("joined", ("exposure", "detector"), None, (RAW, ("flat", ("calibs",)))),
    ("joined", ("exposure", "detector"), "instrument = 'A'", (("raw", ("r0", "r1")), ("flat", ("cal1", "cal0")))),
    ("joined", ("exposure", "visit", "detector"), None, (RAW, ("calexp", ("chain",)))),
    ("joined", ("exposure", "detector"), None, (RAW, ("camera", ("r1", "r0")))),
    ("records", "exposure", "exposure.group = 'g1'", ()),
    ("records", "visit_detector_region", "visit < 3", ()),
    ("records", "band", None, ()),
    ("records", "visit_system_membership", None, ()),
    ("records", "patch", "visit = 1", ()),
    ("records", "day_obs", "day_obs.timespan.begin >= T'1970-01-01T00:00:00/tai'", ()),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=[f"{q[0]}-{q[1]}-{q[2]}" for q in QUESTIONS])
def test_queries_answer_what_brute_force_finds(question):
    found = 0
    for seed in SEEDS:
        here = survey(seed)
        query = here.query(*question)
        rows = here.rows(query)
        assert len(rows) == len(set(rows))
        assert set(rows) == here.answer(query)
        stream = here.registry.execute(query)
        assert stream.count() == len(rows)
        assert stream.any() == bool(rows)
        found += len(rows)
    assert found, "a question without any answer tests little"


OBSERVED = [
    "exposure.exposure_time > 20",
    "exposure.exposure_time != 15.0",
    "exposure.seq_num < 2",
    "exposure.seq_num IN (0..3:2)",
    "exposure.target_name = 'M31'",
    "GLOB(exposure.target_name, '[!m]*')",
    "exposure.can_see_sky",
    "detector.purpose LIKE 'SCI%'",
    "detector IN (1, 2)",
    "band = 'r'",
    "instrument = 'B'",
    "exposure.timespan OVERLAPS (T'1970-01-01T00:00:00/tai', T'1970-01-01T00:00:00.00000005/tai')",
    "exposure.timespan.begin > T'1970-01-01T00:00:00.00000003/tai'",
    "exposure.timespan IS NULL",
    "day_obs.timespan OVERLAPS exposure.timespan",
    "raw.run = 'r0'",
    "raw.collection != 'tag'",
]
ON_THE_SKY = [
    "visit.region OVERLAPS CIRCLE(12, 0, 1)",
    "visit_detector_region.region OVERLAPS BOX(12, 0, 1, 3)",
    "visit_detector_region.region OVERLAPS patch.region",
    "visit.region OVERLAPS tract.region",
    "patch.region OVERLAPS POINT(12.3, 0.1)",
    "visit_detector_region.region IS NULL",
    "visit.seq_num > 1",
    "tract IN (0, 1)",
    "detector = 0",
    "instrument = 'A'",
]


def conditions(leaves):
    def joined(terms):
        return st.tuples(st.lists(terms, min_size=2, max_size=3), st.sampled_from([" AND ", " OR "])).map(
            lambda pair: f"({pair[1].join(pair[0])})"
        )

    return st.recursive(
        st.sampled_from(leaves), lambda terms: joined(terms) | terms.map(lambda term: f"(NOT {term})"), max_leaves=5
    )


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SEEDS), conditions(OBSERVED))
def test_any_condition_keeps_the_datasets_that_brute_force_keeps(seed, where):
    here = survey(seed)
    query = here.query("datasets", "raw", f"instrument IN ('A', 'B') AND {where}", (RAW,))
    assert sorted(here.rows(query)) == sorted(here.answer(query))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SEEDS), conditions(ON_THE_SKY))
def test_any_condition_on_regions_keeps_the_data_ids_that_brute_force_keeps(seed, where):
    here = survey(seed)
    query = here.query("data_ids", ("visit", "detector", "tract", "patch"), f"instrument IN ('A', 'B') AND {where}")
    rows = here.rows(query)
    assert len(rows) == here.registry.execute(query).count()
    assert sorted(rows) == sorted(here.answer(query))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("order", "key"),
    [
        (["exposure", "detector"], lambda row: (row["exposure"], row["detector"])),
        (["-exposure", "-detector"], lambda row: (-row["exposure"], -row["detector"])),
        (["physical_filter", "-exposure", "detector"], lambda r: (r["physical_filter"], -r["exposure"], r["detector"])),
    ],
)
def test_rows_are_sorted_and_cut_as_asked(seed, order, key):
    here = survey(seed)

    def rows(where, **more):
        query = here.query("datasets", "raw", where, (RAW,), order_by=order, **more)
        stream = here.registry.execute(query)
        found = [row for batch in stream.batches() for row in batch.to_pylist()]
        assert stream.count() == len(found)
        return found

    for where in ("instrument = 'A'", "instrument = 'A' AND visit.seq_num > 0"):  # the second asks for distinct rows
        whole = rows(where)
        assert [key(row) for row in whole] == sorted(key(row) for row in whole)
        assert rows(where, limit=3) == whole[:3]
        assert rows(where, limit=2, offset=1) == whole[1:3]
        assert rows(where, offset=2) == whole[2:]
        assert rows(where, limit=0) == []


def test_nulls_come_last_in_either_direction():
    here = survey(0)
    for order in (["exposure.exposure_time"], ["-exposure.exposure_time"]):
        query = here.query("records", "exposure", "instrument IN ('A', 'B')", order_by=order)
        times = [row["exposure_time"] for batch in here.registry.execute(query).batches() for row in batch.to_pylist()]
        known = [time for time in times if time is not None]
        assert times == known + [None] * (len(times) - len(known))
        assert known == sorted(known, reverse=order[0].startswith("-"))


def test_data_ids_can_be_given_as_a_table():
    here = survey(0)
    everything = here.rows(here.query("data_ids", ("exposure", "detector")))
    table = {"instrument": ["A", "A", "B", "A"], "exposure": [0, 1, 0, 0]}
    rows = here.rows(here.query("data_ids", ("exposure", "detector"), data_id_table=table))
    wanted = set(zip(table["instrument"], table["exposure"], strict=True))
    assert sorted(rows) == sorted(row for row in everything if (row[0], row[2]) in wanted)


def test_long_lists_and_deep_alternatives_are_no_trouble():
    here = survey(0)
    numbers = list(range(100_000))
    everything = here.rows(here.query("data_ids", ("exposure",), "instrument = 'A'"))
    query = here.query(
        "data_ids", ("exposure",), "instrument = 'A' AND exposure IN (numbers)", binds={"numbers": numbers}
    )
    assert here.rows(query) == everything
    where = " OR ".join(f"(exposure = {n} AND seq_num < {n})" for n in range(2000))
    query = here.query("data_ids", ("exposure",), f"instrument = 'A' AND ({where})")
    assert here.rows(query) == here.rows(
        here.query("data_ids", ("exposure",), "instrument = 'A' AND seq_num < exposure")
    )


def test_datasets_are_selected_by_their_ids():
    here = survey(0)
    rows = here.rows(here.query("datasets", "raw", None, (RAW,)))
    from uuid import UUID

    for wanted in (rows[:3], rows * 50):
        ids = [UUID(bytes=row[0]) for row in wanted] + [UUID(int=n) for n in range(100)]
        query = here.query("datasets", "raw", "raw.dataset_id IN (ids)", (RAW,), binds={"ids": ids})
        assert set(here.rows(query)) == set(wanted)


def test_results_beyond_memory_go_through_a_file(monkeypatch):
    from bunter.registry import stream

    here = survey(0)
    query = here.query("datasets", "raw", None, (RAW,), order_by=["exposure", "detector"])
    whole = here.rows(query)
    monkeypatch.setattr(stream, "_IN_MEMORY_BYTES", 1)
    monkeypatch.setattr(stream, "_BATCH_ROWS", 2)
    assert here.rows(query) == whole


RAW_WITH_FLAT = (("raw", ("r0",)), ("flat", ("cal0",)))
MIXED = ("joined", ("exposure", "detector"), None, (("raw", ("r0",)), ("flat", ("calibs",))))


def plan(here, query):
    from bunter.registry.catalog import BunterCatalog
    from bunter.registry.translate import translate

    with here.database.read() as connection:
        statement = translate(query, BunterCatalog(here.registry.roster(connection)))
        return [row[-1] for row in connection.fetchall(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)]


def test_calibrations_are_looked_up_by_all_their_keys_whatever_the_chain_mixes():
    here = survey(0)
    for collections in (("cal0",), ("cal1", "cal0"), ("calibs",), ("r0", "cal0"), ("cal1", "r0", "cal0", "tag")):
        steps = plan(here, here.query(*MIXED[:3], (("raw", ("r0",)), ("flat", collections))))
        flats = [step for step in steps if "_3 " in step or " t1" in step or " better" in step]
        assert flats
        assert all("detector=?" in step and "physical_filter=?" in step for step in flats), steps
        assert not any("AUTOMATIC" in step or "MATERIALIZE" in step for step in steps), steps


def test_presence_in_a_chain_of_runs_and_tags_is_looked_up_by_all_keys():
    here = survey(0)
    steps = plan(
        here,
        here.query(
            "data_ids", ("exposure", "detector"), None, (("raw", ("r0",)), ("raw", ("tag", "r1"), True, "again"))
        ),
    )
    assert sum("exposure=?" in step and "detector=?" in step for step in steps) >= 2, steps
    assert not any("AUTOMATIC" in step or "MATERIALIZE" in step for step in steps), steps


def test_of_one_collection_no_earlier_one_is_looked_for():
    assert not any("CORRELATED" in step for step in plan(survey(0), survey(0).query(*MIXED[:3], RAW_WITH_FLAT)))


@pytest.mark.parametrize("seed", SEEDS)
def test_chains_of_many_kinds_answer_alike_with_their_tables_apart_or_united(seed, monkeypatch):
    from bunter.registry import join

    here = survey(seed)
    query = here.query(*MIXED, order_by=["-exposure", "detector"])
    apart = here.rows(query)
    assert set(apart) == here.answer(query)
    assert [row[6] for row in apart] == sorted((row[6] for row in apart), reverse=True)
    monkeypatch.setattr(join, "_COMBINATIONS", 1)
    assert sorted(here.rows(query)) == sorted(apart)


def test_what_is_filled_in_does_not_break_off_the_statement_that_is_read(monkeypatch):
    from bunter.registry import attach, stream

    here = _module.Survey(2)
    monkeypatch.setattr(stream, "_BATCH_ROWS", 1)
    monkeypatch.setattr(attach, "_FEW", 0)
    query = here.query(*MIXED)
    assert set(here.rows(query)) == here.answer(query)


@pytest.mark.parametrize("seed", SEEDS)
def test_questions_of_one_shape_share_a_statement_and_have_their_own_answers(seed):
    here = survey(seed)
    with here.database.read() as connection:
        statements = here.registry.roster(connection).plans.setdefault("statements", {})
    found = 0
    for name in ("A", "B", "nobody"):
        for exposure in range(5):
            for where in (
                f"instrument = '{name}' AND exposure = {exposure}",
                f"instrument = '{name}' AND exposure > {exposure} AND exposure.target_name = 'M31'",
                f"instrument = '{name}' AND raw.run = 'r{exposure % 3}'",
            ):
                query = here.query("datasets", "raw", where, (RAW,), order_by=["detector"])
                before = len(statements)
                rows = here.rows(query)
                assert set(rows) == here.answer(query)
                assert len(statements) == before or (name, exposure) == ("A", 0)
                found += len(rows)
    assert found


def test_pixels_alone_cannot_be_listed():
    here = survey(0)
    with pytest.raises(InvalidQueryError, match="too many to list"):
        here.rows(here.query("data_ids", ("htm7",)))


def test_nothing_is_held_while_somebody_looks():
    here = survey(0)
    batches = here.registry.execute(here.query("datasets", "raw", None, (RAW,))).batches()
    next(batches)
    here.insert("group", [{"instrument": "A", "name": f"later{id(batches)}"}])
    batches.close()
