"""How long it takes before anything happens: CPU time with cached bytecode, the least of several runs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

SURVEY = Path(__file__).parents[1] / "pipeline" / "packages"
RUNS = 5
COMMAND = ("-c", "from bunter.cli import main; main()")
# Goals are for an idle machine of today; a slower or busy one may set BUNTER_SLOWNESS=2 to be given twice the time.
SLOWNESS = float(os.environ.get("BUNTER_SLOWNESS", "1"))


def cpu_seconds(*command, runs=RUNS):
    """Least CPU time of a command over several runs, after one that writes the bytecode."""
    environment = {**os.environ, "PYTHONPATH": str(SURVEY)}
    found = []
    for _ in range(runs + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found[1:])


@pytest.mark.parametrize(
    ("goal", "arguments"),
    [
        (0.15, ["-c", "import bunter"]),
        (0.2, [*COMMAND, "--help"]),
        (1.0, [*COMMAND, "pipeline", "check", "survey:drp.yaml"]),
        (0.6, [*COMMAND, "pipeline", "draw", "survey:drp.yaml"]),
    ],
    ids=["import", "help", "check a pipeline", "draw a pipeline"],
)
def test_starts_within_its_goal(goal, arguments):
    assert cpu_seconds(sys.executable, *arguments) < goal * SLOWNESS


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import bunter", {"numpy", "astropy", "pyarrow", "sqlalchemy", "pydantic", "yaml", "click", "lsst"}),
        ("import bunter.cli.program", {"numpy", "astropy", "pyarrow", "sqlalchemy", "pydantic", "yaml", "lsst"}),
        ("from bunter.pipeline import PipelineGraph", {"numpy", "astropy", "pyarrow", "sqlalchemy", "pydantic"}),
        ("from bunter.pipeline import PipelineTask, Struct, TaskConfig", {"numpy", "astropy", "pyarrow", "sqlalchemy"}),
    ],
)
def test_leaves_heavy_libraries_alone(statement, absent):
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not absent & set(done.stdout.split())
