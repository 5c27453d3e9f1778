"""`bunter run --mock`: a pipeline tried without its tasks."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from small_survey import make_repository

from bunter.butler import Butler
from bunter.cli.program import run

PIPELINE = "tasks:\n  reduce: run_tasks.Reduce\n  gather: run_tasks.Gather\n"


@pytest.fixture
def ask(tmp_path, monkeypatch, capfd):
    make_repository(tmp_path / "repo").close()
    (tmp_path / "p.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)

    def command(*words):
        base = ("run", "-b", "repo", "-p", "p.yaml", "-i", "raw", "-o", "out", "-d", "instrument = 'Cam'")
        code = run([*base, *words])
        out, err = capfd.readouterr()
        return code, out, err

    return command


def test_mocks_run_in_place_of_the_tasks(ask):
    code, out, _ = ask("--mock", "--json")
    assert code == 0
    assert json.loads(out)["tasks"]["reduce"]["succeeded"] == 8
    with Butler("repo") as butler:
        assert butler.query_datasets("mock_gathered", "out").count() == 4
        assert "gathered" not in butler.dataset_types.query() or not butler.query_datasets("gathered", "out").count()


def test_mocks_fail_as_they_are_told(ask):
    code, out, _ = ask("--mock", "--mock-fault", "reduce=MemoryError,exposure=2", "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["tasks"]["reduce"]["failed"], told["tasks"]["gather"]["blocked"]) == (2, 1)
    assert ask("--mock", "--mock-fault", "reduce=MemoryError,exposure=2", "--json")[0] == 1


def test_a_fault_that_passes_is_tried_again(ask, tmp_path):
    words = ("--mock-fault", "reduce=OSError,tries=1,exposure=1", "--mock-marks", str(tmp_path), "--retries", "1")
    code, out, _ = ask("--mock", *words, "--json")
    assert code == 0, out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--mock-fault", "reduce=OSError"), "go with --mock"),
        (("--mock", "--mock-fault", "reduce"), "is no fault"),
        (("--mock", "--mock-fault", "reduce=OSError,fraction=3"), "less than or equal to 1"),
        (("--mock", "--mock-fault", "redux=OSError"), "did you mean 'reduce'"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(ask, words, sentence):
    code, _, err = ask(*words)
    assert code in {1, 2}
    assert sentence in err


def test_the_help_has_the_options():
    from bunter.cli.program import cli

    assert "--mock-fault" in CliRunner().invoke(cli, ["run", "--help"]).output
