import numpy as np
import pyarrow as pa
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st

from bunter.datastore.format import ReadRequest, format_of
from bunter.datastore.formats.buffers import array_of, values_of

WISH = ReadRequest("astropy.table:Table")
LETTERS = st.text(st.characters(max_codepoint=130), max_size=6)


@given(st.lists(LETTERS, min_size=1), st.integers(0, 5))
def test_texts_of_a_width_come_back_whatever_they_hold(items, begin):
    values = np.array(items)
    array = array_of(values, None)
    array.validate(full=True)
    assert array.equals(pa.array(values.tolist(), pa.string()))
    part, mask = values_of(array.slice(begin), values.dtype)
    assert mask is None
    assert part.astype(values.dtype).tolist() == values[begin:].tolist()


@given(st.lists(st.binary(max_size=5), min_size=1))
def test_bytes_of_a_width_come_back_whatever_they_hold(items):
    values = np.array(items)
    array = array_of(values, None)
    array.validate(full=True)
    assert array.equals(pa.array(values.tolist(), pa.binary()))
    part, _ = values_of(array, values.dtype)
    assert part.astype(values.dtype).tolist() == values.tolist()


@given(st.lists(st.tuples(st.text("ab", max_size=3), st.booleans()), min_size=1))
def test_masked_texts_are_null_and_come_back_empty(rows):
    values, mask = np.array([text for text, _ in rows]), np.array([masked for _, masked in rows])
    array = array_of(values, mask)
    assert array.to_pylist() == [None if masked else text for text, masked in zip(values.tolist(), mask, strict=True)]
    part, nulls = values_of(array, values.dtype)
    there = mask if nulls is None else nulls
    assert (there == mask).all()
    assert part.astype(values.dtype)[~mask].tolist() == values[~mask].tolist()


def test_a_table_comes_back_with_its_types_units_and_byte_order():
    table = Table(
        {
            "big": np.array([1.5, 2.5], ">f8"),
            "small": np.array([1, 2], "i2"),
            "name": np.array(["a", "bcd"]),
            "far": np.array(["é", "b"]),
            "wide": np.array([[1, 2], [3, 4]]),
            "some": MaskedColumn([1, 2], mask=[False, True]),
        },
        meta={"origin": "here"},
    )
    table["small"].unit = "deg"
    table["name"].description = "what it is called"
    made = format_of("parquet")
    found = made.from_bytes(made.to_bytes(table), WISH)
    assert found.colnames == table.colnames
    assert [found[name].dtype for name in found.colnames] == [table[name].dtype for name in table.colnames]
    assert (found["small"].unit, found["name"].description, found.meta) == (
        table["small"].unit,
        "what it is called",
        table.meta,
    )
    for name in table.colnames:
        assert found[name].tolist() == table[name].tolist()
        found[name][0] = found[name][1]  # what was read can be written


def test_a_large_table_is_packed_tighter_than_a_small_one():
    made = format_of("parquet")
    small, large = (pa.BufferReader(made.to_bytes(Table({"x": np.arange(rows)}))) for rows in (100, 100_000))
    kinds = [pa.parquet.ParquetFile(each).metadata.row_group(0).column(0).compression for each in (small, large)]
    assert kinds == ["SNAPPY", "ZSTD"]
