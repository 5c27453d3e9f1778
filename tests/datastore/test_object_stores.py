"""The contract of stores over real services on loopback."""

from urllib.request import urlopen

import pytest

from bunter.contracts.artifact_store import ArtifactStoreContract, put
from bunter.database import Database
from bunter.datastore.intent_records import DatabaseJournal
from bunter.datastore.intents import MemoryJournal
from bunter.datastore.object_store import ObjectStore
from bunter.datastore.services import open_bucket
from bunter.values import new_nonce


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


class TestGoogle(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, google_place):
        return ObjectStore(open_bucket(f"{google_place}/deep/prefix"), MemoryJournal())


@pytest.mark.slow
class TestAzure(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, azure_place):
        return ObjectStore(open_bucket(f"{azure_place}/deep/prefix"), MemoryJournal())


class TestWebDAV(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, webdav_folder):
        return ObjectStore(open_bucket(webdav_folder), MemoryJournal())


class TestSFTP(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, sftp_folder):
        return ObjectStore(open_bucket(sftp_folder), MemoryJournal())


class TestAnyServiceOfFsspec(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self):
        return ObjectStore(open_bucket(f"memory://place{new_nonce()}"), MemoryJournal())


class TestSwift(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, swift_place):
        return ObjectStore(open_bucket(swift_place), MemoryJournal())


class TestSwiftAsS3(ArtifactStoreContract):
    refuses_taken_keys = False

    @pytest.fixture
    def store(self, swift_s3_place):
        return ObjectStore(open_bucket(swift_s3_place), MemoryJournal())


def test_signed_addresses_of_swift_open_one_object(swift_place):
    store = ObjectStore(open_bucket(swift_place), MemoryJournal())
    put(store, {"k": b"content"})
    with urlopen(store.sign("k", 60)) as answer:
        assert answer.read() == b"content"
