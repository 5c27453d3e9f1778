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
from bunter.errors import GraphError

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


def test_a_dry_run_counts_and_writes_nothing(command, folder):
    before = sorted(folder.iterdir())
    done = command("-d", "exposure = 2", "--dry-run", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["task"], row["quanta"], row["inputs"], row["outputs"]) for row in rows] == [
        ("isr", 2, 4, 2), ("sum", 1, 2, 1),
    ]  # fmt: skip
    assert [(row["targets"], row["needed"], row["companions"], row["candidates"]) for row in rows] == [
        (2, 0, 0, 2), (1, 0, 0, 1),
    ]  # fmt: skip
    assert {row["cpu"] for row in rows} == {None}
    assert sorted(folder.iterdir()) == before


def test_a_graph_is_written_shown_and_asked(command, folder):
    file = str(folder / "plan.bqg")
    assert "wrote" in command("-d", "detector = 1", "--output-run", "u/1", "-q", file).stderr
    listed = command("show", file, "--task", "sum", "--where", "exposure=3", "--json", build=False)
    assert json.loads(listed.stdout)["frames"] == 1
    assert "1 quantum planned" in command("why", file, "isr", "exposure=3", "detector=1", build=False).stdout
    assert "never a candidate" in command("why", file, "isr", "exposure=3", "detector=0", build=False).stdout
    assert len(command("show", file, "--edges", "--json", build=False).stdout.splitlines()) == 4


def test_what_is_missing_is_asked_for(command):
    assert "give -q FILE" in command().stderr
    assert "give -b REPO" in command("--dry-run", build=False).stderr


def test_an_empty_graph_is_an_error(command):
    with pytest.raises(GraphError, match="nothing to run"):
        command("-d", "exposure = 77", "--dry-run")
