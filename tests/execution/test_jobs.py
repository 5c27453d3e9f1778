from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import click
import pytest
from small_survey import CAM, make_repository, pipeline

import bunter_command
from bunter import effects
from bunter.butler import Butler
from bunter.errors import GraphError, RunError
from bunter.execution import Job, RunOptions, Wish, merge_run, prepare_run, run_job, run_pipeline
from bunter.execution.journal import read_more, seal
from bunter.execution.selection import select_quanta
from bunter.graph import build_graph

FRAMES, EXPOSURES = 8, 4


def plan(butler, path, tasks=("reduce", "gather", "night"), run="jobs", **config):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    tasks = pipeline(tasks, **config).resolve(butler.universe, known)
    graph = build_graph(butler, tasks, inputs=["raw"], output_run=run, where="instrument = 'Cam'")
    graph.write(path)
    return graph


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


@pytest.fixture
def directory(butler, tmp_path):
    plan(butler, tmp_path / "plan.bqg")
    return prepare_run(butler, tmp_path / "plan.bqg", output="out")


def job(directory, name, attempt=0, *, jobs=1, **chosen):
    quanta = select_quanta(directory.graph(), **chosen)
    return run_job(directory, Job(name, quanta, attempt), options=RunOptions(jobs=jobs))


def count(butler, name, collections="out"):
    return butler.query_datasets(name, collections).count()


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_make_what_a_run_makes_and_merging_registers_it(butler, directory, jobs):
    for name, ranges in {"a": "0..3", "b": "4..7"}.items():
        assert job(directory, name, ranges=ranges, jobs=jobs).status == "succeeded"
    assert count(butler, "reduced") == 0
    assert job(directory, "c", labels=["gather", "night"]).status == "succeeded"
    merged = merge_run(butler, "jobs")
    assert (merged.succeeded, merged.datasets, merged.open_jobs) == (13, 3 * 13, 0)
    assert butler.get("night", CAM, collections="out") == {"total": 2 * 10 * (0 + 1 + 2 + 3)}
    assert butler.get("reduce_log", {**CAM, "exposure": 3, "detector": 1}, collections="out")
    assert butler.check(deep=True).is_clean
    assert merge_run(butler, "jobs").datasets == 0


def test_a_job_opens_no_database(butler, directory, tmp_path):
    butler.close()
    for name in (tmp_path / "repo").glob("registry.sqlite3*"):
        name.unlink()
    assert job(directory, "all").exit_code == 0


def test_a_job_waits_for_nobody_and_says_what_it_lacks(directory):
    summary = job(directory, "early", labels=["gather"])
    assert (summary.status, summary.tasks["gather"].blocked) == ("failed", EXPOSURES)
    assert "4 quanta wait for others, such as reduce@{instrument: 'Cam'" in str(summary)
    job(directory, "late", labels=["reduce"])
    assert job(directory, "early", 1, labels=["gather"]).status == "succeeded"


def test_an_attempt_is_made_once_and_a_second_one_does_what_is_left(butler, directory):
    job(directory, "a", ranges="0..3")
    with pytest.raises(RunError, match="attempt 0 of job 'a' was begun before; give it --attempt 1"):
        job(directory, "a", ranges="0..3")
    again = job(directory, "a", 1, ranges="0..4").tasks["reduce"]
    assert (again.earlier, again.succeeded) == (4, 1)
    assert merge_run(butler, "out").succeeded == 5
    assert butler.check(deep=True).is_clean


def test_failures_of_jobs_are_told_by_the_merge_and_the_report(butler, tmp_path):
    plan(butler, tmp_path / "bad.bqg", ("reduce", "gather"), faults={"1": "raise"})
    directory = prepare_run(butler, tmp_path / "bad.bqg")
    assert job(directory, "all").exit_code == 1
    merged = merge_run(butler, "jobs", final=True)
    assert (merged.succeeded, merged.failed) == (6 + 3, 2)
    assert directory.summary()["status"] == "failed"
    assert not directory.is_finished


def _run(path):
    from bunter.execution import RunDirectory

    directory = RunDirectory(path)
    run_job(directory, Job("victim", tuple(range(len(directory.graph())))))


def test_what_a_killed_job_committed_counts_and_what_it_left_is_removed(butler, tmp_path):
    plan(butler, tmp_path / "slow.bqg", ("reduce", "gather", "night"), sleep_s=0.6)
    directory = prepare_run(butler, tmp_path / "slow.bqg")
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(directory.path,))
    process.start()
    while not any(receipt.quantum >= 0 for receipt in directory.told().receipts):
        time.sleep(0.05)
        assert process.is_alive()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    done = merge_run(butler, "jobs")
    assert 0 < done.succeeded < 13
    assert done.open_jobs == 0  # it ran on this machine, where its process is gone
    assert job(directory, "victim", 1).status == "succeeded"
    assert merge_run(butler, "jobs").is_complete
    assert butler.get("night", CAM, collections="jobs") == {"total": 120}
    butler.close()
    with Butler(tmp_path / "repo", writeable=True) as again:
        assert again.check(deep=True).is_clean


def test_merging_goes_on_beside_the_jobs(butler, directory):
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(directory.path,))
    process.start()
    merged = merge_run(butler, "jobs", follow=True, pause_s=0.05)
    process.join()
    assert merged.is_complete
    assert directory.is_finished


def test_one_process_may_not_take_a_run_that_jobs_work_on(butler, directory, tmp_path):
    with directory.share(), pytest.raises(RunError, match="is being worked on"), directory.lock():
        pass
    with directory.lock(), pytest.raises(RunError, match=r"works on .* alone"):
        job(directory, "a")


def test_a_run_on_one_machine_finishes_what_jobs_have_begun(butler, directory, tmp_path):
    from bunter.execution import run_stored_graph

    job(directory, "a", ranges="0..5")
    summary = run_stored_graph(butler, tmp_path / "plan.bqg", output="out")
    assert summary.status == "succeeded"
    assert summary.tasks["reduce"].earlier == 6
    assert butler.get("night", CAM, collections="out") == {"total": 120}
    assert butler.check(deep=True).is_clean


def test_a_run_that_was_not_prepared_says_how(butler, tmp_path):
    known = {kind.name: kind for kind in butler.dataset_types.query()}
    run_pipeline(butler, pipeline().resolve(butler.universe, known), Wish(inputs=("raw",), output="out"))
    from bunter.execution.told_run import find_run

    with pytest.raises(RunError, match="`bunter pre-exec-init REPO GRAPH` prepares"):
        run_job(find_run(butler, "out"), Job("a", (0,)))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"ranges": "0..99"}, "has quanta 0 to 12"),
        ({"ranges": "x"}, "is no range of quanta"),
        ({"labels": ["redcue"]}, "did you mean 'reduce'"),
        ({"values": {"exposrue": 1}}, "did you mean 'exposure'"),
        ({"values": {"exposure": 77}}, "has no such quanta"),
    ],
)
def test_quanta_that_are_not_there_are_refused(directory, chosen, message):
    with pytest.raises(GraphError, match=message):
        select_quanta(directory.graph(), **chosen)


def test_the_commands_run_a_graph_in_parts(butler, tmp_path):
    plan(butler, tmp_path / "plan.bqg")
    butler.close()

    def bunter(*words):
        return bunter_command.bunter(*words, folder=tmp_path, PYTHONPATH=str(Path(__file__).parent))

    prepared = bunter("pre-exec-init", "repo", "plan.bqg", "-o", "out")
    folder = prepared.stdout.strip()
    assert Path(folder, "site.json").is_file(), prepared.stderr
    one = bunter(
        "run-quanta", "plan.bqg", "--run-dir", folder, "--job", "one", "--task", "reduce", "--where", "detector=0"
    )
    assert (one.returncode, one.stdout[:24]) == (0, "4 of 4 quanta succeeded "), one.stderr
    rest = bunter("run-quanta", "plan.bqg", "--run-dir", folder, "--job", "two", "-j", "2")
    assert rest.returncode == 0, rest.stderr
    merged = bunter("merge", "repo", "out")
    assert merged.stdout == "13 of 13 quanta of 'jobs' succeeded; 39 datasets registered\n", merged.stderr


def test_what_was_read_of_a_journal_is_not_read_again(directory, monkeypatch):
    from bunter.execution.following import Following

    following = Following(directory)
    job(directory, "a", ranges="0..3")
    assert len([one for one in following.look().receipts if one.quantum >= 0]) == 4
    job(directory, "b", ranges="4..7")
    read = []
    ranged = effects.read_range
    monkeypatch.setattr(
        effects, "read_range", lambda path, *where: read.append(Path(path).name) or ranged(path, *where)
    )
    told = following.look()
    assert read == ["journal-b-0000.jsonl"]
    assert sorted(told.receipts, key=lambda one: one.quantum) == sorted(
        directory.told().receipts, key=lambda one: one.quantum
    )
    assert (following.open_jobs, following.awaited()) == (0, set())


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "journal"
    whole = b"".join(seal(b'{"n":%d}' % number) for number in range(3))
    path.write_bytes(whole[:40])
    first, place = read_more(path, 0)
    path.write_bytes(whole)
    later, end = read_more(path, place)
    assert [*first, *later] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert 0 < place < end == len(whole)


def test_a_job_whose_logs_share_a_file_is_registered_in_parts(butler, directory, monkeypatch):
    monkeypatch.setattr("bunter.execution.merging._TOGETHER", 3)
    assert job(directory, "all").status == "succeeded"
    merged = merge_run(butler, "jobs", final=True)
    assert (merged.succeeded, merged.failed) == (merged.total, 0)
    assert count(butler, "reduce_log") == count(butler, "reduced") == FRAMES
    assert all(butler.stored(ref) for ref in butler.query_datasets("reduce_log", "out"))


def test_the_graph_of_a_job_may_be_named_by_its_address(butler, directory, tmp_path, s3_place):
    from bunter.cli.commands.jobs import job_directory

    directory.graph().write(f"{s3_place}/plan.bqg")
    assert job_directory(f"{s3_place}/plan.bqg", str(directory.path)).path == directory.path
    plan(butler, f"{s3_place}/other.bqg", run="other")
    with pytest.raises(click.UsageError, match="belongs to another graph"):
        job_directory(f"{s3_place}/other.bqg", str(directory.path))
