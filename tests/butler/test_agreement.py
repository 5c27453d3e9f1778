"""What was settled by asking both systems, over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.agreement import AgreementContract


class TestFolder(AgreementContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemory(AgreementContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler
