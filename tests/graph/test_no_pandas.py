"""Reading a repository and building a graph of it do not wait for pandas to be imported."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from repository import example, in_memory
from bunter.graph import build_graph
butler = in_memory("no-pandas")
assert butler.query_datasets("raw", "raw").to_arrow().num_rows == 8
assert len(list(butler.query_datasets("raw", "raw", where="exposure.exposure > 1", instrument="Cam"))) == 6
assert butler.calibrations("flat", ["calib"]).num_rows
assert build_graph(butler, example(), inputs="in", output_run="u/run").tasks
print("pandas" in sys.modules)
"""


def test_neither_queries_nor_graphs_import_pandas():
    if importlib.util.find_spec("pandas") is None:
        pytest.skip("pandas is not installed")
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=here, check=False)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
