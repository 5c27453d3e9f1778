"""The promises about threads, forks and pickles over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.processes import ProcessContract


class TestDirectRepository(ProcessContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemoryRepository(ProcessContract):
    outlives = False
    test_spawned_processes_work_with_a_pickled_butler = None  # it is a repository of its own process

    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestPostgresRepository(ProcessContract):
    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler
