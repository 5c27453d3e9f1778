"""A file system that fills up under a task, under what it writes, or under the folder of its run."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from own_file_system import SPACE, can_mount

__all__ = ["can_mount"]


@pytest.fixture
def place():
    """A folder whose name is short enough for the sockets of workers, with a file system below it."""
    with tempfile.TemporaryDirectory(prefix="full-") as name:
        yield name


@pytest.mark.slow
@pytest.mark.usefixtures("can_mount")
@pytest.mark.parametrize(
    ("where", "left", "jobs"),
    [("repo", 0, 1), ("repo", 700_000, 2), ("runs", 45_000, 1), ("scratch", 100_000, 2)],
)
def test_a_run_on_a_full_disk_says_so_and_is_completed_by_the_same_command(where, left, jobs, place):
    script = str(Path(__file__).with_name("full_disk_run.py"))
    command = [*SPACE, sys.executable, script, place, where, str(left), str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    code, traceback = told["code"].split()
    assert (code != "0", traceback) == (True, "False"), told["said"]
    assert any(word in told["said"].lower() for word in ("no space", "full")), told["said"]
    assert told["registered"].startswith("True"), "what is registered is whole and right"
    assert told.get("summary", "True failed").split()[0] == "True", told
    assert told["again"].startswith("0"), told["again"]
    assert (told["right"], told["scratch"]) == ("True", "[]")
    assert told["clean"].startswith("clean: "), told["clean"]
