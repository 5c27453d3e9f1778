from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small_survey import make_repository, pipeline

import bunter_command
from bunter.butler import Butler
from bunter.execution import RunOptions, Wish, run_directories, run_pipeline
from bunter.execution.pulse import read_beats
from bunter.execution.run_directory import runs_root
from bunter.execution.run_logs import follow_logs, read_logs
from bunter.execution.told_run import find_run


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def run(butler, jobs=1, **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    graph = pipeline(**config).resolve(butler.universe, known)
    return run_pipeline(butler, graph, Wish(inputs=("raw",), output="out"), options=RunOptions(jobs=jobs))


def test_each_quantum_is_heard_alone(butler):
    run(butler, faults={"1": "raise", "2": "no_work"})
    directory = find_run(butler, "out")
    said = {one.quantum: one for one in read_logs(directory, butler.datastore, range(13))}
    reduced = [one for one in said.values() if one.label == "reduce"]
    assert {(one.data_id["exposure"], one.state) for one in reduced} == {
        (0, "succeeded"), (1, "failed"), (2, "no_work"), (3, "succeeded"),
    }  # fmt: skip
    for one in reduced:
        if one.state == "succeeded":
            assert [record["message"] for record in one.records] == [f"reducing {one.data_id['exposure']}"]
            assert one.metadata["task"] == {"value": one.data_id["exposure"]}
    failed = next(one for one in reduced if one.state == "failed")
    assert "the sky is\nfalling" in failed.text
    assert failed.quantum in {line["quantum"] for line in failed.lines()}


def test_logs_that_were_removed_are_silent(butler):
    run(butler)
    for name in ("reduce_log", "reduce_metadata", "gather_log", "gather_metadata", "night_log", "night_metadata"):
        butler.remove_datasets(list(butler.query_datasets(name, "out")), purge=True)
    said = list(read_logs(find_run(butler, "out"), butler.datastore, range(13)))
    assert len(said) == 13
    assert not any(one.records for one in said)


def test_what_is_said_is_heard_while_the_run_goes_and_once(butler, tmp_path):
    thread = threading.Thread(target=run, args=(butler, 2), kwargs={"sleep_s": 0.5})
    thread.start()
    with Butler(tmp_path / "repo", writeable=False) as other:
        while not any(read_beats(one.path) for one in run_directories(tmp_path / "repo")):
            assert thread.is_alive()
            time.sleep(0.02)
        heard = []
        follow_logs(find_run(other, "out"), other.datastore, range(8), heard.append, pause_s=0.05)
    thread.join()
    states = [one.state for one in heard]
    assert "running" in states
    messages = [(one.quantum, record["message"]) for one in heard for record in one.records]
    assert len(messages) == len(set(messages)) == 8


def test_the_command_prints_text_or_json_lines(butler, tmp_path):
    run(butler, faults={"1": "raise"})
    butler.close()

    def bunter(*words):
        here = str(Path(__file__).parent)
        return bunter_command.bunter("logs", "repo", "out", *words, folder=tmp_path, PYTHONPATH=here)

    one = bunter("reduce", "exposure=3", "detector=1")
    assert one.stdout.count("reducing 3") == 1, one.stderr
    assert "detector: 1, exposure: 3} succeeded" in one.stdout
    lines = [json.loads(line) for line in bunter("--json").stdout.splitlines()]
    assert {line["label"] for line in lines} == {"reduce"}
    assert sum(line["level"] == "ERROR" for line in lines) == 2
    assert bunter("reduce", "--level", "ERROR", "--json").stdout.count("reducing") == 2  # within the failures' own logs
    noted = bunter("gather", "exposure=3", "--metadata", "--json")
    assert json.loads(noted.stdout)["end"] == "succeeded"


@pytest.mark.slow
def test_another_process_hears_a_run_in_a_storage_service(s3_place, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    address = f"{s3_place}/repo"
    with make_repository(address, database=str(tmp_path / "registry.sqlite3")) as butler:
        thread = threading.Thread(target=run, args=(butler, 2), kwargs={"sleep_s": 1.0})
        thread.start()
        while not any(read_beats(one.path) for one in run_directories(runs_root(butler))):
            assert thread.is_alive()
            time.sleep(0.02)
        program = [sys.executable, "-c", "from bunter.cli import main; main()"]
        command = [*program, "logs", address, "out", "reduce", "--follow", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        thread.join()
        assert done.returncode == 0, done.stderr
        heard = [json.loads(line) for line in done.stdout.splitlines()]
        said = [(one["quantum"], one["message"]) for one in heard]
        assert len(said) == len(set(said)) == 8
        refs = butler.query_datasets("reduce_log", "out")
        assert len({artifact.key for found in butler.locate([ref.id.bytes for ref in refs]) for artifact in found}) < 8
