"""What an operator's mistakes are answered with: one sentence, the right exit code, nothing changed."""

import io
import json

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.small_camera import fill_dimensions


@pytest.fixture
def repo(tmp_path):
    root = str(tmp_path / "repo")
    Butler.create(root).close()
    with Butler(root, run="made/one", instrument="Cam") as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True)
        butler.dataset_types.register("note", ["instrument", "detector"], "StructuredDataDict")
        for detector in range(2):
            butler.put({"level": 100.123456789012345}, "bias", detector=detector)
            butler.put({"n": detector}, "note", detector=detector)
        butler.collections.redefine_chain("made", ["made/one"])
    return root


@pytest.fixture
def call(capfd):
    def called(*words):
        code = run(words)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return called


def test_dates_that_are_none_are_wrong_usage(call, repo):
    words = ("certify-calibrations", repo, "made/one", "calib", "bias")
    code, _, err = call(*words, "--begin-date", "2025-13-01")
    assert code == 2
    assert "'2025-13-01' is not a time" in err
    code, _, err = call(*words, "--begin-date", "2025-09-23", "--end-date", "2025-09-21")
    assert code == 2
    assert "[2025-09-23T00:00:37, 2025-09-21T00:00:37)" in err


def test_a_pattern_that_matches_no_run_is_an_error(call, repo):
    code, _, err = call("remove-runs", repo, "nope*", "--no-confirm")
    assert code == 1
    assert "no RUN collection matches 'nope*'" in err
    code, _, err = call("remove-runs", repo, "mode", "--no-confirm")
    assert code == 1
    assert "did you mean 'made'" in err


def test_the_wrong_kind_of_collection_is_answered_with_the_right_command(call, repo):
    code, _, err = call("remove-runs", repo, "made", "--no-confirm")
    assert code == 1
    assert "is a CHAINED collection" in err
    assert "bunter remove-collections" in err
    code, _, err = call("remove-collections", repo, "made/one", "--no-confirm")
    assert code == 1
    assert "bunter remove-runs" in err


def test_a_run_in_a_chain_needs_force_and_a_rehearsal_says_so(call, repo):
    code, out, _ = call("remove-runs", repo, "made/*", "--dry-run")
    assert code == 0
    assert "made/one" in out
    assert "--force" in out
    code, _, err = call("remove-runs", repo, "made/*", "--no-confirm")
    assert code == 1
    assert "--force" in err
    code, out, _ = call("remove-runs", repo, "made/*", "--no-confirm", "--force")
    assert code == 0
    assert out.strip() == "removed 1 run, 4 datasets"


def test_a_question_that_nobody_answers_names_the_option(call, repo, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = call("prune-datasets", repo, "-d", "note", "--collections", "made")
    assert code == 2
    assert "--no-confirm" in err


def test_a_pair_without_an_equals_sign_is_wrong_usage(call, repo):
    code, _, err = call("get-uri", repo, "note", "detector")
    assert code == 2
    assert "KEY=VALUE" in err


def test_files_that_are_there_are_not_overwritten(call, repo, tmp_path):
    words = ("retrieve-artifacts", repo, str(tmp_path / "out"), "-d", "note")
    assert call(*words)[0] == 0
    assert call(*words)[0] == 0, "what is there with the same content is taken as done"
    file = next((tmp_path / "out").glob("note*"))
    file.write_text("mine")
    code, _, err = call(*words)
    assert code == 1
    assert "choose an empty folder" in err
    assert file.read_text() == "mine"


def test_damage_is_told_with_what_to_do(call, repo, tmp_path):
    files = sorted((tmp_path / "repo" / "data").rglob("note*"))
    next(file for file in files if file.is_file()).unlink()
    (tmp_path / "repo" / "data" / "stray").write_text("?")
    code, _, err = call("check", repo)
    assert code == 1
    assert "bunter prune-datasets" in err
    assert "--repair" in err
    code, _, err = call("check", repo, "--repair")
    assert "--older-than 0" in err
    code, _, err = call("check", repo, "--repair", "--older-than", "0")
    assert "set 1 orphan aside" in err


def test_rows_of_several_types_say_their_type(call, repo):
    _, out, _ = call("query-datasets", repo, "note", "bias", "--json")
    assert {json.loads(line)["dataset_type"] for line in out.splitlines()} == {"note", "bias"}
    _, out, _ = call("query-datasets", repo)
    assert "note:" in out.splitlines()
    _, out, _ = call("query-datasets", repo, "note", "--show-uri", "--json")
    assert json.loads(out.splitlines()[0])["detector"] == 0


def test_lists_are_lists_in_json(call, repo):
    _, out, _ = call("query-collections", repo, "made", "--json")
    assert json.loads(out)["children"] == ["made/one"]
    _, out, _ = call("query-dataset-types", repo, "note", "--json")
    assert json.loads(out)["dimensions"] == ["instrument", "detector"]


def test_times_are_iso_and_numbers_short_for_eyes(call, repo):
    with Butler(repo) as butler:
        row = {
            "instrument": "Cam",
            "id": 9,
            "obs_id": "o9",
            "physical_filter": "Cam-g",
            "group": "g1",
            "day_obs": 20260101,
        }
        butler.dimension_records.insert(
            "exposure", {**row, "timespan": (10**18, 10**18 + 1), "exposure_time": 0.1 + 0.2}
        )
    _, out, _ = call("query-dimension-records", repo, "exposure", "--where", "exposure = 9")
    assert out.count("2001-09-09T01:46:40") == 2
    assert "40.000" not in out
    assert " 0.3 " in out
    _, out, _ = call("query-dimension-records", repo, "exposure", "--where", "exposure = 9", "--json")
    assert json.loads(out)["exposure_time"] == 0.1 + 0.2


def test_an_empty_table_of_records_says_that_nothing_is_registered(call, repo):
    _, _, err = call("query-dimension-records", repo, "visit")
    assert "nothing of visit is registered" in err


def test_tasks_of_the_current_folder_are_found(call, tmp_path, monkeypatch):
    (tmp_path / "newcomers_task.py").write_text(
        "from bunter.pipeline import Input, Output, task\n"
        "@task(dimensions=('instrument',), a=Input('a', 'StructuredDataDict', dimensions=('instrument',)),"
        " b=Output('b', 'StructuredDataDict', dimensions=('instrument',)))\n"
        "def copied(a):\n    return a\n"
    )
    (tmp_path / "p.yaml").write_text("tasks:\n  copy: newcomers_task.copied\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [entry for entry in __import__("sys").path if entry])
    code, out, err = call("pipeline", "check", "p.yaml")
    assert code == 0, err
    assert "1 task, copy" in out


def test_a_registry_whose_folder_cannot_be_made_leaves_no_repository_behind(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code = run(["create", str(tmp_path / "repo"), "--database", str(tmp_path / "file" / "registry.sqlite3")])
    assert code == 1
    assert "for the registry cannot be made (File exists); name a file elsewhere" in capsys.readouterr().err
    assert not (tmp_path / "repo").exists()
