from __future__ import annotations

import io
import json
import pstats
import zipfile
from pathlib import Path

import pytest
from small_survey import make_repository, pipeline
from test_jobs import job

import bunter_command
from bunter.errors import QuantumError, RunError
from bunter.execution import RunDirectory, Wish, run_pipeline
from bunter.execution.capsule import open_capsule, pack_capsule
from bunter.execution.profiling import profiled
from bunter.execution.rehearsal import rehearse_quantum
from bunter.execution.told_run import find_run


@pytest.fixture
def butler(tmp_path):
    with make_repository(tmp_path / "repo") as butler:
        yield butler


@pytest.fixture
def run(butler):
    def run(**config):
        known = {kind.name: kind for kind in butler.dataset_types.query()}
        graph = pipeline(**config).resolve(butler.universe, known)
        run_pipeline(butler, graph, Wish(inputs=("raw",), output="out"))
        return find_run(butler, "out")

    return run


def test_a_quantum_is_called_again_and_writes_nothing(butler, run):
    directory = run()
    quantum = directory.graph().find("gather", {"exposure": 3})[0]
    before = sorted(path for path in butler.root.rglob("*") if path.is_file())
    found = rehearse_quantum(directory, quantum, butler=butler)
    assert found.outputs == {"gathered": [{"sum": 60, "count": 2}]}
    assert sorted(path for path in butler.root.rglob("*") if path.is_file()) == before


def test_what_a_task_raises_comes_out_as_it_is(butler, run):
    directory = run(faults={"1": "raise"})
    quantum = directory.graph().find("reduce", {"exposure": 1})[0]
    with pytest.raises(ValueError, match="the sky is") as caught:
        rehearse_quantum(directory, quantum, butler=butler)
    assert "fault_raise" in {entry.name for entry in caught.traceback}


def test_an_input_that_is_gone_is_named(butler, run):
    directory = run()
    butler.remove_datasets(list(butler.query_datasets("reduced", "out")), purge=True)
    quantum = directory.graph().find("gather", {"exposure": 1})[0]
    with pytest.raises(QuantumError, match=r"its input .*reduced.* is gone"):
        rehearse_quantum(directory, quantum, butler=butler)


def test_a_capsule_fails_elsewhere_as_it_failed_here(butler, run, tmp_path):
    directory = run(faults={"1": "raise"})
    quantum = directory.graph().find("reduce", {"exposure": 1})[0]
    pack_capsule(butler, directory, quantum, tmp_path / "case.zip")
    assert zipfile.ZipFile(tmp_path / "case.zip").testzip() is None
    (tmp_path / "repo").rename(tmp_path / "away")
    folder = open_capsule(tmp_path / "case.zip")
    facts = json.loads((folder / "capsule.json").read_text())
    assert (facts["label"], facts["task"]) == ("reduce", "run_tasks.Reduce")
    assert facts["problem"] == "ValueError: the sky is"
    assert "ValueError" in (folder / "failure.log").read_text()
    summary = job(RunDirectory(folder), "again", ranges=str(quantum))
    assert summary.failures[0].error == "ValueError: the sky is"
    with pytest.raises(ValueError, match="the sky is"):
        rehearse_quantum(RunDirectory(folder), quantum)


def test_a_capsule_holds_what_other_quanta_have_made(butler, run, tmp_path):
    directory = run()
    quantum = directory.graph().find("night", {})[0]
    folder = pack_capsule(butler, directory, quantum, tmp_path / "case")
    assert rehearse_quantum(RunDirectory(folder), quantum).outputs == {"night": [{"total": 120}]}
    with pytest.raises(RunError, match="is there already"):
        pack_capsule(butler, directory, quantum, tmp_path / "case")


def test_a_capsule_from_a_stranger_stays_in_its_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../evil", "x")
        archive.writestr("slice.json", "{}")
    with pytest.raises(RunError, match=r"'../evil' that would lie outside"):
        open_capsule(tmp_path / "bad.zip")
    assert not (tmp_path.parent / "evil").exists()


def test_a_profile_says_where_the_time_went(tmp_path):
    def slow():
        return sum(range(10_000))

    with profiled(tmp_path / "p.prof"):
        slow()
    stats = pstats.Stats(str(tmp_path / "p.prof"), stream=io.StringIO())
    assert any(name == "slow" for _, _, name in stats.stats)


def test_the_commands_debug_and_pack_the_first_failure(butler, run, tmp_path):
    run(faults={"1": "raise"})
    butler.close()

    def bunter(*words, answer=""):
        here = str(Path(__file__).parent)
        return bunter_command.bunter(*words, folder=tmp_path, answer=answer, PYTHONPATH=here)

    stopped = bunter("debug", "repo", "out", "--pdb", answer="up\np word\nq\n")
    assert stopped.returncode == 1
    assert "ValueError: the sky is" in stopped.stderr
    assert "(Pdb) 'raise'\n" in stopped.stdout, stopped.stdout
    fine = bunter("debug", "repo", "out", "reduce", "exposure=0", "detector=1", "--cpu-profile", "x.pstats", "--json")
    assert json.loads(fine.stdout)["outputs"] == {"reduced": ["dict"]}, fine.stderr
    assert "cumulative" in fine.stderr
    packed = bunter("capsule", "repo", "out", "--to", "case.zip")
    assert packed.stdout.startswith("packed quantum 1, reduce@"), packed.stderr
    assert bunter("debug", "case.zip").returncode == 1
    assert bunter("run-quanta", "case.zip").stdout.startswith("failed: 0 of 1 quanta succeeded, 1 failed")
