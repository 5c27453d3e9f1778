import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.datastore.formats.buffers import array_of, values_of

DTYPES = ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8"]


@given(st.sampled_from(DTYPES), st.lists(st.tuples(st.integers(0, 100), st.booleans())), st.integers(0, 9))
def test_numbers_come_back_with_their_mask_also_from_a_slice(dtype, rows, begin):
    values = np.array([value for value, _ in rows], dtype)
    mask = np.array([masked for _, masked in rows], bool)
    array = array_of(values, mask)
    array.validate(full=True)
    assert array.to_pylist() == [None if masked else value for value, masked in zip(values.tolist(), mask, strict=True)]
    part, nulls = values_of(array.slice(begin))
    assert part.dtype == values.dtype
    there = np.zeros(len(part), bool) if nulls is None else nulls
    assert (there == mask[begin:]).all()
    assert (part[~there] == values[begin:][~there]).all()
    assert not part[there].any()


@given(st.lists(st.none() | st.text()), st.integers(0, 5))
def test_texts_come_back(items, begin):
    array = array_of(np.array(items, object), None)
    array.validate(full=True)
    assert array.type == pa.string()
    values, _ = values_of(array.slice(begin))
    assert values.tolist() == items[begin:]


@given(st.lists(st.binary(), min_size=1))
def test_bytes_come_back(items):
    values = np.empty(len(items), object)
    values[:] = items
    assert values_of(array_of(values, None))[0].tolist() == items


def test_arrays_are_those_that_arrow_makes_itself():
    for values in (np.array([1.5, np.nan]), np.array([True, False]), np.array(["a", "é"]), np.array([], "f4")):
        assert array_of(values, None).equals(pa.array(values)) or values.dtype.kind == "f"
        assert array_of(values, None).type == pa.array(values).type


def test_tables_are_written_and_read_without_pandas():
    pytest.importorskip("pandas")
    code = """
        import sys
        from astropy.table import Table
        from bunter.datastore.format import ReadRequest, format_of
        form = format_of("parquet")
        table = Table({"x": [1, 2], "f": [1.5, 2.5], "b": [True, False], "s": ["a", "b"]})
        form.from_bytes(form.to_bytes(table), ReadRequest("astropy.table:Table"))
        print("pandas" in sys.modules)
    """
    lines = "\n".join(line.strip() for line in code.splitlines())
    found = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
