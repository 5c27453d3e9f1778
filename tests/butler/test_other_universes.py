"""The contract of repositories with other universes, over folders, memory and PostgreSQL."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.other_universes import HILL, OtherUniversesContract


class TestFolders(OtherUniversesContract):
    @pytest.fixture
    def hill(self, tmp_path):
        with Butler.create(tmp_path / "hill", dimensions=HILL) as butler:
            yield butler

    @pytest.fixture
    def plain(self, tmp_path):
        with Butler.create(tmp_path / "plain") as butler:
            yield butler


class TestMemory(TestFolders):
    @pytest.fixture
    def plain(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


@pytest.mark.slow
class TestPostgres(TestFolders):
    @pytest.fixture
    def plain(self, tmp_path, postgres_url):
        with Butler.create(tmp_path / "plain", database=postgres_url) as butler:
            yield butler
