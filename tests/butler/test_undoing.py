"""Removals that can be undone, over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.undoing import UndoContract
from bunter.contracts.undone_edits import UndoneEditsContract


class TestFolder(UndoContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemory(UndoContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestPostgres(UndoContract):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler


@pytest.mark.slow
class TestBucket(UndoContract):
    @pytest.fixture
    def empty(self, tmp_path, s3_place):
        with Butler.create(s3_place, database=str(tmp_path / "registry.sqlite3")) as butler:
            yield butler


class TestEditsInAFolder(UndoneEditsContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestEditsInMemory(UndoneEditsContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestEditsOnPostgres(UndoneEditsContract):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler
