"""The contract of dimension records over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.dimension_records import DimensionRecordsContract


class TestDirectRepository(DimensionRecordsContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemoryRepository(DimensionRecordsContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler
