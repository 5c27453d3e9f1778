import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import traceback
from pathlib import Path

import pytest

from bunter import effects
from bunter.database import Database
from bunter.dataset import ArtifactLink
from bunter.dataset.changes import AddArtifacts
from bunter.datastore import MAIN, ArtifactRecords, Datastore, Transfer
from bunter.effect_watch import watch
from bunter.values import Durability, digest, new_ids, new_nonce

RECORDS = ArtifactRecords()


@pytest.fixture
def fast_path(tmp_path):
    """Return a directory in memory where there is one: steps count, not what a disk does with them."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield Path(path)


class Place:
    """A datastore and its records on disk, with sources to ingest."""

    def __init__(self, root):
        self.root = root
        self.incoming = root / "incoming"
        self.incoming.mkdir(parents=True)
        for i in range(3):
            (self.incoming / f"{i}").write_bytes(f"source {i}".encode())
        with Database.create(root / "registry.sqlite3") as database, database.write() as tx:
            RECORDS.create(tx)

    def open(self):
        return Database.open(self.root / "registry.sqlite3"), Datastore.local(self.root / "data")

    def acknowledge(self, name):
        with (self.root / "acknowledged").open("a") as file:
            file.write(f"{name}\n")

    def acknowledged(self):
        path = self.root / "acknowledged"
        return path.read_text().split() if path.exists() else []


def commit(database, datastore, staged, durability=Durability.full):
    datastore.publish(staged, durability)
    nonces = [new_nonce() for _ in staged]
    rows = [datastore.row(item, nonce, "bytes") for item, nonce in zip(staged, nonces, strict=True)]
    links = [ArtifactLink(i, "", nonce) for i, nonce in zip(new_ids(len(staged)), nonces, strict=True)]
    with database.write() as tx:
        RECORDS.add(tx, AddArtifacts(rows, links))
    datastore.settle(staged)


def put(place):
    database, datastore = place.open()
    for i in range(2):
        staged = datastore.stage(f"run/put/{i}", f"put {i}".encode())
        commit(database, datastore, [staged])
        place.acknowledge(staged.key)
    datastore.close()


def transfer(how):
    def ingest(place):
        database, datastore = place.open()
        paths = [place.incoming / f"{i}" for i in range(3)]
        staged = datastore.ingest_stage(paths, transfer=how, keys=[f"run/{how}/{i}" for i in range(3)])
        commit(database, datastore, staged)
        place.acknowledge("\n".join(item.key for item in staged))
        datastore.close()

    return ingest


def failing(place):
    """Discard what a violated constraint kept out."""
    database, datastore = place.open()
    first = datastore.stage("run/first", b"first")
    commit(database, datastore, [first])
    staged = [datastore.stage(f"run/{i}", b"x") for i in range(2)]
    datastore.publish(staged)
    datastore.discard(staged)
    place.acknowledge(first.key)
    datastore.close()


def removal(place):
    database, datastore = place.open()
    staged = [datastore.stage(f"run/{i}", b"x") for i in range(3)]
    commit(database, datastore, staged)
    with database.write() as tx:
        ids = [item.dataset_id for _, _, item in RECORDS.page(tx, 0, 100)[1]]
        RECORDS.remove(tx, ids[:2])
    with database.read() as connection:
        keys = [key for key, _ in RECORDS.trash(connection, MAIN)]
    assert datastore.delete(keys) == {}
    with database.write() as tx:
        RECORDS.forget_trash(tx, keys, MAIN)
    datastore.close()


WORK = {
    "put": put,
    "copy": transfer(Transfer.COPY),
    "move": transfer(Transfer.MOVE),
    "hard link": transfer(Transfer.HARDLINK),
    "symbolic link": transfer(Transfer.SYMLINK),
    "discard": failing,
    "remove": removal,
}


def run_and_kill(work, place, step):
    """Carry out the work in a child that is killed before its step number ``step``; say whether it ended by itself."""
    child = os.fork()
    if child == 0:
        try:
            watch.kill_at = effects.steps() + step
            work(place)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child must never run the parent's tests
            traceback.print_exc()
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}
    return status == 0


def recover(place):
    database, datastore = place.open()
    with database.read() as connection:
        datastore.recover(lambda keys: RECORDS.registered(connection, keys, MAIN))
    with database.read() as connection:
        keys = [key for key, _ in RECORDS.trash(connection, MAIN)]
    datastore.delete(keys)
    with database.write() as tx:
        RECORDS.forget_trash(tx, keys, MAIN)
    return database, datastore


def check(place):
    database, datastore = recover(place)
    with database.read() as connection:
        recorded = {item.key: item for _, _, item in RECORDS.page(connection, 0, 10**6)[1]}
        assert RECORDS.trash(connection, MAIN) == []
    found = {key for key, _ in datastore.stores[MAIN].walk()}
    assert found == set(recorded), "every recorded artifact is there, and no orphan"
    for key, item in recorded.items():
        content = datastore.stores[MAIN].read(key)[0]
        assert len(content) == item.size
        assert item.sha256 in {None, digest(content).sha256}
    for i in range(3):
        if not (place.incoming / f"{i}").exists():
            assert f"run/move/{i}" in recorded, "a source is away only if its artifact is recorded"
    assert set(place.acknowledged()) <= set(recorded)
    stage = place.root / "data" / ".stage"
    assert not stage.exists() or list(stage.iterdir()) == []


@pytest.mark.parametrize("name", list(WORK))
def test_a_kill_before_any_step_leaves_nothing_wrong(name, fast_path):
    step = 0
    done = False
    while not done:
        step += 1
        place = Place(fast_path / f"{step}")
        done = run_and_kill(WORK[name], place, step)
        check(place)
    assert step > 8, "the work has steps to be killed at"


@pytest.mark.parametrize("name", ["put", "move"])
def test_a_kill_during_recovery_is_recovered_from(name, fast_path):
    total = 25
    for first in (8, 14, 19):
        for second in range(1, total):
            place = Place(fast_path / f"{first}-{second}")
            run_and_kill(WORK[name], place, first)
            if run_and_kill(recover, place, second):
                break
            check(place)
    check(place)


def test_a_killed_process_of_its_own_is_recovered_from(tmp_path):
    script = """
        import sys
        from bunter.datastore import Datastore
        datastore = Datastore.local(sys.argv[1])
        staged = [datastore.stage(f"run/{i}", b"x") for i in range(3)]
        datastore.publish(staged)
    """
    environment = {**os.environ, "BUNTER_KILL_AT": "14"}
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "data")]
    ended = subprocess.run(command, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    datastore = Datastore.local(tmp_path / "data")
    assert list(datastore.stores[MAIN].walk()) != []
    assert datastore.recover(lambda keys: set()) == 3
    assert list(datastore.stores[MAIN].walk()) == []


def test_the_living_are_not_recovered(tmp_path):
    alive = Datastore.local(tmp_path)
    staged = alive.stage("run/k", b"x")
    alive.publish([staged])
    assert Datastore.local(tmp_path).recover(lambda keys: set()) == 0
    alive.settle([staged])
    assert alive.stores[MAIN].read("run/k") == [b"x"]
