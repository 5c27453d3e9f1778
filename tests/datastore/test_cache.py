"""The cache: shared, bounded, whole whatever dies."""

import multiprocessing
import os
import signal
import threading

import pytest
from msgspec.structs import replace

from bunter import effects
from bunter.contracts.distant import DistantStore
from bunter.dataset import StoredArtifact
from bunter.datastore import MAIN, Datastore, DatastoreConfig
from bunter.datastore.cache import ArtifactCache
from bunter.datastore.config import CacheConfig
from bunter.errors import FileIntegrityError, KeyMissingError, NotLocalError
from bunter.values import digest, new_id

FORK = multiprocessing.get_context("fork")


def kept(store, number, content=None, dataset=None):
    """Publish an artifact in a store; return what would be recorded of it."""
    content = f"content {number}".encode() if content is None else content
    staged = store.stage(store.own(), f"run/{number}", content)
    store.publish([staged], None)
    store.settle([staged])
    digests = digest(content)
    key, ident = staged.key, dataset or new_id().bytes
    return StoredArtifact(ident, "", key, MAIN, len(content), digests.sha256, digests.xxh3, "bytes", 1, True, "")


@pytest.fixture
def store():
    return DistantStore()


def opened(store, root, *, offline=False, **limits):
    config = DatastoreConfig(cache={"root": str(root), **limits}, offline=offline)
    return Datastore(config, {MAIN: store})


def read(datastore, item):
    return datastore.read([item], storage_class="Bytes")


def test_a_second_read_asks_nothing_of_the_store_also_from_another_datastore(store, tmp_path):
    item = kept(store, 1)
    assert read(opened(store, tmp_path), item) == b"content 1"
    assert read(opened(store, tmp_path), item) == b"content 1"
    assert store.requests == 1


def test_equal_content_is_fetched_once_whatever_its_name(store, tmp_path):
    items = [kept(store, number, b"the same") for number in range(3)]
    datastore = opened(store, tmp_path)
    assert [read(datastore, item) for item in items] == [b"the same"] * 3
    assert store.requests == 1
    assert len(datastore.fetching.cache.entries()) == 1


def test_a_damaged_copy_is_fetched_again(store, tmp_path):
    item = kept(store, 1)
    read(opened(store, tmp_path), item)
    (entry,) = ArtifactCache(CacheConfig(root=str(tmp_path))).entries()
    (tmp_path / "files" / entry.name).write_bytes(b"CONTENT 1")
    assert read(opened(store, tmp_path), item) == b"content 1"
    assert store.requests == 2


def test_what_is_damaged_in_the_store_is_never_cached(store, tmp_path):
    item = kept(store, 1)
    store._artifacts[item.key] = b"CONTENT 1", 0
    datastore = opened(store, tmp_path)
    with pytest.raises(FileIntegrityError):
        read(datastore, item)
    assert datastore.fetching.cache.entries() == []


def test_parts_are_read_from_the_copy_and_do_not_make_one(store, tmp_path):
    from bunter.datastore.format import ReadRequest

    item = replace(kept(store, 1, b'{"a": 1, "b": 2}'), format="json")
    datastore = opened(store, tmp_path)
    assert datastore.fetching.read([store], item, ReadRequest(component="a")) == 1
    assert datastore.fetching.cache.entries() == []
    datastore.fetching.read([store], item, ReadRequest())
    before = store.requests
    assert datastore.fetching.read([store], item, ReadRequest(component="b")) == 2
    assert store.requests == before


def test_a_cache_that_is_only_read_is_used(store, tmp_path, monkeypatch):
    item = kept(store, 1)
    assert read(opened(store, tmp_path / "cache"), item) == b"content 1"
    before = store.requests

    def refused(_path):
        raise PermissionError("this file system is only read")

    monkeypatch.setattr(effects, "touch", refused)
    assert read(opened(store, tmp_path / "cache"), item) == b"content 1"
    assert store.requests == before


def test_a_cache_that_cannot_be_written_is_no_obstacle(store, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert read(opened(store, tmp_path / "file" / "cache"), kept(store, 1)) == b"content 1"


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"max_files": 3}, {3, 4, 5}),
        ({"max_bytes": 29}, {3, 4, 5}),
        ({"max_datasets": 2}, {4, 5}),
        ({"max_files": 0}, set()),
        ({"max_bytes": 5}, set()),
        ({}, {0, 1, 2, 3, 4, 5}),
    ],
)
def test_each_limit_holds_and_the_least_used_goes_first(store, tmp_path, limits, left):
    datastore = opened(store, tmp_path, **limits)
    items = [kept(store, number) for number in range(6)]
    for item in items:
        read(datastore, item)
    store.is_gone = True
    assert {number for number, item in enumerate(items) if datastore.fetching.cache.find(item)} == left


def test_what_was_read_lately_stays(store, tmp_path):
    datastore = opened(store, tmp_path, max_files=2)
    first, second, third = [kept(store, number) for number in range(3)]
    for item in (first, second, first, third):
        read(datastore, item)
    assert datastore.fetching.cache.find(first)
    assert not datastore.fetching.cache.find(second)


def test_files_of_a_dataset_go_together(store, tmp_path):
    datastore = opened(store, tmp_path, max_datasets=1)
    one, other = new_id().bytes, new_id().bytes
    items = [kept(store, 0, dataset=one), kept(store, 1, dataset=one), kept(store, 2, dataset=other)]
    for item in items:
        read(datastore, item)
    assert [bool(datastore.fetching.cache.find(item)) for item in items] == [False, False, True]


def test_what_was_not_used_for_long_goes(store, tmp_path):
    datastore = opened(store, tmp_path, max_age_s=60)
    old, new = kept(store, 0), kept(store, 1)
    read(datastore, old)
    (entry,) = datastore.fetching.cache.entries()
    os.utime(tmp_path / "files" / entry.name, ns=(0, 0))
    read(opened(store, tmp_path, max_age_s=60), new)
    assert datastore.fetching.cache.find(new)
    assert not datastore.fetching.cache.find(old)


def test_nothing_is_fetched_where_that_is_forbidden(store, tmp_path):
    here, away = kept(store, 0), kept(store, 1)
    read(opened(store, tmp_path), here)
    offline = opened(store, tmp_path, offline=True)
    asked = store.requests
    assert read(offline, here) == b"content 0"
    with pytest.raises(NotLocalError, match=r"run/1 is in .* not on this machine"):
        read(offline, away)
    with pytest.raises(NotLocalError):
        offline.uri(away).read()
    assert store.requests == asked


def test_offline_reads_what_is_local(tmp_path):
    datastore = Datastore.local(tmp_path / "data", DatastoreConfig(offline=True))
    item = kept(datastore.stores[MAIN], 1)
    assert read(datastore, item) == b"content 1"


def _fetch_many(root, count):
    store = DistantStore()
    datastore = opened(store, root, max_files=20)
    for _ in range(3):
        for number in range(count):
            assert read(datastore, _item(store, number)) == _content(number)
    datastore.close()


def _content(number):
    return f"{number} ".encode() * 1000


def _item(store, number):
    found = store.stat_many([f"run/{number}"])[0]
    return kept(store, number, _content(number)) if found is None else _recorded(number)


def _recorded(number):
    content, digests = _content(number), digest(_content(number))
    ident = number.to_bytes(16, "big")
    key = f"run/{number}"
    return StoredArtifact(ident, "", key, MAIN, len(content), digests.sha256, digests.xxh3, "bytes", 1, True, "")


def test_many_processes_and_threads_share_a_small_cache(tmp_path):
    workers = [FORK.Process(target=_fetch_many, args=(tmp_path, 40)) for _ in range(3)]
    for worker in workers:
        worker.start()
    threads = [threading.Thread(target=_fetch_many, args=(tmp_path, 40)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for each in [*workers, *threads]:
        each.join(400)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    cache = ArtifactCache(CacheConfig(root=str(tmp_path), max_files=20))
    cache.trim()
    assert len(cache.entries()) <= 20
    assert [name for name, _ in effects.walk(cache._stage) if not name.endswith(".lock")] == []


def _die_at(step, action):
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(operation, path):
            nonlocal seen
            seen += operation in {"write_new", "rename", "unlink", "mkdirs", "touch"}
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

        effects.set_hook(hook)
        try:
            action()
        except BaseException:  # noqa: BLE001 - the child must end here
            os._exit(3)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_a_reader_killed_at_any_step_leaves_a_sound_cache(store, tmp_path):
    items = [kept(store, number, _content(number)) for number in range(6)]
    step = 0
    while True:
        step += 1
        root = tmp_path / str(step)

        def work(root=root):
            datastore = opened(store, root, max_files=3)
            for item in items:
                read(datastore, item)

        status = _die_at(step, work)
        assert status in {0, signal.SIGKILL}
        datastore = opened(store, root, max_files=3)
        assert [read(datastore, item) for item in items] == [_content(number) for number in range(6)]
        cache = datastore.fetching.cache
        cache.trim()
        assert len(cache.entries()) <= 3
        stages = [name for name in effects.listdir(cache._stage) if not name.endswith(".lock")]
        assert stages == [cache._lease.owner]
        assert list(effects.walk(f"{cache._stage}/{cache._lease.owner}")) == []
        if status == 0:
            break
    assert step > 20


def test_the_store_is_asked_when_a_copy_leaves_in_the_middle(store, tmp_path, monkeypatch):
    item = kept(store, 1)
    datastore = opened(store, tmp_path)
    read(datastore, item)
    find = ArtifactCache.find

    def find_and_lose(cache, stored):
        found = find(cache, stored)
        cache.clear()
        return found

    monkeypatch.setattr(ArtifactCache, "find", find_and_lose)
    assert read(datastore, item) == b"content 1"


def test_a_closed_reader_leaves_nothing_behind(store, tmp_path):
    datastore = opened(store, tmp_path)
    read(datastore, kept(store, 1))
    datastore.close()
    assert effects.listdir(tmp_path / "stage") == []
    assert read(datastore, kept(store, 2)) == b"content 2"


def test_a_missing_artifact_is_told_as_such(store, tmp_path):
    item = kept(store, 1)
    store.is_gone = True
    with pytest.raises(KeyMissingError):
        read(opened(store, tmp_path), item)
