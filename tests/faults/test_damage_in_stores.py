"""Damage of each class, in each kind of store: told by every whole get, by transfers and by checks, and mended from a copy."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from bunter import Butler
from bunter.butler.mending import mend
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.datastore.bucket import Upload
from bunter.datastore.check import Problem, quarantine
from bunter.datastore.local import LocalStore
from bunter.datastore.memory import MemoryStore
from bunter.errors import FileIntegrityError, KeyMissingError
from bunter.values import Principal

COUNT = 6
PLACES = {"s3": "s3_place", "swift": "swift_place", "webdav": "webdav_folder", "sftp": "sftp_folder"}
DIES = """
import os, signal, sys
from bunter import Butler
from bunter.values import Durability
store = Butler(sys.argv[1]).datastore.stores["main"]
store.publish([store.stage(store.own(), "run1/thing/left-bbbbbbbbbbbbb.json", b"{}")], Durability.full)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(params=["folder", "memory", *(pytest.param(name, marks=pytest.mark.slow) for name in PLACES)])
def repository(request, tmp_path):
    """A repository whose artifacts are in one kind of store, and one that has the same datasets."""
    place = request.getfixturevalue(PLACES[request.param]) if request.param in PLACES else "data"
    root = f"memory://{tmp_path.name}" if request.param == "memory" else tmp_path / "repo"
    with Butler.create(root, datastore=None if place == "data" else {"root": place}) as butler:
        fill_small_camera(butler)
        for number in range(COUNT):
            put_thing(butler, number % 3, number // 3, text="x" * 50)
        with Butler.create(tmp_path / "copy") as copy:
            copy.transfers.take(butler.transfers.parcel(), transfer="copy")
        yield butler, tmp_path


def write(store, key, content):
    """Put bytes at a key by what is below the store, which itself never would."""
    if isinstance(store, LocalStore):
        store.path(key).parent.mkdir(parents=True, exist_ok=True)
        store.path(key).write_bytes(content)
    elif isinstance(store, MemoryStore):
        store._artifacts[key] = content, 0
    else:
        store.bucket.delete_many([key])
        store.bucket.write_many([Upload(key, content, len(content))])


def damage(butler, root):
    """Damage one artifact in each way, leave what nobody names; return refs by what is wrong with them."""
    store = butler.datastore.stores["main"]
    refs = sorted(butler.query_datasets("thing", "run1"), key=lambda ref: ref.id)
    keys = [found[0].key for found in butler.repository.locate(Principal.current(), [ref.id.bytes for ref in refs])]
    whole = store.read(keys[0])[0]
    write(store, keys[0], whole[:-5])
    write(store, keys[1], bytes([whole[0] ^ 1]) + whole[1:])
    store.delete_many([keys[2]])
    write(store, keys[3], b"y" * len(whole))
    write(store, f"run1/thing/left-{'a' * 13}.json", b"{}")
    if not isinstance(store, MemoryStore):
        subprocess.run([sys.executable, "-c", DIES, str(root)], check=False, timeout=300)
    return dict(zip(("truncated", "flipped", "missing", "foreign", "whole", "whole too"), refs, strict=True))


def part(butler, ref):
    """Return what is to be transferred of one dataset."""
    return butler.transfers.parcel(
        "thing", where="exposure = {exposure} AND detector = {detector}".format(**ref.data_id.mapping)
    )


def test_damage_is_told_by_all_who_read_and_mended_from_a_copy(repository):
    butler, folder = repository
    refs = damage(butler, folder / "repo")
    for name, ref in refs.items():
        with Butler.create(folder / name) as other:
            if name.startswith("whole"):
                assert butler.get(ref)["text"] == "x" * 50
                other.transfers.take(part(butler, ref), transfer="copy")
                continue
            with pytest.raises(
                KeyMissingError if name == "missing" else FileIntegrityError, match=r"bunter check|memory"
            ):
                butler.get(ref)
            with pytest.raises(KeyMissingError if name == "missing" else FileIntegrityError):
                other.transfers.take(part(butler, ref), transfer="copy")
            assert list(other.datastore.stores["main"].walk()) == []
    is_kept = not isinstance(butler.datastore.stores["main"], MemoryStore)
    seen = {Problem.MISSING: 1, Problem.SIZE: 1, Problem.ORPHAN: 1, **({Problem.UNFINISHED: 1} if is_kept else {})}
    assert Counter(finding.problem for finding in butler.check().findings) == seen
    report = butler.check(deep=True)
    assert Counter(finding.problem for finding in report.findings) == {**seen, Problem.DAMAGED: 2}
    if not is_kept:
        return  # what is in memory is made again
    with Butler(folder / "copy", writeable=False) as copy:
        assert [one.trouble for one in mend(butler, copy, report, Principal.current())] == [""] * 4
    quarantine(butler.datastore, report, older_than_s=0)
    with Butler(folder / "repo", writeable=True) as again:
        again.repository.recover()
        assert again.check(deep=True).is_clean
        assert [again.get(ref)["text"] for ref in refs.values()] == ["x" * 50] * COUNT
