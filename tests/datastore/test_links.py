"""Many files that are linked into a store: no staging, all or none, and nothing is left of who died."""

import errno
import os
import signal
from pathlib import Path

import pytest

from bunter import effects
from bunter.datastore import LocalStore, Staged
from bunter.datastore.adopt import adopt
from bunter.datastore.store import Transfer
from bunter.errors import KeyTakenError
from bunter.values import Durability, digest
from bunter.values.identity import new_nonces

COUNT = 20


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / f"f{n}.txt" for n in range(COUNT)]
    for number, path in enumerate(paths):
        path.write_text(f"content {number}")
    return [str(path) for path in paths]


def keys():
    return [f"run/{n % 3}/thing-{nonce}.txt" for n, nonce in enumerate(new_nonces(COUNT))]


def staged_in(store, owner, files, names, transfer="hardlink"):
    return adopt(store, lambda: owner, files, Transfer(transfer), names)


def leavings(store):
    return [path for path in (store.root / ".stage").rglob("*") if path.is_file() and path.suffix != ".lock"]


def watched(act):
    seen = []
    effects.set_hook(lambda operation, path: seen.append((operation, path)))
    try:
        act()
    finally:
        effects.set_hook(None)
    return seen


@pytest.mark.parametrize("transfer", ["hardlink", "link", "auto", "symlink", "relsymlink"])
def test_every_way_gives_the_content_and_leaves_no_trace_of_the_way(store, files, transfer):
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, files, names, transfer)
    assert [store.read_staged(item) for item in staged] == [f"content {n}".encode() for n in range(COUNT)]
    assert store.stat_many(names) == [None] * COUNT
    store.publish(staged, Durability.full)
    assert {key for key, alive in store.staged() if alive} == set(names)
    store.settle(staged)
    assert [store.read(key) for key in names] == [[f"content {n}".encode()] for n in range(COUNT)]
    assert [item.size for item in staged] == [len(f"content {n}") for n in range(COUNT)]
    assert leavings(store) == []


def test_each_file_gets_its_name_by_one_call(store, files):
    owner, names = store.own(), keys()

    def act():
        staged = staged_in(store, owner, files, names)
        store.publish(staged, Durability.none)
        store.settle(staged)

    seen = watched(act)
    assert sum(operation == "link" for operation, _ in seen) == COUNT
    assert sum(operation == "stat" for operation, _ in seen) <= COUNT
    assert (
        sum(operation in {"unlink", "write_new"} for operation, _ in seen) == 3
    )  # the list: none there, made, removed


def test_a_symbolic_link_among_the_sources_is_followed(store, files, tmp_path):
    (tmp_path / "in" / "alias").symlink_to(files[0])
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, [str(tmp_path / "in" / "alias"), *files[1:]], names)
    store.publish(staged, Durability.full)
    assert not store.path(names[0]).is_symlink()
    assert store.read(names[0]) == [b"content 0"]


def test_a_taken_key_keeps_its_file_and_none_of_the_others_appears(store, files):
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, files, names)
    store.path(names[7]).parent.mkdir(parents=True)
    store.path(names[7]).write_text("first")
    with pytest.raises(KeyTakenError, match="is taken"):
        store.publish(staged, Durability.full)
    store.discard(staged)
    assert [key for key, _ in store.walk()] == [names[7]]
    assert store.read(names[7]) == [b"first"]
    assert leavings(store) == []


def test_discarding_after_publication_takes_the_names_back_and_keeps_the_files(store, files):
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, files, names)
    store.publish(staged, Durability.full)
    store.path(names[0]).unlink()
    store.path(names[0]).write_text("somebody else's")
    store.discard(staged)
    assert [key for key, _ in store.walk()] == [names[0]]
    assert all(Path(path).exists() for path in files)
    assert leavings(store) == []


@pytest.mark.parametrize("transfer", ["hardlink", "symlink"])
def test_names_of_a_dead_owner_go_unless_they_are_committed(store, files, transfer):
    names = keys()
    child = os.fork()
    if child == 0:
        try:
            store.publish(staged_in(store, store.own(), files, names, transfer), Durability.full)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert {key for key, alive in store.staged() if not alive} == set(names)
    store.path(names[9]).unlink()
    store.path(names[9]).write_text("somebody else's")
    assert store.recover(lambda asked: set(asked) & set(names[:4])) == COUNT
    assert sorted(key for key, _ in store.walk()) == sorted([*names[:4], names[9]])
    assert leavings(store) == []
    assert all(Path(path).exists() for path in files)


def test_a_list_that_was_cut_short_is_taken_for_one_of_which_nothing_was_made(store, files):
    names = keys()
    child = os.fork()
    if child == 0:
        try:
            store.publish(staged_in(store, store.own(), files, names), Durability.full)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    [path] = leavings(store)
    path.write_bytes(path.read_bytes()[:100])
    assert store.recover(lambda asked: set()) == 0
    assert leavings(store) == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOTSUP])
def test_where_links_do_not_reach_files_are_copied_and_digested(store, files, number):
    def hook(operation, path):
        if operation == "link" and "/.stage/" in path:
            raise OSError(number, os.strerror(number), path)

    owner, names = store.own(), keys()
    effects.set_hook(hook)
    try:
        staged = staged_in(store, owner, files, names, "auto")
    finally:
        effects.set_hook(None)
    assert all(isinstance(item, Staged) and item.digests is not None for item in staged)
    store.publish(staged, Durability.full)
    assert [store.read(key) for key in names] == [[f"content {n}".encode()] for n in range(COUNT)]


def test_a_source_that_is_gone_is_told_and_nothing_is_published(store, files):
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, files, names)
    Path(files[11]).unlink()
    with pytest.raises(FileNotFoundError):
        store.publish(staged, Durability.full)
    store.discard(staged)
    assert list(store.walk()) == []


def test_a_directory_that_was_removed_as_empty_is_made_again(store, files):
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, files, names)
    store.publish(staged, Durability.full)
    store.settle(staged)
    other = LocalStore(store.root)
    assert other.delete_many(names) == {}
    again = staged_in(store, owner, files, more := keys())
    store.publish(again, Durability.full)
    assert len(store.stat_many(more)) == COUNT


def test_a_large_publication_is_put_on_stable_storage_by_one_call(store, tmp_path, monkeypatch):
    monkeypatch.setattr("bunter.datastore.stable._MANY", COUNT)
    monkeypatch.setattr("bunter.database.filesystem._mounts", lambda table: (("/", "ext4"),))
    (tmp_path / "in").mkdir()
    owner = store.own()
    staged = [store.stage(owner, key, b"x", sync=False) for key in keys()]
    seen = watched(lambda: store.publish(staged, Durability.full))
    assert [operation for operation, _ in seen if operation.startswith("sync")] == ["sync_file_system"]
    assert seen[-1][0] == "sync_file_system"


def test_on_a_network_each_file_is_synced(store, files, monkeypatch):
    monkeypatch.setattr("bunter.datastore.stable._MANY", COUNT)
    monkeypatch.setattr("bunter.database.filesystem._mounts", lambda table: (("/", "nfs4"),))
    staged = staged_in(store, store.own(), files, keys())
    seen = watched(lambda: store.publish(staged, Durability.full))
    assert {path for operation, path in seen if operation == "sync_file"} >= set(files)


def test_many_copies_come_in_whole_or_not_at_all(store, files):
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, files, names, "copy")
    assert [store.read_staged(item) for item in staged] == [Path(path).read_bytes() for path in files]
    assert all(item.digests == digest(Path(path).read_bytes()) for item, path in zip(staged, files, strict=True))
    store.publish(staged, Durability.full)
    store.settle(staged)
    assert [store.read(name)[0] for name in names] == [Path(path).read_bytes() for path in files]
    assert leavings(store) == []


def test_a_file_that_cannot_be_read_takes_the_other_copies_back(store, files, tmp_path):
    owner = store.own()
    with pytest.raises(FileNotFoundError):
        store.stage_files(
            owner, [*zip(keys(), files, strict=True), ("run/gone.txt", str(tmp_path / "gone"))], Transfer.COPY
        )
    assert leavings(store) == []


def test_copies_whose_name_is_taken_leave_what_is_there_and_nothing_else(store, files):
    owner, names = store.own(), keys()
    staged = staged_in(store, owner, files, names, "copy")
    taken = store.root / names[-1]
    taken.parent.mkdir(parents=True, exist_ok=True)
    taken.write_bytes(b"another")
    with pytest.raises(KeyTakenError):
        store.publish(staged, Durability.full)
    store.discard(staged)
    assert list(store.root.rglob("*.txt")) == [taken]
    assert taken.read_bytes() == b"another"
