"""What expressions of the reference's language, and of its mends, are bound to."""

from __future__ import annotations

import datetime as dt
import uuid

import numpy as np
import pytest

from bunter.geometry import Region
from bunter.query import bind_predicate, bound, describe
from bunter.query.bound import (
    Always,
    And,
    Arithmetic,
    BoolTest,
    Comparison,
    Constant,
    DatasetColumn,
    ElementColumn,
    IsNull,
    KeyColumn,
    Like,
    Membership,
    Negative,
    Not,
    Or,
    RegionOverlap,
    TimespanBound,
    TimespanOverlap,
)
from bunter.values import MAX_NS, MIN_NS, Timespan, parse_instant

VISIT = KeyColumn("visit", "int")
EXPOSURE = KeyColumn("exposure", "int")
DETECTOR = KeyColumn("detector", "int")
BAND = KeyColumn("band", "str")
RAW_ID = DatasetColumn("raw", "id", "uuid")
INGESTED = DatasetColumn("raw", "ingest_date", "time")
SPAN = ElementColumn("exposure", "timespan", "timespan")
EXPTIME = ElementColumn("exposure", "exposure_time", "float")
VISIT_REGION = ElementColumn("visit", "region", "region")
PATCH_REGION = ElementColumn("patch", "region", "region")
CAN_SEE = ElementColumn("exposure", "can_see_sky", "bool")
OBS_TYPE = ElementColumn("exposure", "observation_type", "str")
UID = uuid.UUID("0190a0b0-0000-7000-8000-000000000001")
JAN, FEB = parse_instant("2025-01-01"), parse_instant("2025-02-01")


def number(value):
    return Constant(value, "int" if isinstance(value, int) else "float")


def text(value):
    return Constant(value, "str")


def region(made):
    return Constant(made.encode(), "region")


def span(begin, end):
    return Constant((begin, end), "timespan")


TABLE = [
    # identifiers
    ("visit = 5", Comparison("=", VISIT, number(5))),
    ("visit.id = 5", Comparison("=", VISIT, number(5))),
    ("visit.visit = 5", Comparison("=", VISIT, number(5))),
    ("visit.instrument = 'X'", Comparison("=", KeyColumn("instrument", "str"), text("X"))),
    ("instrument.name = 'X'", Comparison("=", KeyColumn("instrument", "str"), text("X"))),
    ("visit.physical_filter = 'r'", Comparison("=", KeyColumn("physical_filter", "str"), text("r"))),
    ("visit.band = 'r'", Comparison("=", BAND, text("r"))),
    ("visit.day_obs > 20250101", Comparison(">", KeyColumn("day_obs", "int"), number(20250101))),
    ("detector.full_name = 'R22'", Comparison("=", ElementColumn("detector", "full_name", "str"), text("R22"))),
    ("exposure.obs_id = 'o'", Comparison("=", ElementColumn("exposure", "obs_id", "str"), text("o"))),
    ("observation_type = 'bias'", Comparison("=", OBS_TYPE, text("bias"))),
    ("skymap.hash = '00ff'", Comparison("=", ElementColumn("skymap", "hash", "bytes"), Constant(b"\x00\xff", "bytes"))),
    ("htm7 = 9", Comparison("=", KeyColumn("htm7", "int"), number(9))),
    # names of numeric keys
    ("detector = 'R22'", Comparison("=", ElementColumn("detector", "full_name", "str"), text("R22"))),
    ("'o' != exposure", Comparison("!=", text("o"), ElementColumn("exposure", "obs_id", "str"))),
    ("detector LIKE 'R2%'", Like(ElementColumn("detector", "full_name", "str"), "R2%", "like")),
    # comparison, kinds, arithmetic
    ("5 < visit", Comparison("<", number(5), VISIT)),
    ("exposure_time > 30", Comparison(">", EXPTIME, number(30))),
    ("visit > 2.5", Comparison(">", VISIT, number(2.5))),
    ("exposure_time + 1 > 2", Comparison(">", Arithmetic("+", EXPTIME, number(1), "float"), number(2))),
    ("-visit % 10 = 3", Comparison("=", Arithmetic("%", Negative(VISIT, "int"), number(10), "int"), number(3))),
    ("visit = 2 * (3 + 4) - 2", Comparison("=", VISIT, number(12))),
    ("visit = 10 / 4", Comparison("=", VISIT, Constant(2.5, "float"))),
    ("visit = -7 % 4", Comparison("=", VISIT, number(-3))),
    ("visit = +5", Comparison("=", VISIT, number(5))),
    ("visit BETWEEN 1 AND 5", And((Comparison(">=", VISIT, number(1)), Comparison("<=", VISIT, number(5))))),
    # booleans, null, constants
    ("can_see_sky", BoolTest(CAN_SEE)),
    ("NOT can_see_sky", Not(BoolTest(CAN_SEE))),
    ("can_see_sky = TRUE", Comparison("=", CAN_SEE, Constant(True, "bool"))),
    ("exposure_time IS NULL", IsNull(EXPTIME)),
    ("exposure_time = NULL", IsNull(EXPTIME)),
    ("NULL != exposure_time", Not(IsNull(EXPTIME))),
    ("1 = 1.0", Always(True)),
    ("visit = 1 AND 2 < 1", Always(False)),
    ("visit = 1 OR NOT 'a' = 'b'", Always(True)),
    ("TRUE AND visit = 1", Comparison("=", VISIT, number(1))),
    ("NULL IS NULL", Always(True)),
    # lists
    ("visit IN (5)", Comparison("=", VISIT, number(5))),
    ("visit IN (1, 2, 1)", Membership(VISIT, (1, 2))),
    ("visit IN (1, 4..8:2, 10..20)", Membership(VISIT, (1,), ((4, 8, 2), (10, 20, 1)))),
    ("visit NOT IN (1, 2)", Not(Membership(VISIT, (1, 2)))),
    ("band IN ('g', 'r')", Membership(BAND, ("g", "r"))),
    ("visit IN (exposure, 3)", Or((Comparison("=", VISIT, number(3)), Comparison("=", VISIT, EXPOSURE)))),
    (
        "detector IN (1, 'R22', 2)",
        Or((Membership(DETECTOR, (1, 2)), Comparison("=", ElementColumn("detector", "full_name", "str"), text("R22")))),
    ),
    ("visit = 1 OR visit = 2 OR visit IN (3, 4..6)", Membership(VISIT, (1, 2, 3), ((4, 6, 1),))),
    ("5 IN (1..9:2)", Always(True)),
    # patterns
    ("GLOB(band, 'g*')", Like(BAND, "g*", "glob")),
    ("band NOT LIKE 'g_'", Not(Like(BAND, "g_", "like"))),
    ("'green' LIKE 'g%'", Always(True)),
    # times
    ("raw.ingest_date > '2025-01-01'", Comparison(">", INGESTED, Constant(JAN, "time"))),
    ("raw.ingest_date < T'2025-01-01T00:00:37/tai'", Comparison("<", INGESTED, Constant(JAN, "time"))),
    ("raw.ingest_date = T'60676.0'", Comparison("=", INGESTED, Constant(JAN - 37 * 10**9, "time"))),
    ("raw.ingest_date = T'mjd/60676/utc'", Comparison("=", INGESTED, Constant(JAN, "time"))),
    ("exposure.timespan.begin > '2025-01-01'", Comparison(">", TimespanBound(SPAN, "begin"), Constant(JAN, "time"))),
    ("exposure.timespan OVERLAPS (T'2025-01-01', T'2025-02-01')", TimespanOverlap(SPAN, span(JAN, FEB))),
    ("('2025-01-01', NULL) OVERLAPS exposure.timespan", TimespanOverlap(span(JAN, MAX_NS), SPAN)),
    ("exposure.timespan OVERLAPS (NULL, '2025-01-01')", TimespanOverlap(SPAN, span(MIN_NS, JAN))),
    ("exposure.timespan OVERLAPS '2025-01-01'", TimespanOverlap(SPAN, span(JAN, JAN + 1))),
    ("T'2025-01-01' IN (exposure.timespan)", TimespanOverlap(span(JAN, JAN + 1), SPAN)),
    ("exposure.timespan < T'2025-01-01'", Comparison("<=", TimespanBound(SPAN, "end"), Constant(JAN, "time"))),
    ("bias.timespan OVERLAPS exposure.timespan", TimespanOverlap(DatasetColumn("bias", "timespan", "timespan"), SPAN)),
    (
        "exposure.timespan OVERLAPS raw.ingest_date",
        And(
            (
                Comparison("<=", TimespanBound(SPAN, "begin"), INGESTED),
                Comparison("<", INGESTED, TimespanBound(SPAN, "end")),
            )
        ),
    ),
    ("('2025-01-01', '2025-02-01') OVERLAPS '2025-01-15'", Always(True)),
    # datasets
    (f"raw.id = '{UID}'", Comparison("=", RAW_ID, Constant(UID.bytes, "uuid"))),
    (f"raw.dataset_id = UUID('{UID}')", Comparison("=", RAW_ID, Constant(UID.bytes, "uuid"))),
    ("raw.run = 'u/me'", Comparison("=", DatasetColumn("raw", "run", "str"), text("u/me"))),
    ("GLOB(bias.collection, 'u/*')", Like(DatasetColumn("bias", "collection", "str"), "u/*", "glob")),
    # regions
    ("visit.region OVERLAPS POINT(10, -20)", RegionOverlap(VISIT_REGION, region(Region.point(10, -20)))),
    ("visit.region OVERLAPS CIRCLE(10, 20, 0.5)", RegionOverlap(VISIT_REGION, region(Region.circle(10, 20, 0.5)))),
    ("BOX(1,2,3,4) OVERLAPS visit.region", RegionOverlap(region(Region.box(1, 2, 3, 4)), VISIT_REGION)),
    (
        "visit.region OVERLAPS POLYGON(0,0, 1,0, 1,1)",
        RegionOverlap(VISIT_REGION, region(Region.polygon([(0, 0), (1, 0), (1, 1)]))),
    ),
    (
        "visit.region OVERLAPS REGION('CIRCLE 10 20 0.5')",
        RegionOverlap(VISIT_REGION, region(Region.from_pos("CIRCLE 10 20 0.5"))),
    ),
    ("visit.region OVERLAPS patch.region", RegionOverlap(VISIT_REGION, PATCH_REGION)),
    (
        "NOT visit.region OVERLAPS patch.region OR visit = 1",
        Or((Not(RegionOverlap(VISIT_REGION, PATCH_REGION)), Comparison("=", VISIT, number(1)))),
    ),
    ("CIRCLE(0, 0, 1) OVERLAPS POINT(0.5, 0.5)", Always(True)),
    ("CIRCLE(0, 0, 1) OVERLAPS POINT(1.5, 0)", Always(False)),
]


@pytest.mark.parametrize(("where", "expected"), TABLE, ids=[where for where, _ in TABLE])
def test_an_expression_is_bound_to_this(where, expected, universe, dataset_types):
    group = universe.conform(["exposure", "detector"])
    assert (
        bind_predicate(where, dimensions=group, dataset_types=[dataset_types["raw"], dataset_types["bias"]]) == expected
    )


@pytest.mark.parametrize("where", [where for where, _ in TABLE])
def test_a_description_means_the_same(where, universe, dataset_types):
    scope = {
        "dimensions": universe.conform(["exposure", "detector"]),
        "dataset_types": [dataset_types["raw"], dataset_types["bias"]],
    }
    predicate = bind_predicate(where, **scope)
    if "REGION" in where or "POLYGON" in where or "CIRCLE" in where or "BOX" in where or "POINT" in where:
        assert "OVERLAPS" in describe(predicate) or isinstance(predicate, Always)
    else:
        assert bind_predicate(describe(predicate), **scope) == predicate


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, Comparison("=", VISIT, number(5))),
        (np.int64(5), Comparison("=", VISIT, number(5))),
        ([1, 2], Membership(VISIT, (1, 2))),
        ({7}, Comparison("=", VISIT, number(7))),
        (np.array([1, 2]), Membership(VISIT, (1, 2))),
        (range(1, 10), Membership(VISIT, (), ((1, 9, 1),))),
        (range(10, 0, -3), Membership(VISIT, (), ((1, 10, 3),))),
        ([], Always(False)),
        (range(0), Always(False)),
    ],
)
def test_a_list_of_bind_values_is_spliced_into_in(value, expected, universe):
    scope = {"dimensions": universe.conform(["visit"]), "binds": {"v": value}}
    assert bind_predicate("visit IN (:v)", **scope) == expected
    assert bind_predicate("visit IN v", **scope) == expected


def test_bind_values_of_every_type_find_their_kind(universe, dataset_types):
    from astropy.coordinates import SkyCoord
    from astropy.time import Time

    def bind(where, value):
        scope = {"dimensions": universe.conform(["visit"]), "dataset_types": [dataset_types["raw"]]}
        return bind_predicate(where, binds={"v": value}, **scope)

    for time in (dt.datetime(2025, 1, 1), Time("2025-01-01", scale="utc"), "2025-01-01", "60676/utc"):  # noqa: DTZ001
        assert bind("raw.ingest_date > :v", time) == Comparison(">", INGESTED, Constant(JAN, "time"))
    visit_span = ElementColumn("visit", "timespan", "timespan")
    assert bind("visit.timespan OVERLAPS v", Timespan(JAN, FEB)) == TimespanOverlap(visit_span, span(JAN, FEB))
    point = RegionOverlap(VISIT_REGION, region(Region.point(10, 20)))
    assert bind("visit.region OVERLAPS v", Region.point(10, 20)) == point
    assert bind("visit.region OVERLAPS v", SkyCoord(10, 20, unit="deg")) == point
    assert bind("raw.id IN (v)", [UID]) == Comparison("=", RAW_ID, Constant(UID.bytes, "uuid"))
    assert bind("visit.exposure_time = v", None) == IsNull(ElementColumn("visit", "exposure_time", "float"))
    assert bind("v", True) == Always(True)
    assert bind("visit.region OVERLAPS CIRCLE(v, 20, 1)", 10.0).right == region(Region.circle(10, 20, 1))


def test_walking_finds_columns_dimensions_and_conjuncts(universe):
    where = "visit.day_obs = 1 AND (detector = 2 OR visit.region OVERLAPS patch.region) AND band = 'r'"
    predicate = bind_predicate(where, dimensions=universe.empty)
    assert bound.referenced_dimensions(predicate) == {"day_obs", "detector", "visit", "patch", "band"}
    assert bound.dimensions_of(predicate, universe) is universe.conform(["detector", "visit", "patch", "band"])
    assert len(bound.conjuncts(predicate)) == 3
    assert bound.conjuncts(None) == []
    assert {type(column) for column in bound.columns_of(predicate)} == {KeyColumn, ElementColumn}
