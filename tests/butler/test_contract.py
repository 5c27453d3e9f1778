"""The repository contract over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.repository import RepositoryContract


class TestDirectRepository(RepositoryContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemoryRepository(RepositoryContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestPostgresRepository(RepositoryContract):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler
