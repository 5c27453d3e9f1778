"""How far a run is, and some of its quanta once more, from Python and from the shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_survey import CAM, make_repository

from bunter.errors import RunError
from bunter.execution import RunOptions, Wish, plan_rerun, plan_retry, run_pipeline, run_status
from bunter.pipeline import Pipeline

HERE = Path(__file__).parent
BUNTER = [sys.executable, "-c", "from bunter.cli import main; main()", "--no-progress"]
TASKS = {"work": "limit_tasks.Work", "final": "limit_tasks.Final", "collect": "limit_tasks.Collect"}


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo", 4, 2) as butler:
        yield butler


def run(butler, *, jobs=1, tasks=("work", "collect", "final"), **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    pipeline = Pipeline.from_tasks({label: (TASKS[label], config if label == "work" else {}) for label in tasks})
    wish = Wish(("raw",), "out")
    return run_pipeline(butler, pipeline.resolve(butler.universe, known), wish, options=RunOptions(jobs=jobs))


def is_clean(butler):
    report = butler.check(deep=True)
    assert report.is_clean, report
    return True


def test_status_counts_and_groups_what_failed(butler):
    run(butler, faults={"0": "fail", "2": "fail", "3": "numbers", "1": "nothing"}, tasks=("work",))
    status = run_status(butler, "out")
    (work,) = status.tasks
    assert (status.state, work.total, work.succeeded, work.no_work, work.failed, work.left) == ("failed", 8, 5, 1, 3, 0)
    assert work.caveats == {"NoWorkFound": 1}
    assert [(group.count, group.kind) for group in status.failures] == [(2, "ConnectionError"), (1, "AlgorithmError")]
    assert status.failures[0].message == "ConnectionError: nobody answers"
    assert "nobody answers" in Path(status.failures[0].log).read_text()
    assert status.eta_s is None
    assert "`bunter retry`, goes on" in str(status)


def test_messages_that_differ_in_numbers_and_names_are_one_group():
    from bunter.execution import FailedQuantum
    from bunter.execution.status import group_failures

    failures = [FailedQuantum(n, "work", {"visit": n}, f"OSError: cannot read '/x/{n}.fits' at {n}") for n in range(5)]
    (group,) = group_failures([*failures])
    assert (group.count, group.message, group.quanta) == (5, failures[0].error, (0, 1, 2, 3, 4))


def test_retry_runs_what_failed_and_what_waits_for_it(butler, tmp_path):
    config = {"faults": {"1": "fail", "2": "numbers"}, "heal": str(tmp_path / "healed")}
    run(butler, tasks=("work", "final", "collect"), **config)
    (tmp_path / "healed").touch()
    summary = plan_retry(butler, "out", kinds=["OSError"]).carry_out(butler)
    assert (summary.status, summary.exit_code, summary.tasks["work"].succeeded) == ("held", 0, 1)
    summary = plan_retry(butler, "out").carry_out(butler)
    assert (summary.status, summary.tasks["work"].succeeded) == ("succeeded", 1)
    with pytest.raises(RunError, match=r"no quantum of .* failed with oom; seen: none"):
        plan_retry(butler, "out", kinds=["oom"])


def test_retry_gives_more_memory_to_those_who_had_too_little(butler):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    config = {"faults": {"1": "eat", "2": "fail"}, "size_mb": 400}
    pipeline = Pipeline.from_tasks({"work": (TASKS["work"], config)}).resolve(butler.universe, known)
    options = RunOptions(jobs=2, limits={"work": {"memory": 250_000_000}})
    first = run_pipeline(butler, pipeline, Wish(("raw",), "out"), options=options)
    assert {failure.kind for failure in first.failures} == {"oom", "ConnectionError"}
    plan = plan_retry(butler, "out", kinds=["oom"], growth={"": 3.0})
    assert (len(plan.quanta), list(plan.memory_of.values())) == (1, [750_000_000])
    assert plan.carry_out(butler, options=RunOptions(jobs=2)).status == "held"
    assert [group.kind for group in run_status(butler, "out").failures] == ["ConnectionError"]


def test_rerun_makes_chosen_quanta_and_what_follows_from_them_anew(butler):
    run(butler)
    directory_run = run_status(butler, "out").run
    before = {ref.data_id["exposure"]: butler.get_uri(ref).path for ref in butler.query_datasets("collected", "out")}
    graph = plan_rerun(butler, "out").directory.graph()
    plan = plan_rerun(butler, "out", graph.find("work", {"exposure": 1}))
    assert (len(plan.quanta), len(plan.following), len(plan.void)) == (2, 2, 4)
    summary = plan.carry_out(butler)
    assert (summary.run, summary.status) == (directory_run, "succeeded")
    assert {label: one.succeeded for label, one in summary.tasks.items()} == {"work": 2, "collect": 1, "final": 1}
    after = {ref.data_id["exposure"]: butler.get_uri(ref).path for ref in butler.query_datasets("collected", "out")}
    assert {exposure for exposure in after if after[exposure] != before[exposure]} == {1}
    assert butler.get("final", CAM, collections="out") == {"count": 8}
    assert is_clean(butler)


def test_a_result_without_some_inputs_is_made_whole_by_rerun(butler, tmp_path):
    run(butler, faults={"1": "fail"}, heal=str(tmp_path / "healed"))
    assert butler.get("final", CAM, collections="out") == {"count": 7}
    (tmp_path / "healed").touch()
    summary = plan_rerun(butler, "out", failed=True).carry_out(butler)
    assert summary.status == "succeeded"
    assert butler.get("final", CAM, collections="out") == {"count": 8}
    assert is_clean(butler)


def test_a_rerun_that_is_cut_short_is_completed_by_the_same_command(butler, monkeypatch):
    from bunter.execution import again

    run(butler)
    monkeypatch.setattr(again, "resume", lambda *args, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plan_rerun(butler, "out").carry_out(butler)
    monkeypatch.undo()
    assert butler.query_datasets("reduced", "out").count() == 0
    assert run(butler).status == "succeeded"
    assert butler.get("final", CAM, collections="out") == {"count": 8}
    assert is_clean(butler)


def start(repo, *words):
    environment = {**os.environ, "PYTHONPATH": str(HERE), "COLUMNS": "200"}
    return subprocess.Popen(
        [*BUNTER, *words], cwd=repo.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_the_shell_shows_a_run_while_it_runs_and_repairs_it_afterwards(butler, tmp_path):
    repo = Path(butler.root)
    (tmp_path / "p.yaml").write_text(
        "tasks:\n  work: {class: limit_tasks.Work, config: {faults: {'1': hang_stubbornly}}}\n"
    )
    command = ("run", "-b", "repo", "-p", "p.yaml", "-i", "raw", "-o", "out", "-d", "instrument = 'Cam'", "-j", "2")
    running = start(repo, *command, "--timeout", "12")
    end = time.monotonic() + 240
    while True:
        out, err = start(repo, "status", "repo", "out", "--json").communicate(timeout=300)
        if out and json.loads(out)["is_running"] and json.loads(out)["tasks"][0]["running"]:
            break
        assert time.monotonic() < end, out + err
    found = json.loads(out)
    assert found["jobs"][0]["process"] == running.pid
    out, err = running.communicate(timeout=300)
    assert running.returncode == 1, out + err
    out, err = start(repo, "status", "repo", "out").communicate(timeout=300)
    assert "7 of 8 quanta" in err
    assert "1 x work: timeout: its worker was ended after the limit of 12 s" in err
    dry = start(repo, "retry", "repo", "out", "--only", "timeout", "--dry-run")
    assert "would run 1 quanta" in dry.communicate(timeout=300)[0]
    again = start(repo, "rerun", "repo", "out", "--task", "work", "--where", "exposure=0", "--no-confirm", "--json")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, out + err
    assert json.loads(out)["tasks"]["work"]["succeeded"] == 2
    assert "held" in start(repo, "status", "repo").communicate(timeout=300)[0]


def test_a_report_is_had_as_values_too(butler):
    from bunter.execution.status import report_values

    run(butler, tasks=("work",))
    values = json.loads(json.dumps(report_values(butler, "out"), default=str))
    assert values["written"]["reduced"]["datasets"] == 8
    assert values["tasks"][0]["succeeded"] == 8
    assert values["times"]["work"]["wall_s"] > 0


def test_what_takes_long_is_named_and_the_end_foretold_while_a_run_lasts(butler):
    from bunter import effects
    from bunter.execution.pulse import Pulse

    run(butler, tasks=("work",), faults={"1": "fail"})
    plan = plan_retry(butler, "out")
    (quantum,) = plan.quanta
    pulse = Pulse(plan.directory.path, "local", 1, 2)
    pulse.began(quantum, 0)
    assert pulse.is_due()
    pulse.beat({"running": 1})
    beat = next(plan.directory.path.glob("pulse-*.json"))
    told = json.loads(beat.read_text())
    told["running"][0]["begin_ns"] = effects.now_ns() - 60_000_000_000
    beat.write_text(json.dumps(told))
    status = run_status(butler, "out")
    assert status.is_running
    assert (status.tasks[0].running, status.tasks[0].failed) == (1, 0)
    assert [(one.quantum, one.running_s >= 60) for one in status.stragglers] == [(quantum, True)]
    assert status.eta_s is not None
    pulse.stop()
    assert not run_status(butler, "out").is_running
    pulse.beat({})
    beat.write_text(json.dumps({**told, "process": 2**22 + 5}))
    assert not run_status(butler, "out").is_running, "its process is gone"
