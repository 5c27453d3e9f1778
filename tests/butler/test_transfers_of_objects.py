"""Moving datasets from and to repositories whose artifacts are objects of a storage service, and through its failures."""

from __future__ import annotations

import os

import pytest

from bunter import Butler, effects
from bunter.butler.transfers import gathering, receiving
from bunter.contracts.transfers import TransfersContract, fill_source, things
from bunter.errors import KeyMissingError, StoreUnavailableError
from object_store_servers import S3Server


def created(address, tmp_path, name):
    return Butler.create(address, database=str(tmp_path / f"{name}.sqlite3"))


@pytest.fixture
def source(s3_place, tmp_path):
    with created(f"{s3_place}/source", tmp_path, "source") as butler:
        fill_source(butler)
        yield butler


@pytest.fixture
def empty(s3_place, tmp_path):
    with created(f"{s3_place}/empty", tmp_path, "empty") as butler:
        yield butler


@pytest.mark.slow
class TestFromObjectsToFolder(TransfersContract):
    @pytest.fixture
    def source(self, source):
        return source

    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "local") as butler:
            yield butler


@pytest.mark.slow
class TestFromFolderToObjects(TransfersContract):
    @pytest.fixture
    def source(self, tmp_path):
        with Butler.create(tmp_path / "local") as butler:
            fill_source(butler)
            yield butler

    @pytest.fixture
    def empty(self, empty):
        return empty


@pytest.mark.slow
class TestBetweenObjects(TransfersContract):
    @pytest.fixture
    def source(self, source):
        return source

    @pytest.fixture
    def empty(self, empty):
        return empty


@pytest.fixture
def requests():
    """Kinds of the requests that are made."""
    made = []
    effects.set_hook(lambda operation, _: made.append(operation))
    yield made
    effects.set_hook(None)


def test_within_a_service_it_copies_and_no_byte_passes_here(source, empty, requests):
    report = empty.transfers.take(source.transfers.parcel(), transfer="copy")
    assert report.artifacts == requests.count("store_copy") == 14
    assert not {"store_get", "store_put"} & set(requests)
    assert things(empty) == things(source)
    source.remove_runs("run1", unlink_from_chains=True)
    assert empty.check(deep=True).is_clean


@pytest.mark.parametrize("face", ["s3_place", "swift_s3_place"])
def test_between_buckets_of_a_service_no_byte_passes_here(face, request, tmp_path, requests):
    place = request.getfixturevalue(face)
    other = place.replace("s3://bucket/", "s3://other/")
    with created(f"{place}/a b", tmp_path, "one") as source, created(f"{other}/c", tmp_path, "two") as target:
        fill_source(source)
        requests.clear()
        report = target.transfers.take(source.transfers.parcel(), transfer="copy")
        assert report.artifacts == requests.count("store_copy") == 14
        assert not {"store_get", "store_put"} & set(requests)
        source.remove_runs("run1", unlink_from_chains=True)
        assert target.check(deep=True).is_clean
        assert str(target.get_uri(target.query_datasets("thing", "run1").first())).startswith(f"{other}/c/")


def test_between_services_bytes_pass_here(source, swift_s3_place, tmp_path, requests, monkeypatch):
    said = f"site: {{endpoint: '{os.environ['AWS_ENDPOINT_URL']}', credentials: site}}"
    (tmp_path / "endpoints.yaml").write_text(said)
    (tmp_path / "keys").write_text("[site]\naws_access_key_id = test:tester\naws_secret_access_key = testing\n")
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    with created(swift_s3_place.replace("s3://", "s3://site@"), tmp_path, "there") as target:
        requests.clear()
        target.transfers.take(source.transfers.parcel(), transfer="copy")
        assert "store_copy" not in requests
        assert things(target) == things(source)
        assert target.check(deep=True).is_clean


def test_what_could_not_be_copied_within_a_service_leaves_nothing(source, empty):
    gone = source.query_datasets("thing", "run1").first()
    source.repository.datastore.stores["main"].delete_many(
        [source.repository.locate(source._session.principal, [gone.id.bytes])[0][0].key]
    )
    with pytest.raises(KeyMissingError, match="/source/data/"):
        empty.transfers.take(source.transfers.parcel())
    assert "thing" not in {kind.name for kind in empty.dataset_types}
    assert empty.check(deep=True).is_clean


@pytest.mark.slow
@pytest.mark.parametrize("way", ["copy within", "upload"])
def test_a_transfer_that_lost_its_server_is_completed_by_the_same_call(tmp_path, monkeypatch, way):
    (tmp_path / "endpoints.yaml").write_text("s3: {retry_s: 1}\n")
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
    server = S3Server()
    try:
        for name, value in server.environment_of_clients.items():
            monkeypatch.setenv(name, value)
        place = server.new_place()
        origin = f"{place}/source" if way == "copy within" else tmp_path / "source"
        with (
            Butler.create(origin, database=str(tmp_path / "one.sqlite3")) as source,
            created(f"{place}/target", tmp_path, "two") as target,
        ):
            fill_source(source)
            interrupted(source, target, server, monkeypatch)
            partly = target.query_datasets("thing", "*", find_first=False).count()
            assert 0 < partly < 12
            assert all(target.get(ref) == source.get(ref) for ref in target.query_datasets("thing", "run1"))
            before = target.transfers.take(source.transfers.parcel(), dry_run=True)
            done = target.transfers.take(source.transfers.parcel())
            assert done.known == before.known >= partly
            assert things(target) == things(source)
            target.repository.recover()
            assert target.check(deep=True).counts() == {}
    finally:
        server.remove()


def interrupted(source, target, server, monkeypatch):
    """Transfer in small portions, and kill the server before one of these."""
    monkeypatch.setattr(receiving, "_PORTION_BYTES", 60)
    monkeypatch.setattr(gathering, "_BYTES", 60)
    writes = []

    def kill(operation, _):
        if operation in {"store_copy", "store_put"}:
            writes.append(operation)
            if len(writes) == 7:
                server.stop()

    effects.set_hook(kill)
    try:
        with pytest.raises(StoreUnavailableError):
            target.transfers.take(source.transfers.parcel())
    finally:
        effects.set_hook(None)
    server.start()
