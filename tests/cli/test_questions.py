"""Joined rows, what is missing, groups and tables of data IDs at the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bunter import Butler
from bunter.cli.program import cli
from bunter.contracts.queries import fill_survey


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey") / "repo"
    with Butler.create(root) as butler:
        fill_survey(butler)
    return str(root)


@pytest.fixture
def ask(repo):
    def ask(command, *arguments):
        done = CliRunner().invoke(cli, [command, repo, *arguments, "--json"], catch_exceptions=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


def test_rows_of_several_types(ask):
    rows = ask("query-joined", "image", "--optional", "src", "--collections", "A", "--order-by", "visit,detector")
    assert len(rows) == 12
    assert [row["src.id"] is None for row in rows] == [(row["visit"] + row["detector"]) % 2 == 0 for row in rows]
    rows = ask("query-joined", "old=src:A", "new=src:B", "--columns", "visit,old.run,new.run", "--limit", "2")
    assert [(row["old.run"], row["new.run"]) for row in rows] == [("A", "B")] * 2


def test_what_is_missing(ask):
    assert ask("query-missing", "src:A", "--of", "image", "--count") == [{"count": 6}]
    assert ask("query-missing", "src", "--of", "visit,detector", "--collections", "A", "--count") == [{"count": 6}]
    assert ask("query-missing", "coadd", "--of", "tract", "--count") == [{"count": 1}]


def test_groups(ask):
    rows = ask(
        "query-datasets", "image", "--collections", "A", "--group-by", "band", "--summary", "n=count(*)",
        "--summary", "visits=count(distinct visit)", "--order-by=-band",
    )  # fmt: skip
    assert rows == [{"band": "r", "n": 6, "visits": 3}, {"band": "g", "n": 6, "visits": 3}]
    assert ask("query-data-ids", "visit", "--group-by", "band", "--count") == [{"count": 2}]
    assert ask("query-dimension-records", "visit", "--summary", "longest=max(exposure_time)") == [{"longest": 75.0}]


def test_data_ids_from_a_file(ask, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("visit,detector,note\n1,0,a\n4,1,b\n9,9,c\n")
    rows = ask("query-datasets", "image", "--data-id-table", str(file), "--with-records", "--order-by", "visit")
    assert [(row["visit"], row["detector"], row["visit.exposure_time"]) for row in rows] == [(1, 0, 15.0), (4, 1, 60.0)]
