"""Questions at the command line: the same options everywhere, rows in any form, answers to empty results."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.sky_explanations import fill_datasets, fill_sky

DEC = "5.0"


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    root = tmp_path_factory.mktemp("questions") / "repo"
    with Butler.create(root) as butler:
        fill_sky(butler)
        fill_datasets(butler)
    return str(root)


@pytest.fixture
def call(capfd):
    def called(*words):
        code = run(words)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return called


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_rows_are_the_same_as_text_json_csv_and_parquet(call, repo, tmp_path):
    words = ("query-datasets", repo, "calexp", "--where", "band = 'r'", "--order-by", "visit,-detector")
    _, text, _ = call(*words)
    as_json = objects(call(*words, "--json")[1])
    as_csv = rows(call(*words, "--csv")[1])
    assert len(as_json) == len(as_csv) == len(text.splitlines()) - 2 == 6
    assert [(row["visit"], row["detector"]) for row in as_json] == [(v, d) for v in (1, 3) for d in (2, 1, 0)]
    assert [row["id"] for row in as_json] == [row["id"] for row in as_csv]
    code, out, _ = call(*words, "--parquet", str(tmp_path / "rows.parquet"))
    assert code == 0
    assert "6 rows" in out
    assert pq.read_table(tmp_path / "rows.parquet")["id"].to_pylist() == [row["id"] for row in as_json]
    code, _, err = call(*words, "--parquet", str(tmp_path / "rows.parquet"))
    assert code == 1
    assert "is there already" in err


def test_several_types_are_one_csv_and_one_parquet_with_the_columns_of_all(call, repo, tmp_path):
    words = ("query-datasets", repo, "c*")
    as_csv = rows(call(*words, "--csv")[1])
    assert {row["dataset_type"] for row in as_csv} == {"calexp", "catalog", "coadd"}
    assert {"visit", "patch", "htm7"} <= set(as_csv[0])
    assert next(row for row in as_csv if row["dataset_type"] == "coadd")["visit"] == ""
    assert call(*words, "--parquet", str(tmp_path / "all.parquet"))[0] == 0
    assert pq.read_table(tmp_path / "all.parquet").num_rows == len(as_csv)
    as_json = objects(call(*words, "--json")[1])
    assert "visit" not in next(row for row in as_json if row["dataset_type"] == "coadd")


def test_columns_are_chosen_by_name(call, repo):
    words = ("query-datasets", repo, "calexp", "--columns")
    found = rows(call(*words, "visit,visit.exposure_time", "--columns", "run", "--csv")[1])
    assert list(found[0]) == ["visit", "visit.exposure_time", "run"]
    code, _, err = call(*words, "visit.exposure_tim")
    assert code == 1
    assert "did you mean 'exposure_time'" in err


def test_counts_of_one_and_of_several_types(call, repo):
    assert call("query-datasets", repo, "calexp", "--count")[1].strip() == "12"
    assert objects(call("query-datasets", repo, "calexp", "--count", "--json")[1]) == [{"count": 12}]
    found = objects(call("query-datasets", repo, "--count", "--json")[1])
    counts = {row["dataset_type"]: row["count"] for row in found}
    assert counts["coadd"] == 4
    assert "never" not in counts


def test_limits_are_for_all_types_together_and_tell_of_more_when_asked(call, repo):
    assert len(objects(call("query-datasets", repo, "c*", "--limit", "14", "--json")[1])) == 14
    code, out, err = call("query-datasets", repo, "calexp", "--limit", "-3", "--json")
    assert (code, len(objects(out))) == (0, 3)
    assert "more than 3 rows" in err
    _, out, err = call("query-datasets", repo, "calexp", "--limit", "-12", "--json")
    assert (len(objects(out)), err) == (12, "")
    assert len(objects(call("query-datasets", repo, "calexp", "--limit", "0", "--json")[1])) == 12
    assert len(objects(call("query-datasets", repo, "calexp", "--offset", "10", "--json")[1])) == 2


def test_an_empty_result_says_why_and_fails_only_when_asked(call, repo):
    words = ("query-datasets", repo, "calexp", "--where", "band = 'R'")
    code, out, err = call(*words)
    assert (code, out) == (0, "")
    assert "did you mean 'r'" in err
    assert len(err.splitlines()) == 1
    assert call(*words, "--fail-if-empty")[0] == 3
    assert call(*words, "--json")[:2] == (0, "")
    code, out, _ = call(*words, "--explain")
    assert code == 0
    assert "rows without one of them" in out
    told = objects(call(*words, "--explain", "--json")[1])[0]
    assert told["conflicts"][0]["constraints"] == ["band = 'R'"]
    assert told["added"][0]["rows"] == 12


def test_addresses_are_shown_beside_the_datasets(call, repo):
    found = objects(call("query-datasets", repo, "coadd", "--show-uri", "--json")[1])
    assert len(found) == 4
    assert all(row["uri"].startswith("file://") for row in found)
    few = objects(call("query-datasets", repo, "coadd", "--show-uri", "--columns", "uri,band", "--json")[1])
    assert [list(row) for row in few] == [["uri", "band"]] * 4
    assert {row["uri"] for row in few} == {row["uri"] for row in found}
    code, _, err = call("query-datasets", repo, "coadd", "--show-uri", "--columns", "bnd")
    assert (code, "did you mean 'band'?" in err) == (2, True)


def test_data_ids_come_from_dimensions_or_from_the_datasets_that_must_exist(call, repo):
    assert len(objects(call("query-data-ids", repo, "visit", "detector", "--json")[1])) == 12
    found = objects(call("query-data-ids", repo, "--datasets", "calexp", "--collections", "work/2", "--json")[1])
    assert [row["detector"] for row in found] == [0, 1, 2]
    code, _, err = call("query-data-ids", repo)
    assert code == 2
    assert "--datasets" in err


def test_records_may_be_those_of_which_datasets_exist(call, repo):
    words = ("query-dimension-records", repo, "visit", "--json")
    assert len(objects(call(*words)[1])) == 4
    assert [row["visit"] for row in objects(call(*words, "--datasets", "calexp", "--collections", "work/2")[1])] == [0]
    code, _, err = call(*words, "--datasets", "calexp", "--where", "visit = 9")
    assert (code, err) == (0, "")


def test_dataset_types_of_which_collections_have_datasets(call, repo):
    names = [row["name"] for row in objects(call("query-dataset-types", repo, "--collections", "work/2", "--json")[1])]
    assert names == ["calexp"]
    assert len(objects(call("query-dataset-types", repo, "c*", "raw", "--json")[1])) == 4
    code, _, err = call("query-dataset-types", repo, "calxp")
    assert code == 1
    assert "did you mean 'calexp'" in err


def test_options_may_come_from_a_file_and_those_given_win(call, repo, tmp_path):
    file = tmp_path / "options.yaml"
    file.write_text("query-datasets:\n  where: band = 'r'\n  order-by: [-visit]\n  limit: 2\n  json: true\n")
    words = ("query-datasets", repo, "calexp", "--options-file", str(file))
    assert [row["visit"] for row in objects(call(*words)[1])] == [3, 3]
    assert len(objects(call(*words, "--limit", "1")[1])) == 1
    file.write_text("query-datasets:\n  wher: x\n")
    code, _, err = call(*words)
    assert code == 2
    assert "did you mean 'where'" in err


def test_what_covers_a_position_is_listed_by_type(call, repo):
    code, out, err = call("at", repo, "10", DEC)
    assert code == 0
    assert "calexp:" in out
    assert "without a region" in err
    found = objects(call("at", repo, "10", DEC, "--json")[1])
    assert {row["dataset_type"] for row in found} == {"calexp", "catalog", "coadd", "raw", "summary"}
    assert objects(call("at", repo, "10", DEC, "--summary", "--json", "-d", "co*")[1]) == [
        {"dataset_type": "coadd", "datasets": 2, "bands": "g 1, r 1", "through": "patch"}
    ]
    assert len(rows(call("at", repo, "10", DEC, "--csv")[1])) == len(found)
    assert len(objects(call("at", repo, "00:40:00", "+05:00:00", "--json")[1])) == len(found)
    assert len(objects(call("at", repo, "00", "40", "00", "+05", "00", "00", "--json")[1])) == len(found)


def test_a_place_may_lie_in_the_south_and_mistakes_are_told(call, repo):
    code, out, err = call("at", repo, "10", "-5.5", "--fail-if-empty")
    assert code == 3
    assert "0 datasets" in out
    assert "deg away" in err
    code, _, err = call("at", repo, "10", DEC, "--wher", "x")
    assert code == 2
    assert "did you mean '--where'" in err
    code, _, err = call("at", "10", DEC, repo)
    assert code == 2
    assert "the repository comes first" in err
    code, _, err = call("at", repo, "M", "67")
    assert code == 1
    assert "resolver" in err


def test_tables_fit_the_terminal_and_are_whole_elsewhere():
    from bunter.cli.grid import Grid

    wide = [("a" * 50, "b" * 10, "c" * 60)]
    assert max(map(len, Grid(("x", "y", "z")).lines(wide))) == 124
    fitted = list(Grid(("x", "y", "z"), 80).lines(wide))
    assert {len(line) for line in fitted[1:]} == {80}
    assert "…" in fitted[2]
    assert "b" * 10 in fitted[2]
    assert list(Grid(("x",), 80).lines([])) == []


def test_sentences_go_on_in_the_next_line_of_a_terminal():
    from bunter.cli.grid import Grid

    said = "the service does not let these credentials write this; `bunter doctor s3://bucket/x` says which rights are missing"
    lines = list(Grid(("check", "verdict", "detail"), 80).lines([("put", "wrong", said), ("get", "ok", "fine")]))
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(line[16:] for line in lines[2:-1]).split()) == said
    assert any("`bunter doctor s3://bucket/x`" in line for line in lines)
    assert lines[-1].split() == ["get", "ok", "fine"]
    path = "/data/" + "x" * 100
    lines = list(Grid(("detail", "datasets"), 80).lines([(path, "1")]))
    assert max(map(len, lines)) <= 80
    assert "".join(line[:70].strip() for line in lines[2:]) == path


class Terminal(io.StringIO):
    """A stream that says to be a terminal."""

    def isatty(self):
        return True


def test_a_mistake_is_wrapped_in_a_terminal_and_one_line_elsewhere(monkeypatch):
    from bunter.cli.wrapping import wrapped_for

    monkeypatch.setenv("COLUMNS", "80")
    said = "bunter: 1 conflict between a and b; nothing was changed\n  data ID: 'run1' has a 'thing' for this exposure and this detector already; `bunter remove-datasets b x` makes room"
    assert wrapped_for(io.StringIO(), said) == said
    lines = wrapped_for(Terminal(), said).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("  ")
    assert " ".join(" ".join(lines).split()) == " ".join(said.split())
    pointed = "a mistake in " + "x = 1 and " * 12 + "\n" + " " * 40 + "^"
    assert wrapped_for(Terminal(), pointed) == pointed


def bunter(*words, **more):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **more.pop("env", {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(["bunter", *words], env=environment, **pipes, **more)


def test_a_reader_that_has_enough_is_no_error(repo):
    with bunter("query-datasets", repo, "--json") as process:
        process.stdout.close()
        error = process.stderr.read()
    assert (process.returncode, error) == (0, "")


def test_the_shell_completes_commands_and_names_of_the_repository(repo):
    def completed(line):
        words = line.split(" ")
        asked = {"_BUNTER_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        out, _ = bunter(env=asked).communicate()
        return [each.partition(",")[2] for each in out.splitlines() if each]

    assert "query-datasets" in completed("bunter query-d")
    assert completed(f"bunter query-datasets {repo} cal") == ["calexp"]
    assert completed(f"bunter query-datasets {repo} calexp --collections work/") == ["work/1", "work/2"]
    assert completed(f"bunter query-dimension-records {repo} detec") == ["detector"]
    assert completed("bunter query-datasets /nowhere cal") == []
    out, _ = bunter("completion", "bash").communicate()
    assert "_BUNTER_COMPLETE=bash_complete" in out


def test_global_options_set_up_the_log(call, repo, tmp_path):
    text, lines = tmp_path / "log.txt", tmp_path / "log.json"
    logging = ("--log-level", "VERBOSE", "--log-file", str(text), "--log-file", str(lines), "--log-label", "night=3")
    code, _, err = call(*logging, "--no-log-tty", "--long-log", "query-datasets", repo, "calexp", "--count")
    assert (code, err) == (0, "")
    first = objects(lines.read_text())[0]
    assert first["message"].startswith("begins: ")
    assert first["night"] == "3"
    assert "[night=3]" in text.read_text()
    assert call("--log-level", "LOUD", "formats")[0] == 2
    assert call("--log-label", "night", "formats")[0] == 2
    code, _, err = call("--log-file", str(tmp_path / "no" / "log"), "formats")
    assert code == 2
    assert "cannot write" in err
    call("formats")  # closes the files
