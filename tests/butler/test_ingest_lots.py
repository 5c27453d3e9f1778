"""An ingest of many files goes in lots, and is one step all the same, over every kind of registry."""

import uuid

import pytest

from bunter import Butler
from bunter.contracts.ingest import COUNT, IngestContract, artifacts, things


class TestIngestIntoFolder(IngestContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler

    @pytest.mark.parametrize("transfer", ["hardlink", "symlink", "relsymlink", "link"])
    def test_all_lots_come_in_as_links(self, butler, inbox, transfer):
        refs = butler.ingest(*things(butler, inbox), transfer=transfer)
        assert [butler.get(ref)["e"] for ref in refs] == list(range(COUNT))
        assert len(artifacts(butler)) == COUNT


class TestIngestInMemory(IngestContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestIngestOnPostgres(IngestContract):
    @pytest.fixture
    def empty(self, tmp_path, postgres_url):
        with Butler.create(tmp_path / "repo", database=postgres_url) as butler:
            yield butler


class TestIngestIntoChain(IngestContract):
    """Every file goes into a second store as well."""

    @pytest.fixture
    def empty(self, tmp_path):
        stores = {"second": {"root": "second", "copies": True}}
        with Butler.create(tmp_path / "repo", datastore={"stores": stores}) as butler:
            yield butler
