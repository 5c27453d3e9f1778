"""The contract of stores over real services on loopback."""

import pytest

from bunter.contracts.artifact_store import ArtifactStoreContract
from bunter.database import Database
from bunter.datastore.intent_records import DatabaseJournal
from bunter.datastore.intents import MemoryJournal
from bunter.datastore.object_store import ObjectStore
from bunter.datastore.obstore_bucket import ObstoreBucket
from bunter.datastore.store_address import StoreAddress


def open_bucket(address):
    return ObstoreBucket(StoreAddress.of(address))


class TestS3(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, s3_place):
        return ObjectStore(open_bucket(f"{s3_place}/deep/prefix"), MemoryJournal())


class TestS3WithIntentsInTheDatabase(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, s3_place):
        with Database.memory() as database:
            yield ObjectStore(open_bucket(s3_place), DatabaseJournal(database, "main"))


class TestWebDAV(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, webdav_folder):
        return ObjectStore(open_bucket(webdav_folder), MemoryJournal())
