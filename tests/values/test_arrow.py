"""Arrow is used without paying for pandas."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
