"""The frame of the command line, as a user meets it."""

import json
import subprocess
import sys

import pytest

from bunter import Butler
from bunter.cli.commands import COMMANDS
from bunter.cli.program import run


def call(capfd, *words):
    code = run(words)
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def test_help_lists_every_command_without_importing_any(capfd):
    code, out, _ = call(capfd, "--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)
    probe = "import sys; from bunter.cli.program import run; run(['--help']); print([m for m in sys.modules if m.startswith('bunter.cli.commands.')])"
    heavy = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert heavy.stdout.strip().endswith("[]")


def test_a_misspelt_command_is_answered_with_the_nearest(capfd):
    code, _, err = call(capfd, "query-dataset", "x")
    assert code == 2
    assert "did you mean 'query-datasets'" in err


def test_a_users_mistake_is_one_line_without_traceback(capfd, tmp_path):
    code, out, err = call(capfd, "query-datasets", str(tmp_path / "nowhere"), "raw")
    assert code == 1
    assert out == ""
    assert "Traceback" not in err
    assert "bunter create" in err
    assert len(err.strip().splitlines()) == 1


def test_create_makes_a_repository_once(capfd, tmp_path):
    root = str(tmp_path / "repo")
    assert call(capfd, "create", root, "--dry-run")[0] == 0
    assert not (tmp_path / "repo").exists()
    code, out, _ = call(capfd, "create", root, "--json")
    assert code == 0
    assert json.loads(out)["created"] is True
    code, _, err = call(capfd, "create", root)
    assert code == 1
    assert "is a repository already" in err


def test_configuration_is_printed_with_its_sources(capfd, tmp_path):
    seed = tmp_path / "seed.yaml"
    seed.write_text("datastore:\n  root: files\n")
    root = str(tmp_path / "repo")
    assert call(capfd, "create", root, "--seed-config", str(seed))[0] == 0
    _, out, _ = call(capfd, "config-dump", root, "--source", "--json")
    rows = {row["setting"]: row for row in map(json.loads, out.splitlines())}
    assert rows["datastore.root"]["value"] == "files"
    assert rows["datastore.root"]["source"].startswith("repository")
    assert rows["registry.database"]["source"] == "package"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("datastor: {}\n", "did you mean 'datastore'"),
        ("registry: {lock_timeout_s: never}\n", "lock_timeout_s"),
        ("[1, 2]\n", "must hold a mapping"),
        ("a: [\n", "not YAML"),
    ],
)
def test_a_wrong_configuration_is_explained(capfd, tmp_path, text, sentence):
    seed = tmp_path / "seed.yaml"
    seed.write_text(text)
    code, _, err = call(capfd, "create", str(tmp_path / "repo"), "--seed-config", str(seed))
    assert code == 1
    assert sentence in err
    assert not (tmp_path / "repo").exists()


def test_a_folder_with_files_is_never_taken(capfd, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    code, _, err = call(capfd, "create", str(tmp_path))
    assert code == 1
    assert "not empty" in err
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_label_of_the_site_opens_a_repository(capfd, tmp_path, monkeypatch):
    Butler.create(tmp_path / "repo").close()
    index = tmp_path / "index.yaml"
    index.write_text(f"dr1: {tmp_path / 'repo'}\n")
    monkeypatch.setenv("BUNTER_REPOSITORY_INDEX", str(index))
    assert call(capfd, "query-collections", "dr1")[0] == 0
    code, _, err = call(capfd, "query-collections", "dr2")
    assert code == 1
    assert "did you mean 'dr1'" in err


def test_an_unknown_log_level_is_a_usage_error(capfd):
    code, _, err = call(capfd, "--log-level", "LOUD", "formats")
    assert code == 2
    assert "LOUD" in err


def test_collections_are_made_chained_and_listed(capfd, tmp_path):
    root = str(tmp_path / "repo")
    with Butler.create(root) as butler:
        butler.collections.register("a")
        butler.collections.register("b")
    assert call(capfd, "collection-chain", root, "both", "a", "b")[0] == 0
    _, out, _ = call(capfd, "query-collections", root, "both", "--json")
    assert json.loads(out) == {"name": "both", "type": "CHAINED", "children": ["a", "b"], "doc": ""}
    code, _, err = call(capfd, "remove-runs", root, "a", "--no-confirm")
    assert code == 1
    assert "both" in err
    assert call(capfd, "remove-runs", root, "a", "--no-confirm", "--force")[0] == 0
