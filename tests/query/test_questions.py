"""Whole queries: dimensions, joins, sky pixels, data IDs, order."""

from __future__ import annotations

import pytest

from bunter.errors import InvalidQueryError
from bunter.geometry import skypix
from bunter.query import conjoined, describe, parse, split_conjuncts, unparse, x
from bunter.query.bound import (
    Comparison,
    Constant,
    DatasetColumn,
    ElementColumn,
    KeyColumn,
    Membership,
    Not,
    Or,
    RegionOverlap,
    TimespanOverlap,
)


def span(element):
    return ElementColumn(element, "timespan", "timespan")


def test_no_condition_is_none(data_ids):
    query = data_ids()
    assert query.where is None
    assert query.condition == ()
    assert query.dimensions is query.result


def test_an_element_in_the_condition_is_joined(datasets, universe):
    query = datasets("visit = 5")
    assert query.dimensions is universe.conform(["exposure", "detector", "visit"])
    assert query.result.name == "raw"


def test_a_governor_in_the_condition_joins_nothing_else(datasets, universe):
    assert datasets("skymap = 's'").dimensions is universe.conform(["exposure", "detector", "skymap"])


@pytest.mark.parametrize(
    ("where", "dimensions", "datasets", "joins"),
    [
        ("", ["visit", "patch"], [], (("patch", "visit"),)),
        ("", ["visit", "detector", "tract"], [], (("tract", "visit_detector_region"),)),
        ("tract = 5", ["visit", "detector"], [], (("tract", "visit_detector_region"),)),
        ("", ["visit", "htm7"], [], (("htm7", "visit"),)),
        ("visit = 1", ["htm7"], ["refcat"], (("htm7", "visit"),)),
        ("", ["visit", "detector"], [], ()),
        ("", ["visit", "patch"], ["warp"], ()),
        ("", ["visit", "patch"], ["warp", "calexp"], (("patch", "visit_detector_region"),)),
        ("visit.region OVERLAPS tract.region", ["visit", "patch"], [], ()),
        ("NOT visit.region OVERLAPS patch.region", ["visit", "patch"], [], ()),
        ("visit.region OVERLAPS htm7.region AND htm7.region OVERLAPS patch.region", ["visit", "patch", "htm7"], [], ()),
    ],
)
def test_two_families_of_regions_are_joined_unless_the_user_or_a_dataset_does(
    where, dimensions, datasets, joins, data_ids
):
    query = data_ids(where, dimensions, datasets)
    assert query.spatial_joins == joins
    assert len(query.condition) == len(joins) + (0 if query.where is None else len(getattr(query.where, "terms", [1])))


def test_three_families_of_regions_need_a_word_from_the_user(data_ids):
    with pytest.raises(InvalidQueryError, match=r"write .*region OVERLAPS"):
        data_ids("", ["visit", "patch", "htm7"])


def test_a_calibration_is_joined_in_time_with_what_is_observed(data_ids):
    bias, flat = (DatasetColumn(name, "timespan", "timespan") for name in ("bias", "flat"))
    both = data_ids("", ["exposure", "detector"], ["bias", "flat"]).temporal_joins
    assert both == (TimespanOverlap(span("exposure"), bias), TimespanOverlap(span("exposure"), flat))
    assert data_ids("exposure = 5", ["detector"], ["bias"]).temporal_joins == (TimespanOverlap(span("exposure"), bias),)
    assert data_ids("", ["detector"], ["bias"]).temporal_joins == ()
    assert data_ids("", ["detector"], ["bias", "flat"]).temporal_joins == (TimespanOverlap(bias, flat),)
    assert data_ids("exposure.timespan OVERLAPS bias.timespan", ["detector"], ["bias"]).temporal_joins == ()
    assert data_ids("", ["exposure", "detector"], ["raw"]).temporal_joins == ()


@pytest.mark.parametrize("where", ["band = 'r'", "tract = 5", "ssp_balanced_index = 3", "htm7 = 9"])
def test_what_nothing_relates_to_the_result_is_refused(where, data_ids):
    with pytest.raises(InvalidQueryError, match="nothing") as caught:
        data_ids(where, ["detector"])
    assert caught.value.position == 0


def test_a_comparison_of_columns_relates_them(data_ids, universe):
    query = data_ids("detector = ssp_balanced_index", ["detector"])
    assert query.dimensions is universe.conform(["detector", "ssp_balanced_index"])


def test_sky_pixels_that_the_result_lacks_become_regions(data_ids, universe):
    def region(pixel):
        column = ElementColumn("visit_detector_region", "region", "region")
        return RegionOverlap(column, Constant(skypix("htm7").region(pixel).encode(), "region"))

    query = data_ids("htm7 = 240000")
    assert query.where == region(240000)
    assert query.dimensions is universe.conform(["visit", "detector"])
    assert data_ids("htm7 != 240000").where == Not(region(240000))
    assert data_ids("htm7 IN (240000..240001)").where == Or((region(240000), region(240001)))
    explicit = data_ids("htm7 = 240000 AND visit.region OVERLAPS htm7.region").where
    assert ElementColumn("visit", "region", "region") in [term.left for term in explicit.terms]


def test_sky_pixels_of_the_result_are_keys_like_others(data_ids):
    where = data_ids("htm7 IN (240000..240001)", ["htm7"]).where
    assert where == Membership(KeyColumn("htm7", "int"), (), ((240000, 240001, 1),))


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("htm7 > 5", "by =, != or IN only"),
        ("htm7 = 5", "has no pixel 5"),
        ("htm7 IN (131072..140000)", "are too many"),
        ("visit.region OVERLAPS htm7.region", "say which pixel is meant"),
        ("htm7 = 240000 AND tract = 5", "say what should overlap pixels of htm7"),
    ],
)
def test_sky_pixels_that_cannot_be_regions_are_explained(where, sentence, data_ids):
    with pytest.raises(InvalidQueryError) as caught:
        data_ids(where)
    assert sentence in str(caught.value)
    assert caught.value.position == where.index("htm7")


def test_the_data_id_is_part_of_the_condition(data_ids):
    where = data_ids(
        "visit > 1", data_id={"instrument": "X", "visit": [5, 6], "detector.full_name": "R22"}, defaults={}
    ).where
    assert describe(where) == "instrument = 'X' AND visit IN (5, 6) AND detector.full_name = 'R22' AND visit > 1"
    assert data_ids(data_id={"detector": "R22"}).where == data_ids("detector = 'R22'").where
    assert describe(data_ids(data_id={"day_obs": 20250101}).where) == "day_obs = 20250101 AND instrument = 'X'"
    assert data_ids(data_id={"visit": None}).where is None


def test_a_data_coordinate_is_a_data_id(data_ids, universe):
    from bunter.dimensions import DataCoordinate

    data_id = DataCoordinate.standardize(instrument="X", detector=5, group=universe.conform(["detector"]))
    assert describe(data_ids(data_id=data_id).where) == "instrument = 'X' AND detector = 5"


def test_a_field_of_the_records_own_element_needs_no_prefix(records, data_ids):
    assert describe(records("seq_num > 5 AND id = 3").where).startswith("visit.seq_num > 5 AND visit = 3")
    with pytest.raises(InvalidQueryError, match=r"write exposure.seq_num or visit.seq_num"):
        data_ids("seq_num > 5", ["exposure", "visit"])


def test_the_only_region_and_the_finest_timespan_need_no_prefix(data_ids):
    where = data_ids("region OVERLAPS POINT(1, 2) AND timespan.begin > '2025-01-01'", ["visit", "detector"]).where
    assert describe(where).startswith("visit_detector_region.region OVERLAPS")
    assert "visit.timespan.begin" in describe(where)


def test_fields_of_the_only_dataset_need_no_prefix(datasets):
    assert describe(datasets("run = 'a' AND id IS NOT NULL").where) == "raw.run = 'a' AND raw.id IS NOT NULL"


def test_order_is_bound_to_values_and_directions(datasets):
    exposure = KeyColumn("exposure", "int")
    query = datasets(order_by=["exposure", "-exposure.day_obs", "- raw.ingest_date", x.detector.desc, x.exposure])
    assert query.order_by == (
        (exposure, True),
        (KeyColumn("day_obs", "int"), False),
        (DatasetColumn("raw", "ingest_date", "time"), False),
        (KeyColumn("detector", "int"), False),
        (exposure, True),
    )
    assert datasets(limit=0, offset=3).offset == 3


def test_a_table_of_data_ids_relates_its_dimensions(data_ids):
    query = data_ids("", ["visit", "patch"], data_id_table={"visit": [1], "patch": [2]})
    assert query.spatial_joins == ()
    assert query.data_id_table == {"visit": [1], "patch": [2]}


def test_a_condition_is_split_at_its_ands():
    assert split_conjuncts("a = 1 AND (b = 2 OR c = 3) AND NOT d = 4") == ["a = 1", "b = 2 OR c = 3", "NOT d = 4"]
    assert split_conjuncts("a = 1 OR b = 2") == ["a = 1 OR b = 2"]
    assert split_conjuncts("") == []
    assert split_conjuncts(x.visit == 5) == ["visit = 5"]


def test_conditions_of_any_kind_are_joined_by_and():
    assert unparse(conjoined("a = 1 OR b = 2", x.c == 3, None, "", parse("d = 4 AND e = 5"))) == (
        "(a = 1 OR b = 2) AND c = 3 AND d = 4 AND e = 5"
    )
    assert conjoined("", None) is None


def test_queries_are_values(data_ids):
    import pickle

    query = data_ids("visit IN (1, 2) AND visit.region OVERLAPS POINT(1, 2)")
    assert query == data_ids("visit IN (1, 2) AND visit.region OVERLAPS POINT(1, 2)")
    assert pickle.loads(pickle.dumps(query)) == query
    assert hash(query) == hash(pickle.loads(pickle.dumps(query)))
    assert isinstance(data_ids("visit = 1").where.terms[0], Comparison)
