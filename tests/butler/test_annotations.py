"""Headers, metadata, origins and activities, over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.annotations import AnnotationContract
from bunter.contracts.origins import OriginContract


class TestFolder(AnnotationContract, OriginContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemory(AnnotationContract, OriginContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler
