"""Commands about headers, metadata, indexes, origins and activities."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bunter import Butler
from bunter.cli.program import cli
from bunter.contracts.small_camera import fill_small_camera


@pytest.fixture
def repo(tmp_path):
    path = tmp_path / "repo"
    with Butler.create(path) as butler:
        fill_small_camera(butler)
        for exposure in range(4):
            butler.put({"e": exposure}, "thing", exposure=exposure, detector=0, run="run1", metadata={"n": exposure})
    return str(path)


def run(*words):
    return CliRunner().invoke(cli, list(words), catch_exceptions=False, standalone_mode=False)


def rows(*words):
    return [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]


def test_metadata_is_set_where_the_condition_holds(repo):
    assert rows("set-metadata", repo, "thing", "quality.flag=bad", "n=7", "--where", "thing.metadata.n > 1") == [
        {"datasets": 2, "metadata": {"quality": {"flag": "bad"}, "n": 7}}
    ]
    found = rows("query-datasets", repo, "thing", "--where", "thing.metadata.quality.flag = 'bad'")
    assert len(found) == 2


def test_a_dry_run_changes_nothing(repo):
    assert rows("set-metadata", repo, "thing", "n=null", "--dry-run")[0]["datasets"] == 4
    assert rows("index-metadata", repo, "thing.metadata.n", "--dry-run")[0]["dry_run"]
    with Butler(repo) as butler:
        assert butler.query_datasets("thing", where="thing.metadata.n >= 0").count() == 4
        assert butler.metadata_indexes() == []


def test_indexes_are_made_listed_and_dropped(repo):
    run("index-metadata", repo, "thing.metadata.n")
    assert rows("index-metadata", repo, "--list") == [{"name": "thing.metadata.n", "datasets": 4}]
    run("index-metadata", repo, "thing.metadata.n", "--drop")
    assert rows("index-metadata", repo, "--list") == []


def test_an_origin_names_the_command(repo):
    run("set-metadata", repo, "thing", "n=1")
    (row,) = rows("origin", repo, "thing", "instrument=Cam", "exposure=1", "detector=0")
    assert (row["kind"], row["data_id"]["exposure"]) == ("session", 1)
    assert rows("origin", repo, "--id", row["id"])[0]["id"] == row["id"]
    newest = rows("query-activities", repo, "--limit", "1")[0]
    assert (newest["kind"], newest["label"]) == ("command", "set-metadata")
    assert newest["command"] == f"bunter set-metadata {repo} thing n=1"
    assert rows("query-activities", repo, "--kind", "none") == []
    with Butler(repo) as butler:
        last = butler.sql("SELECT * FROM v1_change ORDER BY change_number DESC", limit=1).to_arrow().to_pylist()[0]
        assert "set-metadata" in last.values()


def test_passwords_are_left_out_of_the_history():
    from bunter.values.program import current_command, told_command

    with told_command("clone", ["bunter", "clone", "repo", "postgresql://ann:secret@host/db"]):
        assert current_command() == ("clone", "bunter clone repo postgresql://ann:***@host/db")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set-metadata", "thing", "n"), "KEY=VALUE"),
        (("set-metadata", "thing", "a=1", "a.b=2"), "a value of its own"),
        (("index-metadata",), "name what to index"),
        (("index-metadata", "thing.n"), "raw.header.AIRMASS"),
        (("origin",), "by its type and data ID"),
        (("origin", "--id", "x"), "no dataset id"),
        (("origin", "thin", "exposure=1"), "did you mean 'thing'"),
        (("query-activities", "--after", "never"), "no time"),
        (("query-headers", "thing", "A", "--where", "thing.header.A = T'2026-01-01'"), "strings"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(repo, words, said):
    result = CliRunner().invoke(cli, [words[0], repo, *words[1:]])
    assert result.exit_code in {1, 2}
    assert said in f"{result.output}{result.stderr if result.stderr_bytes else ''}{result.exception}"


def test_cards_are_listed(repo):
    assert rows("query-headers", repo, "thing", "AIRMASS", "--limit", "1")[0]["AIRMASS"] is None
