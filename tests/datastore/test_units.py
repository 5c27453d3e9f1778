"""Units of columns survive the way from one library of tables to another."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from bunter.datastore.format import ReadRequest, format_of


def table():
    return Table({"id": [1, 2], "flux": [1.0, 2.0], "odd": [3, 4]}, units={"flux": "nJy"})


@pytest.mark.parametrize("form", ["parquet", "ecsv", "fits"])
def test_an_astropy_table_read_by_pandas_tells_its_units(form):
    form = format_of(form)
    frame = form.from_bytes(form.to_bytes(table()), ReadRequest("pandas:DataFrame"))
    assert frame.attrs["units"] == {"flux": "nJy"}


def test_an_astropy_table_read_by_arrow_tells_its_units_beside_the_fields():
    form = format_of("parquet")
    found = form.from_bytes(form.to_bytes(table()), ReadRequest("pyarrow:Table"))
    assert found.schema.field("flux").metadata[b"unit"] == b"nJy"
    assert b"unit" not in found.schema.field("id").metadata


def test_units_in_the_attributes_of_a_frame_are_those_of_the_astropy_table():
    frame = pd.DataFrame({"flux": [1.0], "counts": [2]})
    frame.attrs["units"] = {"flux": "nJy", "counts": "furlongs per fortnight"}
    form = format_of("parquet")
    found = form.from_bytes(form.to_bytes(frame), ReadRequest("astropy.table:Table"))
    assert found["flux"].unit == "nJy"
    assert str(found["counts"].unit) == "furlongs per fortnight"
    again = form.from_bytes(form.to_bytes(frame), ReadRequest("pandas:DataFrame"))
    assert again.attrs == frame.attrs


def test_units_that_other_programs_put_beside_the_fields_are_taken():
    fields = [pa.field("flux", pa.float64(), metadata={"unit": "nJy"}), pa.field("x", pa.int64())]
    out = io.BytesIO()
    pq.write_table(pa.table([[1.0], [2]], schema=pa.schema(fields)), out)
    form = format_of("parquet")
    found = form.from_bytes(out.getvalue(), ReadRequest("astropy.table:Table"))
    assert (found["flux"].unit, found["x"].unit) == ("nJy", None)
    assert form.from_bytes(out.getvalue(), ReadRequest("pandas:DataFrame")).attrs["units"] == {"flux": "nJy"}


def test_notes_of_strangers_that_make_no_sense_are_left_alone():
    schema = pa.schema([pa.field("x", pa.int64(), metadata={"bunter.column": "[", "unit": b"\xff"})])
    out = io.BytesIO()
    pq.write_table(pa.table([[2]], schema=schema), out)
    found = format_of("parquet").from_bytes(out.getvalue(), ReadRequest("pandas:DataFrame"))
    assert list(found["x"]) == [2]


def test_a_small_image_in_hdf5_takes_no_more_than_its_pixels():
    pixels = np.random.default_rng(1).normal(size=(300, 300)).astype("f4")
    assert len(format_of("hdf5").to_bytes({"image": pixels})) < pixels.nbytes * 1.1


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (table()[:1], "2 rows in the old one and 1 in the new one"),
        (
            Table({"id": [1, 3], "flux": [1.0, 2.0], "odd": [3, 4]}, units={"flux": "nJy"}),
            "1 of 2 rows of column id differ",
        ),
        (Table({"id": [1, 2], "flux": [1.0, 2.0], "odd": [3, 4]}, units={"flux": "Jy"}), "column flux has the unit"),
    ],
)
def test_tables_in_fits_differ_by_rows_and_columns(new, words):
    form = format_of("fits")
    said = form.difference(form.to_bytes(table()), form.to_bytes(new))
    assert said.startswith("HDU 1: ")
    assert words in said
    assert "numpy" not in said
