"""Records: rows as users write them become checked columns, and come back."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from bunter.dimensions import Records, Universe
from bunter.errors import DimensionNameError, DimensionValueError
from bunter.geometry import Region
from bunter.values import Timespan

UNIVERSE = Universe.default()
VISIT = {
    "instrument": "I",
    "id": 7,
    "name": "seven",
    "physical_filter": "r1",
    "day_obs": 20240101,
    "exposure_time": np.float32(30),
    "timespan": ("2024-01-01T00:00:00/tai", "2024-01-01T00:00:30/tai"),
    "region": Region.circle(10, 20, 1),
}


def test_a_row_becomes_columns_and_a_record():
    records = Records.from_rows(UNIVERSE["visit"], [VISIT])
    assert records.columns["visit"] == [7]
    assert records.columns["timespan_end"][0] - records.columns["timespan_begin"][0] == 30 * 10**9
    (record,) = records
    assert (record.id, record.visit, record.name, record["exposure_time"]) == (7, 7, "seven", 30.0)
    assert record.region == VISIT["region"]
    assert record.timespan == Timespan.from_times(*VISIT["timespan"])
    assert record.seq_num is None
    assert repr(record.data_id) == "{instrument: 'I', visit: 7}"
    assert "seven" in repr(record)
    assert "seven" in record._repr_html_()
    assert "exposure_time" in dir(record)


def test_records_survive_rows_arrow_and_pickle():
    records = Records.from_rows(UNIVERSE["visit"], [VISIT, {**VISIT, "id": 8, "name": "eight", "timespan": None}])
    assert Records.from_rows(UNIVERSE["visit"], records.rows()).columns == records.columns
    assert Records.from_arrow(UNIVERSE["visit"], records.to_arrow()).columns == records.columns
    assert pickle.loads(pickle.dumps(records)).columns == records.columns
    assert pickle.loads(pickle.dumps(next(iter(records)))) == next(iter(records))
    assert len(records) == 2
    assert list(records)[1].timespan is None


def test_a_record_knows_its_full_data_id_where_it_can():
    (record,) = Records.from_rows(UNIVERSE["physical_filter"], [{"instrument": "I", "name": "r1", "band": "r"}])
    assert record.data_id.is_full
    assert record.data_id["band"] == "r"


def test_open_and_empty_timespans_are_kept():
    spans = [Timespan(None, 5), Timespan(3), Timespan.EMPTY, Timespan.instant(0)]
    rows = [{"instrument": "I", "id": n, "timespan": span} for n, span in enumerate(spans)]
    records = Records.from_rows(UNIVERSE["day_obs"], rows)
    assert [record.timespan for record in records] == spans
    assert Records.from_arrow(UNIVERSE["day_obs"], records.to_arrow()).columns == records.columns


def test_times_may_be_given_as_two_fields():
    row = {"instrument": "I", "id": 1, "datetime_begin": "2024-01-01", "datetime_end": "2024-01-02"}
    (record,) = Records.from_rows(UNIVERSE["day_obs"], [row])
    assert record.timespan == Timespan.from_times("2024-01-01", "2024-01-02")


def test_not_a_number_is_unknown():
    (record,) = Records.from_rows(UNIVERSE["visit"], [{**VISIT, "azimuth": math.nan}])
    assert record.azimuth is None


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        ({"id": "7"}, DimensionValueError, "row 1 of 'visit': 'visit' must be an integer"),
        ({"id": None}, DimensionValueError, "must have a value"),
        ({"name": None}, DimensionValueError, "'name' must have a value"),
        ({"name": "x" * 65}, DimensionValueError, "64 characters"),
        ({"exposure_time": "long"}, DimensionValueError, "must be a number"),
        ({"exposuretime": 3}, DimensionNameError, "row 1: .*did you mean 'exposure_time'"),
        ({"region": "somewhere"}, DimensionValueError, "must be a Region"),
        ({"timespan": ("2024-01-02", "2024-01-01")}, DimensionValueError, "ends after it begins"),
    ],
)
def test_a_wrong_row_is_named(change, kind, sentence):
    with pytest.raises(kind, match=sentence):
        Records.from_rows(UNIVERSE["visit"], [VISIT, {**VISIT, **change}])


def test_truth_values_and_hashes_are_checked():
    exposure = {
        "instrument": "I", "id": 1, "obs_id": "1", "physical_filter": "r", "group": "1", "day_obs": 20240101,
        "can_see_sky": np.bool_(True), "has_simulated": 0,
    }  # fmt: skip
    (record,) = Records.from_rows(UNIVERSE["exposure"], [exposure])
    assert (record.can_see_sky, record.has_simulated) == (True, False)
    with pytest.raises(DimensionValueError, match="true or false"):
        Records.from_rows(UNIVERSE["exposure"], [{**exposure, "can_see_sky": "maybe"}])
    with pytest.raises(DimensionValueError, match="must be bytes"):
        Records.from_rows(UNIVERSE["skymap"], [{"name": "s", "hash": "abc"}])
    with pytest.raises(DimensionValueError, match="40 bytes"):
        Records.from_rows(UNIVERSE["skymap"], [{"name": "s", "hash": b"x" * 41}])


def test_a_field_that_is_not_there_is_an_attribute_error():
    (record,) = Records.from_rows(UNIVERSE["visit"], [VISIT])
    with pytest.raises(AttributeError, match="did you mean 'exposure_time'"):
        _ = record.exposuretime
