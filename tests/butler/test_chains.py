"""The chain contract and the repository contract over every kind of registry and chain."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.chained import ChainContract
from bunter.contracts.repository import RepositoryContract
from made_repositories import MadeInFolder, MadeInMemory, MadeOnPostgres

WRITE_THROUGH = {"stores": {"second": {"root": "second", "copies": True}}}
IN_MEMORY = {"constraints": {"reject": ["all"]}, "stores": {"ram": {"kind": "memory"}}}


class TestChainInFolder(MadeInFolder, ChainContract):
    pass


class TestChainInMemory(MadeInMemory, ChainContract):
    pass


class TestChainOnPostgres(MadeOnPostgres, ChainContract):
    pass


class TestRepositoryThatWritesThrough(RepositoryContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo", datastore=WRITE_THROUGH) as butler:
            yield butler


class TestMemoryRepositoryWithChain(RepositoryContract):
    @pytest.fixture
    def empty(self):
        datastore = {"stores": {"ram": {"kind": "memory", "copies": True}}}
        with Butler.create(f"memory://{uuid.uuid4()}", datastore=datastore) as butler:
            yield butler


@pytest.mark.slow
class TestPostgresRepositoryThatWritesThrough(RepositoryContract):
    @pytest.fixture
    def empty(self, tmp_path, postgres_url):
        with Butler.create(tmp_path / "repo", database=postgres_url, datastore=WRITE_THROUGH) as butler:
            yield butler


class TestFolderWithObjectsInMemory(RepositoryContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo", datastore=IN_MEMORY) as butler:
            yield butler
