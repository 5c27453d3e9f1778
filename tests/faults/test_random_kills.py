"""SIGKILL at random moments, as the out-of-memory killer and impatient users do it; the seed is printed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions
from bunter.demo.simulation import Night, Plan, write_night

PUT_LOOP = """
import sys
from bunter import Butler
with Butler(sys.argv[1], run="run1") as butler:
    for exposure in range(40):
        for detector in range(3):
            ref = butler.put({"e": exposure, "d": detector}, "thing", instrument="Cam", exposure=exposure, detector=detector)
            print(exposure, detector, flush=True)
"""


def kill_after(command, seconds):
    """Run a command, kill it with all its children after a while, and return what it had printed."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]
    assert process.returncode == 0, err
    return out


def clean(root, dataset_type):
    """Open for writing, which recovers; every registered dataset must be readable and nothing else be there."""
    with Butler(root, writeable=True) as butler:
        butler.repository.recover()
        kinds = butler.dataset_types.query(dataset_type)
        refs = [ref for kind in kinds for ref in butler.query_datasets(kind, "*", find_first=False)]
        for ref in refs:
            butler.get(ref)
        report = butler.check(deep=True)
        assert report.is_clean, report
    return refs


def rounds(count, longest_s, act):
    seed = int(os.environ.get("BUNTER_SEED", time.time_ns() % 10**9))
    print(f"BUNTER_SEED={seed}")  # noqa: T201 - whoever repeats a failure needs it
    moments = random.Random(seed)
    for _ in range(count):
        act(moments.uniform(0.1, longest_s))


def kill_put_loops(tmp_path, count):
    template = tmp_path / "template"
    with Butler.create(template) as butler:
        fill_dimensions(butler, exposures=40)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")

    def act(seconds):
        root = tmp_path / "repo"
        shutil.copytree(template, root)
        command = [sys.executable, "-c", PUT_LOOP, str(root)]
        out = kill_after(command, seconds)
        acknowledged = {tuple(map(int, line.split())) for line in out.splitlines() if line.count(" ") == 1}
        found = {(ref.data_id["exposure"], ref.data_id["detector"]) for ref in clean(root, "thing")}
        assert acknowledged <= found
        subprocess.run(command, check=True, capture_output=True)
        assert len(clean(root, "thing")) == 120
        shutil.rmtree(root)

    rounds(count, 1.6, act)


def kill_ingests(tmp_path, count):
    frames = tmp_path / "incoming"
    write_night(Night.simulate(plan=Plan(biases=12, flats=1, dithers=0)), frames)
    template = tmp_path / "template"
    Butler.create(template).close()
    bunter = [sys.executable, "-c", "from bunter.cli import main; main()"]
    subprocess.run([*bunter, "register-instrument", str(template), "DemoCam"], check=True, capture_output=True)
    expected = len(list(frames.rglob("*.fits")))

    def act(seconds):
        root = tmp_path / "repo"
        shutil.copytree(template, root)
        command = [*bunter, "ingest-raws", str(root), str(frames), "--transfer", "copy"]
        kill_after(command, seconds)
        clean(root, "raw")
        subprocess.run(command, check=True, capture_output=True)
        assert len(clean(root, "raw")) == expected
        assert len(list(frames.rglob("*.fits"))) == expected
        shutil.rmtree(root)

    rounds(count, 2.5, act)


@pytest.mark.slow
def test_put_loop_killed_a_few_times(tmp_path):
    kill_put_loops(tmp_path, 5)


@pytest.mark.slow
def test_ingest_raws_killed_a_few_times(tmp_path):
    kill_ingests(tmp_path, 4)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_put_loop_killed_at_fifty_random_moments(tmp_path):
    kill_put_loops(tmp_path, 50)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ingest_raws_killed_at_fifty_random_moments(tmp_path):
    kill_ingests(tmp_path, 50)
