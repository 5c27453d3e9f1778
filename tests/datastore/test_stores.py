import os

import pytest

from bunter import effects
from bunter.contracts.artifact_store import ArtifactStoreContract, put
from bunter.database import Database
from bunter.datastore import LocalStore, MemoryStore, Transfer
from bunter.datastore.database_store import DatabaseStore
from bunter.errors import KeyMissingError, TemplateError
from bunter.values import Durability


class TestMemoryStore(ArtifactStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestLocalStore(ArtifactStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return LocalStore(tmp_path / "root")


class TestDatabaseStore(ArtifactStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        with Database.create(tmp_path / "registry.sqlite3") as database:
            yield DatabaseStore("metrics", database)


class TestDatabaseStoreInMemory(ArtifactStoreContract):
    @pytest.fixture
    def store(self):
        with Database.memory() as database:
            yield DatabaseStore("metrics", database)


class TestDatabaseStoreOnPostgres(ArtifactStoreContract):
    @pytest.fixture
    def store(self, postgres_url):
        with Database.create(postgres_url) as database:
            yield DatabaseStore("metrics", database)


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "root")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "incoming" / "frame.fits"
    path.parent.mkdir()
    path.write_bytes(b"frame")
    return path


def bring(store, source, transfer):
    staged = store.stage(store.own(), "run/k.fits", source, transfer=transfer)
    store.publish([staged], Durability.full)
    store.settle([staged])
    return store.path("run/k.fits"), staged


def test_a_hard_link_is_the_same_file(store, source):
    path, staged = bring(store, source, Transfer.HARDLINK)
    assert path.samefile(source)
    assert path.stat().st_nlink == 2
    assert staged.digests is None


def test_a_symbolic_link_points_to_the_source(store, source):
    path, staged = bring(store, source, Transfer.SYMLINK)
    assert path.readlink() == source
    assert staged.size == 5


def test_a_relative_link_works_from_its_final_place(store, source):
    path, _ = bring(store, source, Transfer.RELSYMLINK)
    assert not path.readlink().is_absolute()
    assert path.read_bytes() == b"frame"


def test_a_hard_link_to_a_symbolic_link_is_one_to_its_file(store, source, tmp_path):
    name = tmp_path / "name.fits"
    name.symlink_to(source)
    path, _ = bring(store, name, Transfer.AUTO)
    assert not path.is_symlink()
    assert path.samefile(source)


def test_auto_copies_where_links_do_not_reach(store, source, monkeypatch):
    def refuse(origin, target):
        if str(origin) == str(source):
            raise OSError(18, "Invalid cross-device link")
        os.link(origin, target)

    monkeypatch.setattr(effects, "link", refuse)
    path, staged = bring(store, source, Transfer.AUTO)
    assert not path.samefile(source)
    assert staged.digests is not None


def test_a_move_across_file_systems_copies_and_then_removes(store, source, monkeypatch):
    def refuse(origin, target):
        if str(origin) == str(source):
            raise OSError(18, "Invalid cross-device link")
        os.link(origin, target)

    monkeypatch.setattr(effects, "link", refuse)
    path, _ = bring(store, source, Transfer.MOVE)
    assert path.read_bytes() == b"frame"
    assert not source.exists()


def test_recovery_keeps_a_new_file_under_the_name_of_a_moved_one(store, source):
    owner = store.own()
    staged = [store.stage(owner, "k", source, transfer=Transfer.MOVE)]
    store.publish(staged, Durability.full)
    store.disown(owner)
    source.unlink()
    source.write_bytes(b"the next night")
    store.recover(set)
    assert source.read_bytes() == b"the next night"


def test_a_link_to_a_directory_outside_is_not_followed(store, tmp_path):
    put(store, {"run/a": b"1"})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    (store.root / "trap").symlink_to(outside)
    fresh = LocalStore(store.root)
    for act in (fresh.read, lambda key: fresh.delete_many([key]), lambda key: put(fresh, {key: b"y"})):
        with pytest.raises(TemplateError, match="outside"):
            act("trap/precious")
    assert (outside / "precious").read_bytes() == b"x"


def test_empty_directories_go_with_their_last_artifact(store):
    put(store, {"run/a/b/1": b"1", "run/a/2": b"2"})
    store.delete_many(["run/a/b/1"])
    assert not (store.root / "run/a/b").exists()
    assert (store.root / "run/a").exists()
    put(store, {"run/a/b/3": b"3"})
    assert store.read("run/a/b/3") == [b"3"]


def test_publication_survives_another_process_removing_the_empty_directory(store):
    put(store, {"run/a/1": b"1"})
    staged = store.stage(store.own(), "run/a/2", b"2")
    LocalStore(store.root).delete_many(["run/a/1"])
    store.publish([staged], Durability.full)
    assert store.read("run/a/2") == [b"2"]


def test_an_artifact_whose_directory_is_a_file_is_missing(store):
    put(store, {"run": b"1"})
    with pytest.raises(KeyMissingError):
        store.read("run/x")
    assert store.stat_many(["run/x"]) == [None]
    assert store.delete_many(["run/x"]) == {}


def test_a_file_that_cannot_be_removed_is_reported_and_the_others_go(store):
    put(store, {"run/a": b"1", "run/b": b"2", "run/c": b"3"})

    def refuse(operation, path):
        if operation == "unlink" and path.endswith("/b"):
            raise PermissionError(13, "Permission denied", path)

    effects.set_hook(refuse)
    try:
        failed = store.delete_many(["run/a", "run/b", "run/c"])
    finally:
        effects.set_hook(None)
    assert list(failed) == ["run/b"]
    assert str(store.path("run/b")) in str(failed["run/b"])
    assert [key for key, _ in store.walk()] == ["run/b"]


def test_a_full_publication_syncs_files_and_every_changed_directory_once(store):
    seen = []
    owner = store.own()
    staged = [store.stage(owner, f"run/deep/{i}", b"x") for i in range(5)]
    effects.set_hook(lambda operation, path: seen.append((operation, path)))
    try:
        store.publish(staged, Durability.full)
    finally:
        effects.set_hook(None)
    synced = [path for operation, path in seen if operation == "sync_dir"]
    assert synced == [str(store.root), f"{store.root}/run", f"{store.root}/run/deep"]


def test_no_syncs_where_durability_is_none(store):
    seen = []
    effects.set_hook(lambda operation, path: seen.append(operation))
    try:
        staged = [store.stage(store.own(), "run/1", b"x", sync=False)]
        store.publish(staged, Durability.none)
    finally:
        effects.set_hook(None)
    assert not {"sync_dir", "sync_file"} & set(seen)


def test_an_owner_that_ends_in_order_leaves_no_trace(store):
    owner = store.own()
    staged = [store.stage(owner, "run/1", b"x")]
    store.publish(staged, Durability.full)
    store.settle(staged)
    store.disown(owner)
    assert list((store.root / ".stage").iterdir()) == []
