"""Arrow is used without paying for pandas."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bunter.values import pyarrow
from bunter.values.arrow import values_of

SCRIPT = """
import sys
from bunter.values import pyarrow
pa = pyarrow()
table = pa.table({"a": [1, 2], "b": ["x", None]})
before = "pandas" in sys.modules
frame = table.to_pandas()
print(before, list(frame["a"]), pa.Table.from_pandas(frame).num_rows, pa.array(frame["a"]).to_pylist(), pyarrow() is pa)
"""


def test_arrays_do_not_import_pandas_and_conversions_still_find_it():
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout == "False [1, 2] 2 [1, 2] True\n"


def test_values_of_an_array_are_those_of_to_pylist():
    pa = pyarrow()
    n = 200
    arrays = [
        pa.array(range(n), pa.int64()),
        pa.array([f"t{i % 7}" for i in range(n)], pa.string()),
        pa.array([i / 3 for i in range(n)], pa.float64()),
        pa.array([i % 2 == 0 for i in range(n)]),
        pa.array([bytes([i % 256]) * 16 for i in range(n)], pa.binary(16)),
        pa.array([bytes([i % 256]) * (i % 3) for i in range(n)], pa.binary()),
        pa.array([None if i % 5 == 0 else i for i in range(n)], pa.int64()),
        pa.array([None if i % 5 == 0 else str(i) for i in range(n)], pa.string()),
        pa.array([], pa.int64()),
    ]
    for whole in arrays:
        for array in (whole, whole[3:], whole[:2]):
            values = values_of(array)
            assert values == array.to_pylist()
            assert list(map(type, values)) == list(map(type, array.to_pylist()))
