from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_survey import make_repository

import bunter_command

HERE = Path(__file__).parent
PIPELINE = "tasks:\n  reduce: {class: run_tasks.Reduce, config: {faults: {FAULTS}}}\n  gather: run_tasks.Gather\n"


@pytest.fixture
def bunter(tmp_path):
    make_repository(tmp_path / "repo").close()

    def command(*words, faults=""):
        (tmp_path / "p.yaml").write_text(PIPELINE.replace("FAULTS", faults))
        return bunter_command.bunter(*words, folder=tmp_path, PYTHONPATH=str(HERE), COLUMNS="200")

    return command


RUN = ("run", "-b", "repo", "-p", "p.yaml", "-i", "raw", "-o", "out", "-d", "instrument = 'Cam'")


def test_a_run_says_what_it_did_and_the_same_command_that_nothing_is_left(bunter):
    first = bunter(*RUN)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("12 of 12 quanta succeeded")
    second = bunter(*RUN)
    assert second.returncode == 0
    assert second.stdout.startswith("nothing to do: all 12 quanta")
    report = bunter("report", "repo", "out", "--output", "r.html")
    assert report.stdout == "wrote r.html\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_json_is_all_there_is_on_standard_output(bunter, jobs):
    done = bunter(*RUN, "-j", jobs, "--json", faults="'1': raise")
    assert done.returncode == 1
    summary = json.loads(done.stdout)
    assert summary["status"] == "failed"
    assert summary["tasks"]["reduce"]["failed"] == 2
    assert [f["data_id"]["exposure"] for f in summary["failures"]] == [1, 1]
    assert done.stderr.count("failed: ValueError: the sky is; blocks 1 more; log: ") == 1
    assert "Traceback" not in done.stderr


def test_log_level_is_honoured_in_workers_too(bunter):
    quiet = bunter(*RUN, "-j", "2")
    assert "reducing" not in quiet.stderr
    loud = bunter("--log-level", "bunter.task=INFO", *RUN, "-j", "2", "-c", "reduce:sleep_s=0.001")
    assert loud.stderr.count("reducing") == 8


def test_wrong_usage_has_its_own_exit_code(bunter):
    assert bunter("run", "-b", "repo", "-p", "p.yaml", "-i", "raw").returncode == 2
    assert bunter(*RUN, "--timeout", "soon").returncode == 2
    assert bunter(*RUN, "--memory", "reduce=much").returncode == 2
    assert bunter("run", "-b", "repo", "-i", "raw", "-o", "out").returncode == 2


def test_a_stored_graph_can_be_run(bunter):
    made = bunter(
        "qgraph", *RUN[1:5], "-i", "raw", "--output-run", "mine", "-d", "instrument = 'Cam'", "-q", "plan.bqg"
    )
    assert made.returncode == 0, made.stderr
    done = bunter("run", "-b", "repo", "-g", "plan.bqg")
    assert done.returncode == 0, done.stderr
    assert "12 of 12 quanta succeeded" in done.stdout
    assert "nothing to do" in bunter("run", "-b", "repo", "-g", "plan.bqg").stdout


def test_a_graph_in_a_storage_service_can_be_run(bunter, s3_place):
    plan = ("-i", "raw", "--output-run", "mine", "-d", "instrument = 'Cam'", "-q", f"{s3_place}/plan.bqg")
    made = bunter("qgraph", *RUN[1:5], *plan)
    assert made.returncode == 0, made.stderr
    assert "reduce" in bunter("qgraph", "show", f"{s3_place}/plan.bqg").stdout
    done = bunter("run", "-b", "repo", "-g", f"{s3_place}/plan.bqg")
    assert done.returncode == 0, done.stderr
    assert "12 of 12 quanta succeeded" in done.stdout
    assert "nothing to do" in bunter("run", "-b", "repo", "-g", f"{s3_place}/plan.bqg").stdout
    missing = bunter("run", "-b", "repo", "-g", f"{s3_place}/none.bqg")
    assert (missing.returncode != 0, "there is no graph file" in missing.stderr) == (True, True)
    assert len(missing.stderr.splitlines()) == 1


def test_a_run_takes_a_table_of_data_ids_and_can_be_extended(bunter, tmp_path):
    (tmp_path / "ids.csv").write_text("instrument,exposure\nCam,0\n")
    run = ("run", "-b", "repo", "-p", "p.yaml", "-i", "raw", "--output-run", "u/one", "--json")
    first = json.loads(bunter(*run, "--data-id-table", "ids.csv").stdout)
    assert {label: one["succeeded"] for label, one in first["tasks"].items()} == {"reduce": 2, "gather": 1}
    refused = bunter(*run)
    assert refused.returncode == 1
    assert "extend it with --extend-run" in refused.stderr
    more = json.loads(bunter(*run, "--extend-run").stdout)
    assert (more["run"], more["tasks"]["reduce"]["succeeded"]) == ("u/one", 6)
    both = bunter(*run, "--extend-run", "--replace-run")
    assert both.returncode == 2
    assert "either extended or replaced" in both.stderr


def test_a_run_that_waits_has_an_exit_code_of_its_own(bunter, tmp_path):
    from bunter.butler import Butler

    with Butler(tmp_path / "repo") as butler:
        butler.remove_datasets(butler.query_datasets("raw", "raw", where="exposure = 3 AND detector = 0"), purge=True)
    (tmp_path / "wait.yaml").write_text("tasks:\n  reduce: waiting_tasks.Patient\n")
    run = ("run", "-b", "repo", "-p", "wait.yaml", "-i", "raw", "-o", "out")
    done = bunter(*run)
    assert done.returncode == 75
    assert "7 of 7 quanta succeeded" in done.stdout
    assert "1 more wait for inputs that are not there yet; the same command goes on" in done.stdout
    assert "waiting" in bunter("status", "repo").stdout
    assert bunter(*run, "--wait", "0.2").returncode == 75
