"""Records from tables of every kind, and from files."""

import json

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from bunter.dimensions import Records, Universe
from bunter.dimensions.record_files import read_records
from bunter.errors import DimensionNameError, DimensionValueError
from bunter.geometry import Region
from bunter.values import Timespan

UNIVERSE = Universe.default()
VISIT = UNIVERSE["visit"]
EXPOSURE = UNIVERSE["exposure"]
pandas = pytest.importorskip("pandas")

SPAN = Timespan.from_times("2026-01-01T00:00:00", "2026-01-01T00:00:30")
NAMES = {
    "instrument": ["Cam", "Cam"],
    "id": [1, 2],
    "name": ["v1", "v2"],
    "physical_filter": ["g", "g"],
    "day_obs": [3, 3],
}
ROWS = [{name: values[place] for name, values in NAMES.items()} | {"exposure_time": 30.0} for place in (0, 1)]


def expected(**more):
    return Records.from_rows(VISIT, [{**row, **more} for row in ROWS])


def columns(**more):
    return {**NAMES, "exposure_time": [30.0, 30.0], **more}


@pytest.mark.parametrize(
    "table",
    [
        columns(),
        pa.table(columns()),
        pa.table(columns()).to_batches()[0],
        Table(columns()),
        Table(columns()).as_array(),
        pandas.DataFrame(columns()),
        pandas.DataFrame({**columns(), "instrument": pandas.Categorical(["Cam", "Cam"])}),
        {**columns(), "id": np.array([1, 2], dtype=np.uint16)},
        {**columns(), "instrument": "Cam"},
        QTable({**columns(), "exposure_time": [0.5, 0.5] * u.min}),
        Table({**columns(), "exposure_time": Column([0.5, 0.5], unit="min")}),
    ],
    ids=[
        "mapping",
        "arrow",
        "batch",
        "astropy",
        "structured",
        "pandas",
        "categories",
        "unsigned",
        "constant",
        "units",
        "column unit",
    ],
)
def test_a_table_of_any_kind_gives_the_same_records(table):
    assert Records.of(VISIT, table).columns == expected().columns


def test_polars_frames_are_taken():
    polars = pytest.importorskip("polars")
    assert Records.of(VISIT, polars.DataFrame(columns())).columns == expected().columns


def test_what_is_not_known_is_masked_nan_or_null():
    unknown = Records.from_rows(VISIT, [ROWS[0], {**ROWS[1], "exposure_time": None, "seq_num": 4}])
    for table in (
        pandas.DataFrame(columns(exposure_time=[30.0, float("nan")], seq_num=[None, 4.0])),
        pa.table(columns(exposure_time=[30.0, None], seq_num=[None, 4])),
        Table(
            columns(
                exposure_time=MaskedColumn([30.0, 1.0], mask=[False, True]),
                seq_num=MaskedColumn([0, 4], mask=[True, False]),
            )
        ),
    ):
        assert Records.of(VISIT, table).columns == unknown.columns


@pytest.mark.parametrize(
    "times",
    [
        {"timespan": [SPAN, SPAN]},
        {"timespan_begin": [SPAN.begin] * 2, "timespan_end": [SPAN.end] * 2},
        {"timespan_begin": Time([SPAN.begin_time] * 2), "timespan_end": Time([SPAN.end_time] * 2)},
        {"datetime_begin": ["2026-01-01T00:00:00"] * 2, "datetime_end": ["2026-01-01T00:00:30"] * 2},
        {"timespan_begin": ["2026-01-01T00:00:37"] * 2, "timespan_end": ["2026-01-01T00:01:07"] * 2},
        {"timespan_begin": ["2026-01-01T00:00:00/utc"] * 2, "timespan_end": ["2026-01-01T00:00:30Z"] * 2},
        {
            "datetime_begin": np.array(["2026-01-01T00:00:00"] * 2, dtype="M8[s]"),
            "datetime_end": pa.array([np.datetime64("2026-01-01T00:00:30").item()] * 2),
        },
        {
            "datetime_begin": [np.datetime64("2026-01-01T00:00:00").item()] * 2,
            "datetime_end": [np.datetime64("2026-01-01T00:00:30").item()] * 2,
        },
        {
            "timespan_begin": [np.datetime64("2026-01-01T00:00:37").item()] * 2,
            "timespan_end": [np.datetime64("2026-01-01T00:01:07").item()] * 2,
        },
    ],
    ids=["spans", "numbers", "astropy", "utc text", "tai text", "scaled", "arrays", "utc clock", "tai clock"],
)
def test_times_are_taken_in_every_form(times):
    assert Records.of(VISIT, columns(**times)).columns == expected(timespan=SPAN).columns


def test_an_end_that_is_not_known_is_open():
    found = Records.of(VISIT, columns(datetime_begin=["2026-01-01", None], datetime_end=[None, None]))
    spans = [record.timespan for record in found]
    assert spans == [Timespan.from_times("2026-01-01", None), None]


@given(st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=5))
def test_astropy_times_keep_their_nanoseconds(instants):
    times = Time([Timespan(begin=each).begin_time for each in instants])
    table = {"instrument": "Cam", "id": list(range(len(instants))), "timespan_begin": times}
    found = Records.of(UNIVERSE["day_obs"], table).columns["timespan_begin"]
    assert all(abs(a - b) <= 1 for a, b in zip(found, instants, strict=True))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"nam": [1, 2]}, DimensionNameError, "did you mean 'name'"),
        ({"visit": [1, 2]}, DimensionNameError, "twice"),
        ({"id": [1.5, 2.0]}, DimensionValueError, "row 0.*visit"),
        ({"id": [1, None]}, DimensionValueError, "row 1.*must have a value"),
        ({"id": [1]}, DimensionValueError, "different lengths"),
        ({"name": ["x" * 65, "y"]}, DimensionValueError, "row 0.*64 characters"),
        ({"name": ["x", ""]}, DimensionValueError, "row 1.*printable"),
        ({"exposure_time": ["a", "b"]}, DimensionValueError, "must be a number"),
        ({"region": ["CIRCEL 1 2 3", None]}, DimensionValueError, "row 0.*CIRCLE"),
        ({"timespan": [(2, 1), None]}, DimensionValueError, "row 0"),
        ({"timespan_begin": [3, 3], "timespan_end": [2, 4]}, DimensionValueError, "row 0.*end after"),
        ({"datetime_begin": ["yesterday", None]}, DimensionValueError, "row 0.*time"),
    ],
)
def test_a_wrong_column_is_refused_with_its_row(change, error, says):
    with pytest.raises(error, match=says):
        Records.of(VISIT, columns(**change))


def test_a_key_column_must_be_there():
    with pytest.raises(DimensionNameError, match="need a column 'instrument'"):
        Records.of(VISIT, {"id": [1]})


def test_regions_may_be_text_or_objects():
    region = Region.circle(10, 20, 0.5)
    for given_ in (region, region.encode(), "CIRCLE 10 20 0.5"):
        assert next(iter(Records.of(VISIT, columns(region=[given_, None])))).region == region


FILES = {
    "a.csv": "instrument,id,name,physical_filter,day_obs,exposure_time\nCam,1,v1,g,3,30\nCam,2,v2,g,3,30\n",
    "a.json": json.dumps(ROWS),
    "a.jsonl": "\n".join(map(json.dumps, ROWS)),
    "a.yaml": "\n".join(f"- {json.dumps(row)}" for row in ROWS),
}


@pytest.mark.parametrize("name", [*FILES, "a.parquet", "a.ecsv"])
def test_records_are_read_from_files(tmp_path, name):
    path = tmp_path / name
    if name in FILES:
        path.write_text(FILES[name])
    elif name == "a.parquet":
        parquet.write_table(pa.table(columns()), path)
    else:
        Table(columns()).write(path)
    assert read_records(VISIT, path).columns == expected().columns


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.cvs", "", r"\.csv"),
        ("a.csv", "instrument,id\nCam,one\n", "a.csv: .*one"),
        ("a.csv", "instrument,id\nCam\n", "a.csv"),
        ("a.csv", "", "a.csv"),
        ("a.json", "[1]", "record 0"),
        ("a.json", "nothing", "neither"),
        ("a.yaml", "- [", "not YAML"),
        ("a.ecsv", "x", "no ECSV"),
        ("a.parquet", "x", "no Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(DimensionValueError, match=says):
        read_records(VISIT, tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DimensionValueError, match=r"cannot read .*b\.csv"):
        read_records(VISIT, tmp_path / "b.csv")


texts = st.text(st.characters(categories=("L", "N"), include_characters="_- "), min_size=1, max_size=8).filter(
    str.isprintable
)


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.none() | texts,
            st.none() | st.floats(allow_nan=False),
            st.none() | st.booleans(),
            st.none() | st.tuples(st.integers(-(2**60), 2**60), st.integers(1, 2**40)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_tables_and_rows_give_the_same_records(rows):
    base = {"instrument": "Cam", "obs_id": "o", "physical_filter": "g", "group": "a", "day_obs": 1}
    made = [
        {**base, "id": key, "target_name": text, "dark_time": number, "can_see_sky": flag}
        | {"timespan": None if span is None else Timespan(span[0], span[0] + span[1])}
        for key, text, number, flag, span in rows
    ]
    want = Records.from_rows(EXPOSURE, made)
    arrow = want.to_arrow()
    for table in (arrow, {name: arrow.column(name).to_pylist() for name in arrow.column_names}):
        assert Records.from_table(EXPOSURE, table).columns == want.columns
