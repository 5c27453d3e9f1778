"""The contract about calibrations over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.calibrations import CalibrationsContract


class TestCalibrationsOfAFolder(CalibrationsContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestCalibrationsInMemory(CalibrationsContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler
