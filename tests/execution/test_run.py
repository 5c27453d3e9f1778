from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_survey import CAM, make_repository, pipeline

from bunter.butler import Butler
from bunter.errors import EmptyGraphError, RunError
from bunter.execution import RunOptions, Wish, run_directories, run_pipeline

FRAMES = 8  # 4 exposures, 2 detectors
WISH = Wish(inputs=("raw",), output="out")


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


def run(butler, wish=WISH, *, tasks=("reduce", "gather", "night"), jobs=1, config=None, **options):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    graph = pipeline(tasks, **(config or {})).resolve(butler.universe, known)
    return run_pipeline(butler, graph, wish, options=RunOptions(jobs=jobs, **options))


def faults(**words):
    return {"faults": {name.removeprefix("e"): word for name, word in words.items()}}


def count(butler, name, collections="out"):
    return butler.query_datasets(name, collections).count()


def states(summary):
    return {
        label: (one.succeeded, one.failed, one.blocked, one.cancelled, one.earlier)
        for label, one in summary.tasks.items()
    }


def is_clean(butler):
    report = butler.check(deep=True)
    assert report.is_clean, report
    return True


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_makes_everything_and_registers_it(butler, jobs):
    summary = run(butler, jobs=jobs)
    assert (summary.status, summary.exit_code) == ("succeeded", 0)
    assert states(summary) == {"reduce": (8, 0, 0, 0, 0), "gather": (4, 0, 0, 0, 0), "night": (1, 0, 0, 0, 0)}
    assert butler.get("night", CAM, collections="out") == {"total": 2 * 10 * (0 + 1 + 2 + 3)}
    for name, expected in {"reduced": 8, "reduce_log": 8, "reduce_metadata": 8, "gathered": 4, "night_log": 1}.items():
        assert count(butler, name) == expected
    assert butler.get("reduced_schema", collections="out") == {"columns": ["value"]}
    assert butler.get("gather_config", collections="out") == {"connections": {}}
    assert summary.datasets == 3 * (8 + 4 + 1) + 3 + 1
    assert is_clean(butler)


@pytest.mark.parametrize("jobs", [1, 2])
def test_metadata_and_logs_are_read_for_each_quantum_from_few_files(butler, jobs):
    run(butler, jobs=jobs)
    key = {**CAM, "exposure": 3, "detector": 1}
    metadata = butler.get("reduce_metadata", key, collections="out")
    assert metadata["task"] == {"value": 3}
    assert metadata["quantum"]["label"] == "reduce"
    assert metadata["quantum"]["data_id"]["exposure"] == 3
    log = butler.get("reduce_log", key, collections="out")
    assert [record["message"] for record in log] == ["reducing 3"]
    shared = {butler.get_uri(ref).path for ref in butler.query_datasets("reduce_log", "out")}
    assert len(shared) < FRAMES


def test_the_chain_shows_the_run_first_and_then_the_inputs(butler):
    summary = run(butler)
    assert butler.info("out").children == (summary.run, "raw")
    assert summary.run.startswith("out/")


def test_the_same_command_after_success_has_nothing_to_do(butler):
    first = run(butler)
    again = run(butler)
    assert (again.status, again.exit_code, again.run) == ("nothing to do", 0, first.run)
    assert "nothing to do" in str(again)


def test_the_same_command_after_new_data_makes_a_new_run(butler):
    first = run(butler)
    butler.dimension_records.insert("detector", {**CAM, "id": 2, "full_name": "D2"})
    butler.put({"value": 0}, "raw", {**CAM, "exposure": 0, "detector": 2}, run="raw")
    again = run(butler)
    assert again.status == "succeeded"
    assert again.run != first.run
    assert butler.info("out").children == (again.run, first.run, "raw")


def test_outputs_that_were_removed_are_made_again(butler):
    run(butler)
    refs = list(butler.query_datasets("reduced", "out", where="exposure = 1 AND instrument = 'Cam'"))
    refs += list(butler.query_datasets("reduce_log", "out", where="exposure = 1 AND instrument = 'Cam'"))
    refs += list(butler.query_datasets("reduce_metadata", "out", where="exposure = 1 AND instrument = 'Cam'"))
    butler.remove_datasets(refs)
    run(butler)
    assert count(butler, "reduced") == FRAMES
    assert is_clean(butler)


def test_one_of_several_outputs_that_was_removed_is_made_again_and_the_others_stay(butler):
    run(butler)
    kept = {ref.id for ref in butler.query_datasets("reduce_log", "out")}
    butler.remove_datasets(butler.query_datasets("reduced", "out", where="exposure = 1 AND instrument = 'Cam'"))
    run(butler)
    assert count(butler, "reduced") == FRAMES
    assert {ref.id for ref in butler.query_datasets("reduce_log", "out")} == kept
    assert is_clean(butler)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_blocks_what_depends_on_it_and_nothing_else(butler, jobs):
    summary = run(butler, jobs=jobs, config=faults(e2="raise"))
    assert (summary.status, summary.exit_code) == ("failed", 1)
    assert states(summary) == {"reduce": (6, 2, 0, 0, 0), "gather": (3, 0, 1, 0, 0), "night": (0, 0, 1, 0, 0)}
    assert count(butler, "gathered") == 3
    assert {failure.data_id["exposure"] for failure in summary.failures} == {2}
    failure = summary.failures[0]
    assert failure.error == "ValueError: the sky is"
    log = Path(failure.log).read_text()
    assert "reducing 2" in log
    assert "falling" in log
    assert "Traceback" in log
    assert is_clean(butler)


ENDS = {
    "raise": "ValueError: the sky is",
    "exit": "SystemExit: the task called sys.exit(0)",
    "nothing": "ended without its output 'reduced'",
    "long_message": "(1000000 characters)",
    "long_log": "after a long log",
    "unpicklable": "Local: cannot be sent",
    "memory": "MemoryError",
}


@pytest.mark.parametrize("jobs", [1, 2])
def test_whatever_tasks_do_the_summary_is_right(tmp_path, jobs):
    words = dict(enumerate(ENDS))
    with make_repository(tmp_path / "repo", len(words) + 1, 1) as butler:
        config = {"faults": {str(exposure): word for exposure, word in words.items()}}
        summary = run(butler, jobs=jobs, config=config)
        assert states(summary)["reduce"] == (1, len(words), 0, 0, 0)
        assert summary.exit_code == 1
        for failure in summary.failures:
            assert ENDS[words[failure.data_id["exposure"]]] in failure.error
        assert count(butler, "reduced") == 1
        assert max(path.stat().st_size for path in Path(butler.root).rglob("*.log")) < 2_000_000
        assert is_clean(butler)


@pytest.mark.parametrize(
    ("word", "sentence"), [("kill", "was killed by SIGKILL"), ("hard_exit", "ended by itself with exit status 0")]
)
def test_a_worker_that_dies_fails_its_quantum_only(butler, word, sentence):
    summary = run(butler, jobs=2, config=faults(e0=word))
    assert states(summary)["reduce"] == (6, 2, 0, 0, 0)
    assert all(sentence in failure.error for failure in summary.failures)
    assert is_clean(butler)


def test_a_quantum_that_takes_too_long_is_ended(butler):
    summary = run(butler, jobs=2, config=faults(e0="hang"), limit_s=2.0)
    assert states(summary)["reduce"] == (6, 2, 0, 0, 0)
    assert all("timeout: its worker was ended after the limit of 2 s" in failure.error for failure in summary.failures)


@pytest.mark.parametrize(("jobs", "word"), [(1, "raise?"), (2, "raise?"), (2, "kill?")])
def test_a_failure_that_may_pass_is_tried_again(butler, tmp_path, jobs, word):
    summary = run(butler, jobs=jobs, config={**faults(e1=word), "marks": str(tmp_path)}, retries=1)
    assert summary.status == "succeeded"
    assert butler.get("night", CAM, collections="out") == {"total": 120}
    assert is_clean(butler)


def test_a_repeatable_failure_is_not_tried_again(butler, tmp_path):
    summary = run(butler, config={**faults(e1="repeat?"), "marks": str(tmp_path)}, retries=3)
    assert states(summary)["reduce"] == (6, 2, 0, 0, 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_invalid_quantum_stops_the_run(butler, jobs):
    summary = run(butler, jobs=jobs, config=faults(e0="invalid"))
    assert summary.status == "failed"
    assert "nothing in this run can work" in str(summary)
    assert summary.total("cancelled") > 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_fail_fast_stops_at_the_first_failure(butler, jobs):
    summary = run(butler, jobs=jobs, config=faults(e0="raise", e1="raise", e2="raise", e3="raise"), fail_fast=True)
    assert summary.total("failed") <= jobs
    assert summary.total("cancelled") > 0
    assert is_clean(butler)


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_work_is_a_success_and_readers_adjust(butler, jobs):
    summary = run(butler, jobs=jobs, config=faults(e0="no_work"))
    assert summary.status == "succeeded"
    assert summary.tasks["reduce"].no_work == 2
    assert summary.tasks["gather"].no_work == 1
    assert butler.get("night", CAM, collections="out") == {"total": 120}
    metadata = butler.get("reduce_metadata", {**CAM, "exposure": 0, "detector": 0}, collections="out")
    assert metadata["quantum"]["reason"] == "NoWorkFound: nothing in this frame"


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_command_does_only_what_is_left(butler, tmp_path, jobs):
    config = {**faults(e1="raise?", e2="raise?"), "marks": str(tmp_path)}
    first = run(butler, jobs=jobs, config=config)
    assert states(first)["reduce"] == (4, 4, 0, 0, 0)
    second = run(butler, jobs=jobs, config=config)
    assert second.run == first.run
    assert second.attempt == 1
    assert states(second) == {"reduce": (4, 0, 0, 0, 4), "gather": (2, 0, 0, 0, 2), "night": (1, 0, 0, 0, 0)}
    assert butler.get("night", CAM, collections="out") == {"total": 120}
    assert count(butler, "reduced") == FRAMES
    assert is_clean(butler)


def test_another_configuration_begins_another_run(butler):
    first = run(butler, config=faults(e1="raise"))
    second = run(butler)
    assert second.run != first.run
    assert butler.info("out").children == (second.run, first.run, "raw")


def test_a_run_that_was_named_refuses_another_request(butler):
    run(butler, Wish(inputs=("raw",), output_run="mine"))
    assert run(butler, Wish(inputs=("raw",), output_run="mine")).status == "nothing to do"
    with pytest.raises(RunError, match="begun with another selection"):
        run(butler, Wish(inputs=("raw",), output_run="mine", where="instrument = 'Cam' AND exposure = 1"))


def test_an_empty_graph_leaves_nothing_behind(butler):
    with pytest.raises(EmptyGraphError):
        run(butler, Wish(inputs=("raw",), output="out", where="instrument = 'Cam' AND exposure = 77"))
    assert list(run_directories(butler.root)) == []
    assert butler.collections.query("out*") == []


def test_a_run_is_worked_on_by_one_process_at_a_time(butler):
    run(butler, config=faults(e1="raise"))
    (directory,) = run_directories(butler.root)
    with directory.lock(), pytest.raises(RunError, match="being worked on by process"):
        run(butler, config=faults(e1="raise"))


def test_the_summary_is_kept_as_json(butler):
    summary = run(butler)
    (directory,) = run_directories(butler.root)
    assert directory.summary()["tasks"]["night"]["succeeded"] == 1
    assert json.loads(json.dumps(summary.to_dict()))["exit_code"] == 0


def test_a_repository_in_memory_runs_too(caplog):
    butler = make_repository("memory://execution")
    summary = run(butler, jobs=2)
    assert "quanta run here one after the other, and no limit of time or memory is enforced" in caplog.text
    assert summary.status == "succeeded"
    assert butler.get("night", CAM, collections="out") == {"total": 120}


def test_what_is_committed_when_the_registry_is_away_is_registered_later(butler, monkeypatch):
    from bunter.execution import merge

    def away(*args, **kwargs):
        raise OSError("the database is away")

    monkeypatch.setattr(merge, "merge", away)
    with pytest.raises(OSError, match="away"):
        run(butler)
    monkeypatch.undo()
    assert run(butler).status in {"succeeded", "nothing to do"}
    assert count(butler, "reduced") == FRAMES
    assert is_clean(butler)


def test_outputs_that_cannot_be_made_durable_are_no_success(butler, monkeypatch):
    from bunter import effects

    def full(operation, path):
        if operation == "sync_file" and "/reduced/" in path:
            raise OSError(28, "No space left on device")

    effects.set_hook(full)
    try:
        summary = run(butler)
    finally:
        effects.set_hook(None)
    assert summary.status == "failed"
    assert "could not be made durable" in str(summary)
    assert summary.total("succeeded") == 0
    assert count(butler, "reduced") == 0
    assert run(butler).status == "succeeded"
    assert count(butler, "reduced") == FRAMES
    assert is_clean(butler)


def test_another_butler_reads_the_results(butler):
    run(butler)
    with Butler(butler.root, collections="out", writeable=False) as other:
        assert other.get("gathered", {**CAM, "exposure": 1}) == {"sum": 20, "count": 2}
