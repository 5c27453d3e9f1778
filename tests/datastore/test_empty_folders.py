"""Folders that became empty go with their last artifact, and never from under somebody who is about to write there."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bunter.contracts.artifact_store import put
from bunter.datastore.intents import MemoryJournal
from bunter.datastore.local import LocalStore
from bunter.datastore.object_store import ObjectStore
from bunter.datastore.services import open_bucket


@pytest.fixture(params=["local", pytest.param("sftp", marks=pytest.mark.slow)])
def opened(request, tmp_path):
    """Open the same store as another process does; and the folder where its files are."""
    if request.param == "local":
        return lambda: LocalStore(tmp_path / "store"), tmp_path / "store"
    address = request.getfixturevalue("sftp_folder")
    folder = request.getfixturevalue("sftp_server").folder
    return lambda: ObjectStore(open_bucket(address), MemoryJournal()), folder / "data" / address.rpartition("/")[2]


def folders(place):
    return sorted(
        str(path.relative_to(place))
        for path in place.rglob("*")
        if path.is_dir() and not path.relative_to(place).parts[0].startswith(".")
    )


def test_the_last_artifact_takes_its_folders_along(opened):
    store, place = opened[0](), opened[1]
    for key in ("run/thing/a/1", "run/thing/b/2", "run/other/3", "run/4"):
        put(store, {key: b"x"})
    store.delete_many(["run/thing/a/1", "run/thing/b/2"])
    assert folders(place) == ["run", "run/other"]
    store.delete_many(["run/other/3", "run/4", "run/never/5"])
    assert folders(place) == []
    put(store, {"run/thing/a/6": b"y"})
    assert store.read("run/thing/a/6") == [b"y"]


def test_a_writer_finds_its_folder_whatever_others_remove(opened):
    open_store, place = opened
    number, writers = (150 if place.name == "store" else 25), 3
    stop = threading.Event()

    def write(who):
        store = open_store()
        for n in range(number):
            key = f"run/thing/{n % 2}/{who}-{n}"
            put(store, {key: b"x"})
            assert store.read(key) == [b"x"]
            store.delete_many([key])
        put(store, {f"run/kept/{who}": b"x"})

    def remove():
        store = open_store()
        while not stop.is_set():
            store.delete_many([f"run/thing/{n}/none" for n in range(2)])

    with ThreadPoolExecutor(writers + 1) as threads:
        remover = threads.submit(remove)
        done = [threads.submit(write, who) for who in range(writers)]
        try:
            for each in done:
                each.result()
        finally:
            stop.set()
        remover.result()
    assert sorted(key for key, _ in open_store().walk()) == [f"run/kept/{who}" for who in range(writers)]
    open_store().delete_many([f"run/thing/{n}/none" for n in range(2)])
    if isinstance(open_store(), LocalStore):  # the SFTP server of rclone remembers for a while what was in a folder
        assert folders(place) == ["run", "run/kept"]
