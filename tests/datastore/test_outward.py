"""Small files of this machine that leave a store: each whole or not there, and nothing is left of what went wrong."""

import pytest

from bunter import effects
from bunter.dataset import StoredArtifact
from bunter.datastore import LocalStore
from bunter.datastore.outward import Outgoing, send
from bunter.datastore.store import Transfer
from bunter.errors import FileIntegrityError, KeyMissingError, KeyTakenError
from bunter.values import Durability, digest

COUNT = 24


@pytest.fixture
def items(tmp_path):
    store = LocalStore(tmp_path / "store")
    owner = store.own()
    keys = [f"run/{n % 3}/thing{n}" for n in range(COUNT)]
    staged = [store.stage(owner, key, f"content {n}".encode()) for n, key in enumerate(keys)]
    store.publish(staged, Durability.none)
    store.settle(staged)
    found = []
    for n, key in enumerate(keys):
        digests = digest(f"content {n}".encode())
        size = len(f"content {n}")
        stored = StoredArtifact(b"", "", key, "main", size, digests.sha256, digests.xxh3, "text", 1, True, "")
        found.append(Outgoing(store, stored, str(tmp_path / "out" / f"d{n % 2}" / f"f{n}")))
    return found


@pytest.fixture(params=["unsynced", "together", "each"])
def sync(request, monkeypatch):
    monkeypatch.setattr("bunter.datastore.stable._MANY", 2 if request.param == "together" else 10**9)
    monkeypatch.setattr("bunter.database.filesystem._mounts", lambda table: (("/", "ext4"),))
    monkeypatch.setattr("bunter.datastore.outward._TOGETHER", 10)
    return request.param != "unsynced"


def files(tmp_path):
    return {path.name: path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()}


def test_all_come_whole_and_the_same_call_again_writes_nothing(items, tmp_path, sync):
    assert send(items, sync=sync) == COUNT
    assert files(tmp_path) == {f"f{n}": f"content {n}" for n in range(COUNT)}
    assert send(items, sync=sync) == 0


def test_what_was_begun_is_completed(items, tmp_path, sync):
    assert send(items[:7], sync=sync) == 7
    assert send(items, sync=sync) == COUNT - 7
    assert len(files(tmp_path)) == COUNT


def test_a_damaged_artifact_is_told_and_leaves_neither_file_nor_part(items, tmp_path, sync):
    items[13].store.path(items[13].stored.key).write_text("kontent 13")
    with pytest.raises(FileIntegrityError):
        send(items, sync=sync)
    assert all(name.startswith("f") for name in files(tmp_path))
    assert "f13" not in files(tmp_path)


def test_a_missing_artifact_is_told(items, tmp_path, sync):
    items[5].store.delete_many([items[5].stored.key])
    with pytest.raises(KeyMissingError, match="thing5"):
        send(items, sync=sync)
    assert all(name.startswith("f") for name in files(tmp_path))


@pytest.mark.parametrize("moment", ["before", "while"])
def test_a_file_with_other_content_stays_as_it_is(items, tmp_path, sync, moment):
    target = tmp_path / "out" / "d0" / "f4"

    def write_other():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("somebody's")

    def hook(operation, path):
        if operation == "link" and path == str(target):
            write_other()

    if moment == "before":
        write_other()
    effects.set_hook(hook if moment == "while" else None)
    try:
        with pytest.raises(KeyTakenError, match="other content"):
            send(items, sync=sync)
    finally:
        effects.set_hook(None)
    assert target.read_text() == "somebody's"
    assert all(name.startswith("f") for name in files(tmp_path))


def test_names_are_given_when_contents_are_on_stable_storage(items, sync):
    seen = []
    effects.set_hook(lambda operation, path: seen.append(operation))
    try:
        send(items, sync=sync)
    finally:
        effects.set_hook(None)
    if "sync_file_system" in seen:
        first, last = seen.index("sync_file_system"), len(seen) - seen[::-1].index("sync_file_system")
        assert seen[:first].count("write_new") == 10
        assert seen[:first].count("link") == 0
        assert seen[last:].count("write_new") == 0
        assert seen[-2:] == ["sync_dir", "sync_dir"]
    else:
        assert seen.count("sync_file") == (COUNT if sync else 0)


@pytest.mark.parametrize("transfer", [Transfer.HARDLINK, Transfer.SYMLINK])
def test_links_are_made_as_before(items, tmp_path, transfer):
    assert send(items, transfer=transfer) == COUNT
    assert files(tmp_path) == {f"f{n}": f"content {n}" for n in range(COUNT)}
