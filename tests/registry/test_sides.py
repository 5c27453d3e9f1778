"""Rows with or without a dataset beside them, and what is shown of rows."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest

from bunter.errors import InvalidQueryError
from bunter.query import Selection, count, count_distinct, maximum, minimum, total, x

_spec = importlib.util.spec_from_file_location("survey", Path(__file__).with_name("survey.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

SEEDS = range(4)
EXPOSURES = ("exposure", "detector")


@cache
def survey(seed):
    return _module.Survey(seed)


def dicts(here, query):
    return [row for batch in here.registry.execute(query).batches() for row in batch.to_pylist()]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("dimensions", "other"),
    [
        (EXPOSURES, ("raw", ("r1",))),
        (EXPOSURES, ("raw", ("chain",))),
        (EXPOSURES, ("flat", ("cal0",))),
        (EXPOSURES, ("flat", ("calibs",))),
        (("visit", "detector", "tract", "patch"), ("coadd", ("chain",))),
        (("exposure", "visit", "detector"), ("calexp", ("r0", "r2"))),
    ],
)
def test_an_optional_dataset_is_there_or_null_and_what_is_missing_is_missing(seed, dimensions, other):
    here = survey(seed)
    everything = set(here.rows(here.query("data_ids", dimensions)))
    width = len(next(iter(everything)))
    inner = here.rows(here.query("joined", dimensions, None, (other,)))
    left = here.rows(here.query("joined", dimensions, None, ((*other, True, "", "left"),)))
    anti = here.rows(here.query("data_ids", dimensions, None, ((*other, True, "", "anti"),)))
    assert {row[-width:] for row in left} == everything
    assert {row for row in left if row[0] is not None} == set(inner)
    assert len(left) == len(set(left))
    without = {row[-width:] for row in left if row[0] is None}
    assert without == everything - {row[-width:] for row in inner} == set(anti)
    query = here.query("joined", dimensions, f"{other[0]}.id IS NULL", ((*other, True, "", "left"),))
    assert {row[-width:] for row in here.rows(query)} == without
    for each in ("left", "anti"):
        query = here.query("data_ids", dimensions, None, ((*other, True, "", each),))
        assert here.registry.execute(query).count() == len(here.rows(query))


@pytest.mark.parametrize("seed", SEEDS)
def test_one_type_from_two_collections(seed):
    here = survey(seed)
    searches = (("raw", ("r0",), True, "a"), ("raw", ("r1",), True, "b"))
    rows = dicts(here, here.query("joined", EXPOSURES, None, searches))
    first = {row[2:]: row[0] for row in here.rows(here.query("joined", EXPOSURES, None, (("raw", ("r0",)),)))}
    second = {row[2:]: row[0] for row in here.rows(here.query("joined", EXPOSURES, None, (("raw", ("r1",)),)))}
    keys = [tuple(row[name] for name in row if "." not in name) for row in rows]
    assert set(keys) == first.keys() & second.keys()
    assert [row["a.id"] for row in rows] == [first[key] for key in keys]
    assert [row["b.id"] for row in rows] == [second[key] for key in keys]
    assert not dicts(here, here.query("joined", EXPOSURES, "a.id = b.id", searches))
    with pytest.raises(InvalidQueryError, match="two searches are called 'raw'"):
        here.query("joined", EXPOSURES, None, (("raw", ("r0",)), ("raw", ("r1",))))
    with pytest.raises(InvalidQueryError, match="cannot be called 'visit'"):
        here.query("joined", EXPOSURES, None, (("raw", ("r0",), True, "visit"),))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "where", ["instrument IN ('A', 'B')", "instrument IN ('A', 'B') AND visit >= 0", "raw.run != 'r9'"]
)
def test_groups_are_counted_and_summed_as_in_python(seed, where):
    here = survey(seed)
    search = (("raw", ("chain",)),)
    rows = here.rows(here.query("datasets", "raw", where, search))
    records = {(r["instrument"], r["exposure"]): r for r in here.records["exposure"]}
    groups = {}
    for row in rows:
        groups.setdefault((row[2], row[5]), []).append(records[row[2], row[4]])
    selection = Selection(
        (("instrument", "instrument"), ("band", x.band)),
        (
            ("n", "count(*)"),
            ("known", "count(exposure.exposure_time)"),
            ("days", count_distinct(x.exposure.day_obs)),
            ("first", minimum("exposure.timespan.begin")),
            ("last", maximum(x.exposure.exposure_time)),
            ("sum", total("exposure.exposure_time")),
            ("mean", "avg(exposure)"),
        ),
        grouped=True,
    )
    query = here.query("datasets", "raw", where, search, selection=selection, order_by=["-n", "instrument", "band"])
    found = dicts(here, query)
    assert found == sorted(found, key=lambda row: (-row["n"], row["instrument"], row["band"]))
    assert here.registry.execute(query).count() == len(found)
    listed = {}
    for row in rows:
        band = here_band(here, row)
        listed.setdefault((row[2], band), []).append(records[row[2], row[4]])
    assert {(row["instrument"], row["band"]) for row in found} == listed.keys()
    for row in found:
        mine = listed[row["instrument"], row["band"]]
        times = [r["exposure_time"] for r in mine if r["exposure_time"] is not None]
        begins = [r["timespan_begin"] for r in mine if r["timespan_begin"] is not None]
        assert row["n"] == len(mine)
        assert row["known"] == len(times)
        assert row["days"] == len({r["day_obs"] for r in mine})
        assert row["first"] == min(begins, default=None)
        assert row["last"] == max(times, default=None)
        assert row["sum"] == (sum(times) if times else None)
        assert row["mean"] == pytest.approx(sum(r["exposure"] for r in mine) / len(mine))


def here_band(here, row):
    filters = {(r["instrument"], r["exposure"]): r["physical_filter"] for r in here.records["exposure"]}
    bands = {(r["instrument"], r["physical_filter"]): r["band"] for r in here.records["physical_filter"]}
    return bands[row[2], filters[row[2], row[4]]]


def test_all_rows_are_one_group_where_nothing_tells_them_apart():
    here = survey(0)
    search = (("raw", ("chain",)),)
    rows = here.rows(here.query("datasets", "raw", None, search))
    query = here.query("datasets", "raw", None, search, selection=Selection((), (("n", count()),), grouped=True))
    assert dicts(here, query) == [{"n": len(rows)}]
    nothing = here.query(
        "datasets", "raw", "exposure.seq_num > 999", search, selection=Selection((), (("n", count()),), grouped=True)
    )
    assert dicts(here, nothing) == [{"n": 0}]


def test_distinct_values_and_columns_of_choice():
    here = survey(1)
    search = (("raw", ("chain",)),)
    whole = dicts(here, here.query("datasets", "raw", None, search))
    query = here.query("datasets", "raw", None, search, selection=Selection((("band", "band"),), grouped=True))
    assert sorted(row["band"] for row in dicts(here, query)) == sorted({row["band"] for row in whole})
    columns = (("exposure", "exposure"), ("when", "exposure.timespan"), ("r", "raw.run"), ("twice", "exposure * 2"))
    for where in (None, "instrument IN ('A', 'B') AND visit >= 0"):
        query = here.query(
            "datasets", "raw", where, search, selection=Selection(columns), order_by=["-exposure", "detector"], limit=4
        )
        rows = dicts(here, query)
        assert rows
        assert list(rows[0]) == ["exposure", "when_begin", "when_end", "r", "twice"]
        assert [row["exposure"] for row in rows] == sorted((row["exposure"] for row in rows), reverse=True)
        assert all(row["twice"] == 2 * row["exposure"] for row in rows)
        assert all(row["r"] in {"r0", "r1", "r2"} for row in rows)


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (Selection((("a", "visit"),)), "is not determined by"),
        (Selection((("a", "expsure"),)), "did you mean 'exposure'"),
        (Selection((("a", "exposure"), ("a", "detector"))), "several columns are called 'a'"),
        (Selection((), (("n", "cuont(*)"),), grouped=True), "did you mean 'count'"),
        (Selection((), (("n", "sum(*)"),), grouped=True), "not expected"),
        (Selection((), (("n", "sum(band)"),), grouped=True), "needs a number"),
        (Selection((), (("n", "min(exposure.timespan)"),), grouped=True), "has no order"),
        (Selection((), (("n", "min()"),), grouped=True), "say what the summary is of"),
    ],
)
def test_what_cannot_be_shown_is_refused(selection, sentence):
    with pytest.raises(InvalidQueryError, match=sentence):
        survey(0).query("datasets", "raw", None, (("raw", ("r0",)),), selection=selection)
