"""Whatever a task does to its process: the summary is right, nothing half-made is registered, and resuming completes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_survey import make_repository

from bunter.butler import Butler
from bunter.execution import RunOptions, Wish, compare_runs, run_pipeline
from bunter.pipeline import Pipeline

HERE = Path(__file__).parent
GENTLE = {
    "exits": "SystemExit: the task called sys.exit(0)",
    "long_message": "(1000000 characters)",
    "long_first_line_of_many": "ValueError: first line",
    "deep": "RecursionError",
    "prints": "after much printing",
    "full_disk": "No space left on device",
    "forks": "the parent after the fork",
    "starts_daemon_and_raises": "after starting another",
}
DEADLY = {
    "segfault": "was killed by SIGSEGV",
    "abort": "was killed by SIGABRT",
    "killed": "was killed by SIGKILL",
    "exits_hard": "ended by itself with exit status 0",
    "hangs": "after the limit of 1.5 s",
    "hangs_deaf": "after the limit of 1.5 s",
    "terminated": "was killed by SIGTERM",
    "forks_and_dies": "was killed by SIGKILL",
    "prints_below": "after much printing from compiled code",
}
SANE = 2


def hazards_of(words):
    return dict(enumerate(words))


def run(butler, words, marks, jobs, output="out"):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    config = {"hazards": {str(exposure): word for exposure, word in hazards_of(words).items()}, "marks": str(marks)}
    graph = Pipeline.from_tasks({"hazard": ("fault_tasks.Hazard", config)}).resolve(butler.universe, known)
    options = RunOptions(jobs=jobs, limit_s=1.5 if jobs > 1 else None)
    return run_pipeline(butler, graph, Wish(inputs=("raw",), output=output), options=options)


def only_whole_quanta_are_registered(butler, collections, count):
    found = [{ref.data_id for ref in butler.query_datasets(name, collections)} for name in ("first", "second")]
    assert found[0] == found[1]
    assert len(found[0]) == count
    report = butler.check(deep=True)
    assert report.is_clean, report


def fails_and_is_resumed(tmp_path, words, jobs, capfd):
    marks = tmp_path / "marks"
    marks.mkdir()
    with make_repository(tmp_path / "repo", len(words) + SANE, 1) as butler:
        summary = run(butler, words, marks, jobs)
        assert (summary.status, summary.exit_code) == ("failed", 1)
        found = {failure.data_id["exposure"]: failure.error for failure in summary.failures}
        assert {exposure: words[word] in found.get(exposure, "") for exposure, word in hazards_of(words).items()} == (
            dict.fromkeys(range(len(words)), True)
        ), found
        assert summary.tasks["hazard"].succeeded == SANE
        assert max(len(str(failure.error)) for failure in summary.failures) < 2000
        only_whole_quanta_are_registered(butler, "out", SANE)
        assert "w" * 100 not in capfd.readouterr().out
        (marks / "cured").touch()
        again = run(butler, words, marks, jobs)
        assert (again.status, again.tasks["hazard"].succeeded) == ("succeeded", len(words))
        only_whole_quanta_are_registered(butler, "out", len(words) + SANE)
        run(butler, words, marks, 1, output="undisturbed")
        compared = compare_runs(butler, "out", "undisturbed")
        assert all(not one.different and one.only == (0, 0) for one in compared.outputs), compared.outputs
        same = {one.dataset_type: one.same for one in compared.outputs}
        assert same["first"] == same["second"] == len(words) + SANE


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_that_spoils_its_process_but_comes_back(tmp_path, jobs, capfd):
    fails_and_is_resumed(tmp_path, GENTLE, jobs, capfd)


def test_a_task_that_ends_its_worker(tmp_path, capfd):
    begin = time.monotonic()
    fails_and_is_resumed(tmp_path, DEADLY, 2, capfd)
    assert time.monotonic() - begin < 200, "a death was noticed late"


PRINTS = """
import resource, sys
sys.path.insert(0, {here!r})
from test_faults import run
from bunter.butler import Butler
with Butler({root!r}, writeable=True) as butler:
    summary = run(butler, ["floods"], {marks!r}, {jobs})
status = open("/proc/self/status").read()  # what getrusage tells begins with the memory of the process that started it
print("SUMMARY", summary.exit_code, status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_gigabyte_of_output_fills_neither_memory_nor_the_log(tmp_path, jobs):
    make_repository(tmp_path / "repo", 2, 1).close()
    code = PRINTS.format(here=str(HERE), root=str(tmp_path / "repo"), marks=str(tmp_path), jobs=jobs)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        timeout=500,
    )
    code, memory = done.stdout.split(b"SUMMARY")[-1].split()
    assert code == b"1"
    assert int(memory) < 400_000, "kB of the parent"
    assert max(path.stat().st_size for path in (tmp_path / "repo").rglob("*") if path.is_file()) < 4_000_000
    with Butler(tmp_path / "repo", writeable=True) as butler:
        only_whole_quanta_are_registered(butler, "out", 1)


def test_what_compiled_code_prints_stays_out_of_a_summary_in_json(tmp_path):
    make_repository(tmp_path / "repo", 2, 1).close()
    config = f"config: {{hazards: {{0: prints_below}}, marks: {tmp_path}}}"
    (tmp_path / "pipeline.yaml").write_text(
        f"description: hazards\ntasks:\n  hazard:\n    class: fault_tasks.Hazard\n    {config}\n"
    )
    command = [sys.executable, "-c", "from bunter.cli import main; main()", "--no-progress", "run", "--json", "-j", "2"]
    command += ["-b", str(tmp_path / "repo"), "-p", str(tmp_path / "pipeline.yaml"), "-i", "raw", "-o", "out"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, check=False, capture_output=True, env=environment, timeout=300)
    assert done.returncode == 1, done.stderr[-2000:]
    assert json.loads(done.stdout)["tasks"]["hazard"]["failed"] == 1
