"""The promises about dataset types over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.dataset_types import DatasetTypeContract


class TestDirectRepository(DatasetTypeContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemoryRepository(DatasetTypeContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestPostgresRepository(DatasetTypeContract):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler
