"""The contract about the past over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.past import PastContract


class TestPastOfAFolder(PastContract):
    seeds = 3

    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestPastInMemory(PastContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler
