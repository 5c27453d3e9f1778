"""`check` and `trash`, as an operator and a program see them."""

import json
import re
from pathlib import Path

import pytest

from bunter import Butler
from bunter.cli.program import run


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with Butler.create("repo", datastore={"trash_days": 3}) as butler:
        butler.dimension_records.insert("instrument", [{"name": name} for name in ("A", "B")])
        butler.dataset_types.register("note", ["instrument"], "Text")
    with Butler("repo", run="notes") as butler:
        for name in ("A", "B"):
            butler.put(name, "note", instrument=name)

    def ask(*words):
        code = run(words)
        return code, *capfd.readouterr()

    return ask


def files():
    return sorted(path for path in Path("repo/data").rglob("*") if path.is_file())


def test_a_dry_run_tells_what_a_repair_would_do_and_does_nothing(command):
    assert command("create", "mirror")[0] == command("transfer-datasets", "repo", "mirror", "-t", "copy")[0] == 0
    with Butler("repo") as butler:
        butler.get_uri("note", instrument="A", collections="notes").path.unlink()
    Path("repo/data/notes/strange.txt").write_text("x")
    before = files()
    words = ["check", "repo", "--repair", "--from", "mirror", "--older-than", "0"]
    code, _, err = command(*words, "--dry-run")
    assert code == 1
    assert "would bring 1 file back from mirror" in err
    assert "would set 1 file aside" in err
    assert files() == before
    code, out, err = command(*words)
    assert (code, out.startswith("clean: 2 artifacts")) == (0, True)
    assert "brought 1 file back from mirror" in err


def test_what_is_advised_for_a_damaged_file_brings_it_back(command):
    assert command("create", "mirror")[0] == command("transfer-datasets", "repo", "mirror", "-t", "copy")[0] == 0
    with Butler("repo") as butler:
        path = butler.get_uri("note", instrument="A", collections="notes").path
    path.chmod(0o600)
    path.write_bytes(b"?" * path.stat().st_size)
    code, _, err = command("check", "repo", "--deep")
    advised = re.search(r"`bunter (check .*?)OTHER`", err).group(1)
    assert code == 1
    assert command(*advised.split(), "mirror")[0] == 0
    assert command("check", "repo", "--deep")[0] == 0


@pytest.mark.parametrize("more", [[], ["--repair", "--record"]])
def test_a_dry_run_of_what_repairs_nothing_or_writes_more_is_wrong_usage(command, more):
    assert command("check", "repo", "--dry-run", *more)[0] == 2


def test_sizes_in_the_trash_are_numbers_for_programs(command):
    assert command("prune-datasets", "repo", "notes", "-d", "note", "--no-confirm")[0] == 0
    rows = [json.loads(line) for line in command("trash", "list", "repo", "--kept", "--json")[1].splitlines()]
    assert [row["size"] for row in rows] == [1, 1]
    assert "1 B" in command("trash", "list", "repo", "--kept")[1]


def test_a_store_that_is_no_longer_configured_is_named(command, tmp_path):
    with Butler("repo") as butler:
        butler.dataset_types.register("raw", ["instrument"], "Text")
    settings = Path("repo/bunter.yaml").read_text()
    Path("repo/bunter.yaml").write_text(
        f"{settings}datastore:\n  constraints: {{reject: [raw]}}\n  stores: {{fast: {{root: ../fast}}, more: {{root: ../more}}}}\n"
    )
    with Butler("repo", run="raws") as butler:
        butler.put("x", "raw", instrument="A")
    Path("repo/bunter.yaml").write_text(f"{settings}datastore:\n  stores: {{more: {{root: ../more}}}}\n")
    code, out, err = command("check", "repo")
    assert code == 1
    assert "in the store 'fast', which is not configured here" in out
    assert "give fast a place again" in err
    assert "prune-datasets" not in err
    assert "datastore.stores.fast" in command("get", "repo", "raw", "instrument=A")[2]


def test_files_that_their_owner_has_moved_are_told_from_lost_ones(command):
    Path("mine").mkdir()
    Path("mine/a.txt").write_text("a")
    Path("files.csv").write_text("file,instrument\nmine/a.txt,A\n")
    with Butler("repo") as butler:
        butler.dataset_types.register("text", ["instrument"], "Text")
    assert command("ingest-files", "repo", "text", "texts", "files.csv", "--transfer", "direct")[0] == 0
    Path("mine").rename("yours")
    code, _, err = command("check", "repo")
    assert (code, "prune-datasets" in err) == (1, False)
    assert "bunter relocate repo OLD NEW" in err
    assert command("relocate", "repo", "mine", "yours")[0] == 0
    assert command("check", "repo")[0] == 0
