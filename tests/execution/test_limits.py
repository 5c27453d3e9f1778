"""What tasks may take, and what is told of those that took more or died."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_survey import CAM, make_repository

from bunter.errors import RunError
from bunter.execution import RunOptions, Wish, run_pipeline
from bunter.execution.limits import Limit, agree
from bunter.execution.receipt import Problem
from bunter.pipeline import Pipeline

LABELS = {"work": "Work", "collect": "Collect", "final": "Final"}


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo", 3, 2) as butler:
        yield butler


def resolved(butler, tasks, config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    return Pipeline.from_tasks(
        {label: (f"limit_tasks.{LABELS[label]}", config if label == "work" else {}) for label in tasks}
    ).resolve(butler.universe, known)


def run(butler, *, tasks=("work",), wish=None, jobs=2, config=None, **options):
    wish = wish or Wish(inputs=("raw",), output="out")
    return run_pipeline(butler, resolved(butler, tasks, config or {}), wish, options=RunOptions(jobs=jobs, **options))


def only_failure(summary):
    (failure,) = summary.failures
    return failure


def test_a_worker_that_uses_more_memory_than_allowed_is_ended_and_that_is_said(butler):
    summary = run(butler, config={"faults": {"1": "eat"}, "size_mb": 600}, limits={"work": {"memory": 300_000_000}})
    failure = only_failure(summary)
    assert failure.kind == "oom"
    assert "more than the limit of 300.0 MB" in failure.error
    assert "working on 1" in Path(failure.log).read_text()
    assert summary.tasks["work"].succeeded == 5


def test_a_demand_for_too_much_memory_is_a_memory_error(butler):
    summary = run(butler, jobs=1, config={"faults": {"1": "demand"}}, limits={"": {"memory": 400_000_000}})
    assert only_failure(summary).error == "MemoryError: more than the limit of 400.0 MB"


def test_another_try_gets_more_memory(butler):
    limits = {"work": {"memory": 250_000_000, "retries": 1, "growth": 4.0}}
    summary = run(butler, config={"faults": {"1": "eat"}, "size_mb": 400}, limits=limits)
    assert summary.status == "succeeded"


def test_only_what_was_named_is_tried_again(butler, tmp_path):
    problem = Problem("ConnectionError", "x", transient=True, family=("OSError",))
    assert Limit(retries=1, retry_on=("OSError",)).may_pass(problem)
    assert not Limit(retries=1, retry_on=("ValueError", "memory")).may_pass(problem)
    assert Limit(retries=1, retry_on=("memory",)).may_pass(Problem("oom", "x"))
    assert not Limit(retry_on=("InvalidQuantumError",)).may_pass(Problem("InvalidQuantumError", "x", fatal=True))
    told = []

    class Watcher:
        def begun(self, run, totals): ...

        def ended(self, label, state): ...

        def failed(self, failure, *, again):
            told.append((failure.kind, again))

    options = RunOptions(jobs=1, limits={"": {"retries": 1, "retry_on": ["OSError"]}})
    pipeline = resolved(butler, ("work",), {"faults": {"0": "fail", "1": "numbers"}})
    run_pipeline(butler, pipeline, Wish(("raw",), "out"), options=options, watcher=Watcher())
    assert sorted(told) == [("AlgorithmError", False), ("ConnectionError", False), ("ConnectionError", True)]


def test_the_log_so_far_of_a_killed_worker_is_kept(butler):
    failure = only_failure(run(butler, config={"faults": {"1": "die"}}))
    assert "was killed by SIGKILL" in failure.error
    text = Path(failure.log).read_text()
    assert "working on 1" in text
    assert "my last words" in text


def test_a_segmentation_fault_says_where_it_struck(butler):
    failure = only_failure(run(butler, config={"faults": {"1": "segfault"}}))
    assert "was killed by SIGSEGV (it touched memory that is not there" in failure.error
    assert "in segfault" in Path(failure.log).read_text()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_stubborn_quantum_is_ended_by_its_timeout_and_says_where_it_was(butler, jobs):
    alone = Wish(inputs=("raw",), output="out", where="exposure = 1 AND detector = 0")
    config = {"faults": {"1": "hang_stubbornly"}}
    summary = run(butler, wish=alone, jobs=jobs, config=config, limits={"work": {"timeout": 2.0}})
    failure = only_failure(summary)
    assert failure.kind == "timeout"
    assert "limit of 2 s" in failure.error
    text = Path(failure.log).read_text()
    assert "this may take a while" in text
    assert "in hang_stubbornly" in text


def test_the_pipeline_says_what_quanta_may_take_and_the_user_has_the_last_word(butler):
    text = "tasks:\n  work: {class: limit_tasks.Work, resources: {timeout: 5 min, memory: 1 GB}}\n"
    pipeline = Pipeline.from_text(text).resolve(butler.universe)
    assert agree(pipeline, {})["work"] == Limit(timeout_s=300.0, memory=1_000_000_000)
    assert agree(pipeline, {"": {"memory": 5}, "work": {"timeout": 1.0}})["work"] == Limit(timeout_s=1.0, memory=5)
    with pytest.raises(RunError, match="'wrk', which is no task here; did you mean 'work'"):
        agree(pipeline, {"wrk": {}})


def test_another_limit_in_the_pipeline_goes_on_with_the_same_run(butler):
    text = "tasks:\n  work:\n    class: limit_tasks.Work\n    config: {faults: {'1': eat}, size_mb: 400}\n    resources: {memory: MUCH}\n"
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    ends = []
    for much in ("250 MB", "2 GB"):
        pipeline = Pipeline.from_text(text.replace("MUCH", much)).resolve(butler.universe, known)
        ends.append(run_pipeline(butler, pipeline, Wish(("raw",), "out"), options=RunOptions(jobs=2)))
    assert [one.status for one in ends] == ["failed", "succeeded"]
    assert ends[0].run == ends[1].run


# ---- meaning


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_a_failure_those_who_can_do_without_go_on(butler, jobs):
    summary = run(butler, tasks=("work", "collect", "final"), jobs=jobs, config={"faults": {"1": "fail"}})
    assert (summary.status, summary.total("failed"), summary.total("blocked")) == ("failed", 1, 0)
    assert summary.tasks["collect"].deprived == 1
    assert butler.get("collected", {**CAM, "exposure": 1}, collections="out") == {"count": 1}
    assert butler.get("final", CAM, collections="out") == {"count": 5}
    assert "1 of them without some of their inputs" in str(summary)
    metadata = butler.get("collect_metadata", {**CAM, "exposure": 1}, collections="out")
    assert metadata["quantum"]["is_deprived"]


def test_what_was_made_without_some_inputs_does_not_count_as_done_elsewhere(butler, tmp_path):
    config = {"faults": {"1": "fail"}, "heal": str(tmp_path / "healed")}
    tasks = ("work", "collect", "final")
    run(butler, tasks=tasks, config=config)
    (tmp_path / "healed").touch()
    again = run(butler, tasks=tasks, config=config, wish=Wish(("raw",), output_run="again", skip_existing_in=("out",)))
    assert {label: one.total for label, one in again.tasks.items()} == {"work": 1, "collect": 1, "final": 1}
    assert butler.get("final", CAM, collections="again") == {"count": 6}


def test_an_optional_output_need_not_be_made(butler):
    assert run(butler, jobs=1).status == "succeeded"
    assert butler.query_datasets("extra", "out").count() == 0


def test_flawed_outputs_are_a_failure_unless_the_run_accepts_them(butler):
    config = {"faults": {"1": "flawed"}}
    refused = run(butler, jobs=1, config=config, wish=Wish(("raw",), output_run="one"))
    assert refused.exit_code == 20
    assert butler.query_datasets("reduced", "one").count() == 5
    accepted = run(butler, jobs=1, config=config, wish=Wish(("raw",), output_run="two"), accepts_partial=True)
    assert (accepted.status, accepted.tasks["work"].partial) == ("succeeded", 1)
    assert butler.get("reduced", {**CAM, "exposure": 1, "detector": 0}, collections="two") == {"value": -1}


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_exit_code_says_whether_another_try_is_worth_while(butler, jobs):
    def code(word):
        return run(butler, jobs=jobs, config={"faults": {"1": word}}, wish=Wish(("raw",), output_run=word)).exit_code

    assert [code("fail"), code("numbers"), code("nothing")] == [1, 20, 0]
