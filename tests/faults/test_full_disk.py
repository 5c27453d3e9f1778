"""A file system that fills up while a repository on it is written."""

import subprocess
import sys
from pathlib import Path

import pytest

from own_file_system import SPACE, can_mount

__all__ = ["can_mount"]


@pytest.mark.usefixtures("can_mount")
@pytest.mark.parametrize(("left", "fit"), [(0, 0), (4_096, 0), (100_000, 0), (700_000, 2)])
def test_a_full_disk_under_the_cache_is_told_once_and_is_no_obstacle(left, fit, tmp_path):
    script = str(Path(__file__).with_name("full_disk_under_a_cache.py"))
    command = [*SPACE, sys.executable, script, str(tmp_path), str(left)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["wrong 0", f"cached {fit} torn 0", "warnings 1 True"]


@pytest.mark.slow
@pytest.mark.usefixtures("can_mount")
@pytest.mark.parametrize("left", [0, 8_192, 100_000, 400_000])
def test_a_full_disk_is_said_and_loses_nothing(left, tmp_path):
    command = [*SPACE, sys.executable, str(Path(__file__).with_name("full_disk.py")), str(tmp_path), str(left)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert told["said"], "the disk was to fill up"
    assert any(words in told["said"].lower() for words in ("no space", "disk is full", "disk full", "full")), told[
        "said"
    ]
    code, traceback, *_ = told["command"].split()
    assert (code != "0", traceback) == (True, "False"), told["command"]
    assert told["readable"] == "True" or "is full" in told["readable"]
    assert told["later"] == "True"
    assert told["clean"].startswith("clean: ")
    assert told["again"] == "True"
