"""Runs that are killed at random moments, and the same command that completes them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_survey import CAM, make_repository

from bunter.butler import Butler
from bunter.execution import compare_runs

HERE = Path(__file__).parent
PIPELINE = """
description: three tasks in a row
tasks:
  reduce: {class: run_tasks.Reduce, config: {sleep_s: 0.01}}
  gather: run_tasks.Gather
  night: run_tasks.Night
"""
EXPOSURES, DETECTORS = 10, 4
BUNTER = [sys.executable, "-c", "from bunter.cli import main; main()", "--no-progress"]


@pytest.fixture
def repository(tmp_path):
    make_repository(tmp_path / "repo", EXPOSURES, DETECTORS).close()
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path / "repo"


def start(repository, jobs, *, output="out", **environment):
    command = [*BUNTER, "run", "-b", str(repository), "-p", str(repository.parent / "pipeline.yaml")]
    command += ["-i", "raw", "-o", output, "-d", "instrument = 'Cam'", "-j", str(jobs)]
    mark = f"bunter-test-{repository}"  # finds everything that a run has started, wherever it went
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "BUNTER_TEST_MARK": mark, **environment}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def marked(repository):
    """Processes that belong to a run of this repository and are not zombies."""
    mark = f"BUNTER_TEST_MARK=bunter-test-{repository}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                is_ours = mark in (entry / "environ").read_bytes().split(b"\0")
                is_zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except (OSError, ProcessLookupError):
                continue
            if is_ours and not is_zombie:
                found.append(int(entry.name))
    return found


def wait_until_gone(repository, seconds=60):
    end = time.monotonic() + seconds
    while left := marked(repository):
        assert time.monotonic() < end, f"{left} outlive their run"
        time.sleep(0.02)


def workers(repository, parent):
    """Worker processes: those that lead a group of their own."""
    return [pid for pid in marked(repository) if pid != parent and os.getpgid(pid) == pid]


def complete(repository, jobs=1, output="out"):
    process = start(repository, jobs, output=output)
    out, err = process.communicate(timeout=300)
    return process.returncode, out + err


def everything_is_readable(repository):
    """Read every registered dataset of the run; nothing is there twice."""
    with Butler(repository, writeable=True) as butler:
        if not butler.collections.query("out"):
            return 0
        count = 0
        for kind in butler.dataset_types.query():
            refs = list(butler.query_datasets(kind.name, "out", find_first=False))
            assert len({(ref.run, ref.data_id) for ref in refs}) == len(refs)
            for ref in refs:
                butler.get(ref)
            count += len(refs)
        return count


def is_complete(repository):
    assert everything_is_readable(repository) == EXPOSURES * DETECTORS * (1 + 3) + EXPOSURES * 3 + 3 + 4
    with Butler(repository, writeable=True) as butler:
        assert len(butler.info("out").children) == 2, "one run and the inputs"
        total = DETECTORS * 10 * sum(range(EXPOSURES))
        assert butler.get("night", CAM, collections="out") == {"total": total}
        report = butler.check(deep=True)
        assert report.is_clean, report
    equals_an_undisturbed_run(repository)
    stage = list(Path(repository, "data", ".stage").rglob("*"))
    assert [path for path in stage if path.is_file() and path.suffix != ".lock"] == []


def equals_an_undisturbed_run(repository):
    code, text = complete(repository, output="undisturbed")
    assert code == 0, text
    with Butler(repository, writeable=True) as butler:
        compared = compare_runs(butler, "out", "undisturbed").outputs
    assert {one.dataset_type for one in compared} >= {"reduced", "gathered", "night"}
    assert all((one.different, one.only, one.same) == (0, (0, 0), one.count[0]) for one in compared), compared


def kill_parent(process, repository, draw):
    os.kill(process.pid, signal.SIGKILL)


def kill_group(process, repository, draw):
    os.killpg(process.pid, signal.SIGKILL)


def kill_worker(process, repository, draw):
    if found := workers(repository, process.pid):
        os.kill(draw.choice(found), signal.SIGKILL)


def campaign(repository, seed, kills):
    draw = random.Random(seed)
    for _ in range(kills):
        strike(repository, draw, draw.choice([1, 2, 2]))
        wait_until_gone(repository)
        everything_is_readable(repository)
    is_done(repository)


def strike(repository, draw, jobs):
    """Kill a run at a random step of it, or something of it at a random time."""
    if draw.random() < 0.5:
        process = start(repository, jobs, BUNTER_KILL_AT=str(draw.randint(1, 600)))
        process.communicate(timeout=300)
        return
    process = start(repository, jobs)
    process.stderr.readline()  # "run ...: N quanta to do", or that there is nothing to do
    time.sleep(draw.random() * 0.8)
    if process.poll() is None:
        draw.choice([kill_parent, kill_group, kill_worker])(process, repository, draw)
    process.communicate(timeout=300)


def is_done(repository):
    code, text = complete(repository)
    assert code == 0, text
    is_complete(repository)


@pytest.mark.slow
def test_a_run_that_is_killed_now_and_then_is_completed_by_the_same_command(repository):
    campaign(repository, seed=20_260_101, kills=8)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100))
def test_a_run_survives_a_kill_at_a_moment(repository, seed):
    draw = random.Random(seed)
    strike(repository, draw, draw.choice([1, 2, 2]))
    wait_until_gone(repository)
    everything_is_readable(repository)
    is_done(repository)


HANDED = """
description: three tasks in a row, with results in memory
tasks:
  one: handover_tasks.One
  two: handover_tasks.Two
  three: handover_tasks.Three
"""


@pytest.mark.slow
def test_a_run_that_hands_results_over_survives_kills(repository):
    (repository.parent / "pipeline.yaml").write_text(HANDED)
    draw = random.Random(5)
    for _ in range(5):
        strike(repository, draw, draw.choice([1, 2, 2]))
        wait_until_gone(repository)
    code, text = complete(repository)
    assert code == 0, text
    with Butler(repository, writeable=True) as butler:
        assert butler.query_datasets("third", "out").count() == EXPOSURES * DETECTORS
        for ref in butler.query_datasets("third", "out"):
            assert butler.get(ref) == {"sum": 128.0 * (ref.data_id["exposure"] + 1)}
        assert butler.query_datasets("first", "out").count() == 0
        assert butler.check(deep=True).is_clean


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_signal_ends_a_run_cleanly_and_it_can_go_on(repository, jobs, number):
    text = PIPELINE.replace("0.01", "0.2")
    (repository.parent / "pipeline.yaml").write_text(text)
    process = start(repository, jobs)
    while not list(Path(repository, "data").rglob("reduced_Cam*.json")):
        time.sleep(0.02)
    time.sleep(0.1)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, out + err
    assert f"stopped by {number.name}" in out
    wait_until_gone(repository)
    with Butler(repository, writeable=True) as butler:
        assert butler.check(deep=True).is_clean
        assert 0 < butler.query_datasets("reduced", "out").count() < EXPOSURES * DETECTORS
        assert butler.query_datasets("gathered", "out").count() == 0
