"""The contract of universes and packers over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.universe import UniverseContract


class TestDirectRepository(UniverseContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemoryRepository(UniverseContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler
