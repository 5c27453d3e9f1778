"""The contract of files that their owner moves, over every database; and its command."""

import uuid

import pytest

from bunter import Butler
from bunter.cli.program import run
from bunter.contracts.relocating import RelocatingContract


class TestFolder(RelocatingContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler

    def test_the_command_says_what_it_did(self, empty, refs, disk, capsys):
        root = str(disk / "repo")
        (disk / "disk1").rename(disk / "disk2")
        words = ["relocate", root, str(disk / "disk1"), str(disk / "disk2")]
        assert run([*words, "--dry-run"]) == 0
        assert capsys.readouterr().out.startswith("4 files would be recorded in ")
        assert run(words) == 0
        assert capsys.readouterr().out.startswith("4 files now recorded in ")
        assert run(words) == 0
        assert "4 files in" in capsys.readouterr().out
        assert empty.get(refs[2]) == {"e": 2}


class TestMemory(RelocatingContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestPostgres(RelocatingContract):
    @pytest.fixture
    def empty(self, tmp_path, postgres_url):
        with Butler.create(tmp_path / "repo", database=postgres_url) as butler:
            yield butler
