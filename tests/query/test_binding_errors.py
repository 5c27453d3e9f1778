"""What is refused, with which sentence, and where the caret stands."""

from __future__ import annotations

import numpy as np
import pytest

from bunter.errors import DimensionNameError, DimensionValueError, InvalidQueryError, MissingDatasetTypeError
from bunter.query import x

MESSAGES = [
    # names
    ("visti = 5", 0, "unknown name 'visti'; did you mean 'visit'?"),
    ("visit = 5 AND exposure.day_bos = 1", 14, "'exposure' has no field 'day_bos'; did you mean 'day_obs'?"),
    ("exposre.day_obs = 1", 0, "unknown dimension or dataset type 'exposre'; did you mean 'exposure'?"),
    ("rwa.run = 'a'", 0, "unknown dimension or dataset type 'rwa'; did you mean 'raw'?"),
    ("raw.ingest_dat > '2025-01-01'", 0, "did you mean 'ingest_date'?"),
    ("raw.exposure = 5", 0, "write just exposure"),
    ("raw = 5", 0, "'raw' is a dataset type; say which field: raw.id"),
    ("bias.run = 'a'", 0, "dataset type 'bias' is not joined by this query (joined: raw)"),
    ("exposure_tim > 5", 0, "did you mean 'exposure_time'?"),
    ("qqqqq > 5", 0, "the dimensions of this query are"),
    ("cell_x = 5", 0, "no dimension of this query has a field 'cell_x'; did you mean patch.cell_x?"),
    ("name_in_raft = 'a' AND a.b.c.d = 1", 23, "too many dots"),
    ("visit_definition = 1", 0, "has no key of its own"),
    ("htm99 = 1", 0, "unknown name 'htm99'"),
    (":v = 1", 0, "no value is bound to :v; give it in bind={...}"),
    ("exposure IN (:vals)", 13, "no value is bound to :vals; did you mean 'values'?"),
    ("exposure.timespan.bgin > '2025-01-01'", 0, "a timespan has .begin and .end; did you mean 'begin'?"),
    ("band = r", 7, "unknown name 'r'; a string is written in quotes: 'r'"),
    ("band IN ('g', r)", 14, "a string is written in quotes"),
    ("band LIKE r", 10, "a string is written in quotes"),
    # kinds
    ("exposure = 5.5 AND detector = TRUE", 30, "detector is a whole number and TRUE is true or false"),
    ("band = 5", 7, "band is a string and 5 is a whole number; they cannot be compared"),
    ("day_obs = '2025'", 10, "day_obs is a whole number and '2025' is a string"),
    ("exposure", 0, "exposure is a whole number, not a condition; compare it with something"),
    ("exposure = 1 AND 'r'", 17, "'r' is a string, not a condition"),
    ("1 + band = 2", 4, "band is a string; + needs numbers"),
    ("-band = 'r'", 1, "band is a string; - needs numbers"),
    ("exposure = 1 / 0", 13, "division by zero"),
    ("exposure_time % 2 = 1", 14, "% needs whole numbers"),
    ("exposure = 9223372036854775807 + 1", 31, "too large"),
    ("(exposure = 1) = TRUE", 10, "a condition has no value"),
    ("exposure < NULL", 9, "nothing is < NULL; write IS NULL"),
    ("can_see_sky < TRUE", 12, "true and false have no order"),
    ("exposure = values", 11, "values is a list; use it with IN"),
    ("exposure = GLOB(band, 'r')", 11, "GLOB is a condition and has no value"),
    # lists and patterns
    ("exposure IN (1, NULL)", 16, "NULL in a list matches nothing"),
    ("exposure IN (5..1)", 14, "the range 5..1 is empty"),
    ("exposure IN (1..5:0)", 14, "stride of a range is at least 1"),
    ("band IN (1..5)", 10, "band is a string; a range is for whole numbers"),
    ("band IN ('g', 5)", 14, "they cannot be compared"),
    ("exposure IN (5.5, TRUE)", 18, "they cannot be compared"),
    ("exposure_time LIKE 'a%'", 0, "exposure_time is a number; only strings match a pattern"),
    ("band LIKE band", 10, "the pattern must be a string"),
    ("GLOB(band)", 0, "write GLOB(name, 'pattern')"),
    # times and timespans
    ("exposure.timespan.begin > 'yesterday'", 26, "cannot read 'yesterday' as a time"),
    ("exposure.timespan OVERLAPS (T'2025-02-01', T'2025-01-01')", 27, "a timespan ends after it begins"),
    ("exposure.timespan OVERLAPS (exposure, 5)", 28, "an end of a timespan is a time"),
    ("exposure.timespan OVERLAPS 5", 27, "they cannot be compared"),
    ("exposure.timespan OVERLAPS CIRCLE(1, 2, 3)", 0, "they cannot be compared"),
    ("exposure OVERLAPS T'2025-01-01'", 0, "OVERLAPS needs exposure.timespan"),
    ("exposure OVERLAPS detector", 0, "OVERLAPS needs exposure.timespan"),
    ("exposure.timespan <= T'2025-01-01'", 18, "timespans are compared by OVERLAPS"),
    ("T'not a time' < exposure.timespan.end", 0, "cannot read"),
    # regions
    ("CIRCLE(1, 2, 3) OVERLAPS visit", 25, "visit is a whole number; OVERLAPS needs visit.region or visit.timespan"),
    ("visit.region OVERLAPS CIRCLE(1, 2)", 22, "write CIRCLE(ra, dec, radius) in degrees; 2 numbers are given"),
    ("visit.region OVERLAPS CIRCLE(1, 95, 3)", 22, "declinations lie between -90 and 90"),
    ("visit.region OVERLAPS CIRCLE(1, 2, -3)", 22, "the radius of a circle"),
    ("visit.region OVERLAPS CIRCLE(exposure, 2, 3)", 29, "CIRCLE takes constants and bind values, not columns"),
    ("visit.region OVERLAPS CIRCLE(NULL, 2, 3)", 29, "CIRCLE cannot take NULL"),
    ("visit.region OVERLAPS POLYGON(1, 2, 3, 4)", 22, "at least three pairs"),
    ("visit.region OVERLAPS POLYGON((1, 2), (3, 4), (5, 6))", 22, "without brackets around the pairs"),
    ("visit.region OVERLAPS REGION(1)", 22, "REGION takes one string"),
    ("visit.region OVERLAPS REGION('OVAL 1 2')", 22, "is not an IVOA region"),
    ("visit.region OVERLAPS REGION('0xzz')", 22, "hexadecimal"),
    ("visit.region OVERLAPS REGION('0x00')", 22, ""),
    ("visit.region = patch.region", 13, "regions are compared by OVERLAPS only"),
    ("raw.id = UUID('abc')", 9, "is no UUID"),
    ("raw.id = 'abc'", 9, "is no UUID"),
    ("raw.id = UUID(5)", 9, "write UUID('...')"),
]


@pytest.mark.parametrize(("where", "position", "sentence"), MESSAGES, ids=[where for where, *_ in MESSAGES])
def test_an_error_says_what_is_wrong_and_where(where, position, sentence, datasets):
    with pytest.raises(InvalidQueryError) as caught:
        datasets(where, binds={"values": [1, 2]})
    assert sentence in str(caught.value)
    assert caught.value.position == position
    assert str(caught.value).splitlines()[-1].index("^") == position + 2


@pytest.mark.parametrize("value", [float("nan"), 2**63, object(), 1 + 2j, np.array([[1]]), {"a": 1}])
def test_a_bind_value_that_no_query_knows_is_the_users_error(value, datasets):
    with pytest.raises(InvalidQueryError):
        datasets("exposure = v", binds={"v": value})


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("exposure = 5", "exposure means nothing without 'instrument'; add instrument = '...'"),
        ("exposure.obs_id = 'a'", "exposure.obs_id means nothing without 'instrument'"),
        ("exposure.exposure_time > 5 AND detector = 1", "detector means nothing without 'instrument'"),
        ("instrument = 'X' OR exposure = 5", "exposure means nothing"),
        ("tract = 5 AND instrument = 'X' AND visit = 1", "tract means nothing without 'skymap'"),
    ],
)
def test_an_identifier_needs_its_governor(where, sentence, datasets):
    with pytest.raises(InvalidQueryError) as caught:
        datasets(where, defaults={})
    assert sentence in str(caught.value)
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    "where",
    [
        "instrument = 'X' AND exposure = 5",
        "exposure = 5 AND instrument IN ('X', 'Y')",
        "(instrument = 'X' AND exposure = 5) OR (instrument = 'Y' AND exposure = 6)",
        "band = 'r'",
        "exposure.timespan OVERLAPS '2025-01-01'",
        "visit.region OVERLAPS POINT(1, 2)",
        "GLOB(instrument, 'X*') AND detector = 1",
        "exposure.observation_type = 'science' AND exposure.exposure_time > 5",
        "exposure.day_obs = 20260101 OR physical_filter = 'r'",
    ],
)
def test_a_governor_that_is_named_or_not_needed_is_enough(where, datasets):
    assert datasets(where, defaults={}).where is not None


def test_a_default_governor_is_used_only_where_it_is_needed(datasets):
    assert "instrument = 'X'" in str(datasets("exposure = 5").where) or len(datasets("exposure = 5").where.terms) == 2
    assert datasets("").where is None
    assert datasets("band = 'r'").where == datasets("band = 'r'", defaults={}).where


def test_a_fact_takes_the_default_governor_where_there_is_one(datasets):
    assert datasets("exposure.exposure_time > 5", defaults={}).where == datasets("exposure_time > 5", defaults={}).where
    assert "instrument" in str(datasets("exposure.exposure_time > 5").where)


def test_an_unregistered_dataset_type_is_named_with_the_nearest(data_ids):
    with pytest.raises(MissingDatasetTypeError, match=r"no dataset type 'calxep'; did you mean 'calexp'?"):
        data_ids(datasets=["calxep"])


@pytest.mark.parametrize(
    ("kind", "data_id", "sentence"),
    [
        (DimensionNameError, {"exposre": 5}, "did you mean 'exposure'?"),
        (DimensionValueError, {"exposure": 5.5}, "exposure=5.5"),
        (DimensionValueError, {"day_obs": "x"}, "'x'"),
        (DimensionValueError, {"exposure": object()}, "a object cannot stand in a query"),
    ],
)
def test_a_wrong_data_id_is_a_dimension_error(kind, data_id, sentence, datasets):
    with pytest.raises(kind) as caught:
        datasets(data_id=data_id)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("order_by", "sentence"),
    [
        ("exposure.timespan", "sort by its begin or end"),
        ("visit", "is not determined by"),
        ("", "empty name"),
        ("expsure", "did you mean 'exposure'?"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order_by, sentence, datasets):
    with pytest.raises(InvalidQueryError) as caught:
        datasets(order_by=[order_by])
    assert sentence in str(caught.value)


@pytest.mark.parametrize("limit", [-1, 1.5, True, "3"])
def test_a_limit_that_is_no_number_of_rows_is_refused(limit, datasets):
    with pytest.raises(InvalidQueryError, match="limit is a whole number"):
        datasets(limit=limit)


def test_something_that_is_no_condition_is_refused(datasets):
    with pytest.raises(InvalidQueryError, match="not int"):
        datasets(5)


def test_an_error_in_an_expression_of_objects_points_into_its_text(datasets):
    with pytest.raises(InvalidQueryError) as caught:
        datasets((x.band == "r") & (x.exposure.day_bos == 5))
    assert "band = 'r' AND exposure.day_bos = 5" in str(caught.value)
    assert caught.value.position == 15
