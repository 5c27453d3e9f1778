"""The command `bunter qgraph`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from repository import fill

from bunter.butler import Butler
from bunter.cli.commands.graph import qgraph
from bunter.errors import GraphError, KeyTakenError

TASKS = """
from bunter.pipeline import Connections, Input, Output, PipelineTask, PrerequisiteInput, TaskConfig

FRAME = ("instrument", "exposure", "detector")


class Isr(PipelineTask):
    class Connections(Connections, dimensions=FRAME):
        raw = Input("raw", "StructuredDataDict", dimensions=FRAME)
        bias = PrerequisiteInput("bias", "StructuredDataDict", dimensions=("instrument", "detector"), is_calibration=True)
        out = Output("post_isr", "StructuredDataDict", dimensions=FRAME)

    def run(self, raw, bias):
        return {"out": raw}


class Sum(PipelineTask):
    class Connections(Connections, dimensions=("instrument", "exposure")):
        frames = Input("post_isr", "StructuredDataDict", dimensions=FRAME, multiple=True)
        total = Output("total", "StructuredDataDict", dimensions=("instrument", "exposure"))

    def run(self, frames):
        return {"total": len(frames)}
"""
PIPELINE = """
description: frames and their sum
tasks:
  isr: qgraph_tasks.Isr
  sum: qgraph_tasks.Sum
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qgraph")
    fill(Butler.create(folder / "repo")).close()
    (folder / "qgraph_tasks.py").write_text(TASKS)
    (folder / "pipe.yaml").write_text(PIPELINE)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def command(folder):
    def run(*arguments, build=True):
        given = [
            "-b",
            str(folder / "repo"),
            "-p",
            str(folder / "pipe.yaml"),
            "--trust",
            "qgraph_tasks",
            "-i",
            "raw,calib",
        ]
        return CliRunner().invoke(qgraph, [*(given if build else []), *arguments], catch_exceptions=False)

    return run


def contents(folder):
    return sorted(path for path in folder.iterdir() if path.name != "__pycache__")  # which Python makes when it likes


def test_a_dry_run_counts_and_writes_nothing(command, folder):
    before = contents(folder)
    done = command("-d", "exposure = 2", "--dry-run", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["task"], row["quanta"], row["inputs"], row["outputs"]) for row in rows] == [
        ("isr", 2, 4, 2), ("sum", 1, 2, 1),
    ]  # fmt: skip
    assert [(row["targets"], row["needed"], row["companions"], row["candidates"]) for row in rows] == [
        (2, 0, 0, 2), (1, 0, 0, 1),
    ]  # fmt: skip
    assert {row["cpu"] for row in rows} == {None}
    assert contents(folder) == before


def test_a_graph_is_written_shown_and_asked(command, folder):
    file = str(folder / "plan.bqg")
    assert "wrote" in command("-d", "detector = 1", "--output-run", "u/1", "-q", file).stderr
    listed = command("show", file, "--task", "sum", "--where", "exposure=3", "--json", build=False)
    assert json.loads(listed.stdout)["frames"] == 1
    assert "1 quantum planned" in command("why", file, "isr", "exposure=3", "detector=1", build=False).stdout
    assert "never a candidate" in command("why", file, "isr", "exposure=3", "detector=0", build=False).stdout
    assert len(command("show", file, "--edges", "--json", build=False).stdout.splitlines()) == 4


def test_one_quantum_is_shown_whole_and_those_of_a_task_become_a_table(command, folder, s3_place):
    import pyarrow.parquet as pq

    place = f"{s3_place}/plan.bqg"
    command("-d", "detector = 1", "--output-run", "u/1", "-q", place)
    shown = json.loads(command("show", place, "--quantum", "0", "--json", build=False).stdout)
    assert (shown["task"], shown["data_id"]["detector"]) == ("isr", 1)
    assert [one["exists"] for one in shown["inputs"]["raw"]] == [True]
    listed = [
        json.loads(line) for line in command("show", place, "--task", "isr", "--json", build=False).stdout.splitlines()
    ]
    command("show", place, "--task", "isr", "--parquet", str(folder / "quanta.parquet"), build=False)
    assert pq.read_table(folder / "quanta.parquet").to_pylist() == listed
    assert "needs --task" in command("show", place, "--parquet", "x", build=False).stderr
    with pytest.raises(KeyTakenError, match="is there already"):
        command("show", place, "--task", "isr", "--parquet", str(folder / "quanta.parquet"), build=False)


def test_what_is_missing_is_asked_for(command):
    assert "give -q FILE" in command().stderr
    assert "give -b REPO" in command("--dry-run", build=False).stderr


def test_an_empty_graph_is_an_error(command):
    with pytest.raises(GraphError, match="nothing to run"):
        command("-d", "exposure = 77", "--dry-run")


def table(folder, name, columns):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from astropy.table import Table

    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.table(columns), path)
    else:
        Table(columns).write(path, overwrite=True)
    return path


@pytest.mark.parametrize("name", ["ids.csv", "ids.ecsv", "ids.parquet"])
def test_a_table_of_data_ids_selects(command, folder, name):
    path = table(folder, name, {"instrument": ["Cam"] * 2, "exposure": [1, 4], "detector": [0, 1]})
    done = command("--data-id-table", str(path), "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    assert {row["task"]: row["quanta"] for row in map(json.loads, done.stdout.splitlines())} == {"isr": 2, "sum": 2}


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"exposure": [1], "detektor": [0]}, "a column 'detektor', which is no dimension; did you mean 'detector'"),
        ({"exposure": ["one"]}, "'exposure' must be an integer, not 'one'"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(command, folder, columns, sentence):
    path = table(folder, "bad.csv", columns)
    done = command("--data-id-table", str(path), "--dry-run")
    assert done.exit_code == 2
    assert sentence in done.output


def test_a_table_with_gaps_or_without_rows_is_refused(command, folder):
    path = folder / "gaps.csv"
    for text, sentence in (
        ("exposure,detector\n1,\n", "row 0 of the data IDs has no value for 'detector'"),
        ("exposure\n", "no rows"),
    ):
        path.write_text(text)
        done = command("--data-id-table", str(path), "--dry-run")
        assert done.exit_code == 2
        assert sentence in done.output
