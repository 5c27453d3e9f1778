"""The contract of questions over every implementation."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.queries import QueryContract
from bunter.contracts.query_details import QueryDetailContract


class TestDirectRepository(QueryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls, tmp_path_factory):
        with Butler.create(tmp_path_factory.mktemp("questions") / "repo") as butler:
            yield butler


class TestMemoryRepository(QueryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestDetailsInFolder(QueryDetailContract):
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls, tmp_path_factory):
        with Butler.create(tmp_path_factory.mktemp("details") / "repo") as butler:
            yield butler


class TestDetailsInMemory(QueryDetailContract):
    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler
