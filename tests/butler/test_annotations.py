"""Headers, metadata, origins and activities, over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.annotations import AnnotationContract
from bunter.contracts.metadata_questions import IndexedMetadataContract, MetadataQuestionContract
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


class FolderOfAll:
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls, tmp_path_factory):
        with Butler.create(tmp_path_factory.mktemp("asked") / "repo") as butler:
            yield butler


class MemoryOfAll:
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestQuestionsInFolder(FolderOfAll, MetadataQuestionContract):
    pass


class TestQuestionsInMemory(MemoryOfAll, MetadataQuestionContract):
    pass


class TestIndexesInFolder(FolderOfAll, IndexedMetadataContract):
    pass


class TestIndexesInMemory(MemoryOfAll, IndexedMetadataContract):
    pass
