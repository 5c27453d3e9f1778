import os
import threading

import pytest

from bunter import effects
from bunter.database import Database
from bunter.dataset import ArtifactLink
from bunter.dataset.changes import AddArtifacts
from bunter.datastore import MAIN, ArtifactRecords, Datastore, checking
from bunter.datastore.check import Patrol, Problem, check_datastore, quarantine
from bunter.datastore.deep_check import read_back
from bunter.values import Durability, new_ids, new_nonce

RECORDS = ArtifactRecords()


class Place:
    def __init__(self, root):
        self.root = root
        self.datastore = Datastore.local(root / "data")
        self.database = Database.create(root / "registry.sqlite3")
        with self.database.write(durability=Durability.none) as tx:
            RECORDS.create(tx)

    def put(self, key, content=b"content", *, settle=True):
        staged = self.datastore.stage(key, content)
        self.record([staged], settle=settle)

    def record(self, staged, *, settle=True):
        self.datastore.publish(staged, Durability.none)
        nonces, ids = [new_nonce() for _ in staged], new_ids(len(staged))
        rows = [self.datastore.row(item, nonce, "bytes") for item, nonce in zip(staged, nonces, strict=True)]
        links = [ArtifactLink(i, "", nonce) for i, nonce in zip(ids, nonces, strict=True)]
        with self.database.write(durability=Durability.none) as tx:
            RECORDS.add(tx, AddArtifacts(rows, links))
        if settle:
            self.datastore.settle(staged)
        return ids

    def check(self, **options):
        return check_datastore(self.datastore, RECORDS, self.database, **options)

    def path(self, key):
        return self.datastore.stores[MAIN].path(key)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    for i in range(5):
        place.put(f"run/{i}")
    yield place
    place.datastore.close()
    place.database.close()


def found(report):
    return [(finding.problem, finding.key) for finding in report.findings]


def test_a_sound_place_is_clean(place):
    report = place.check(deep=True)
    assert report.is_clean
    assert (report.artifacts, report.size, report.read) == (5, 35, 5)
    assert str(report) == "clean: 5 artifacts, 35 B, 5 read in full"


def test_missing_cut_and_strange_files_are_found(place):
    place.path("run/1").unlink()
    place.path("run/2").write_bytes(b"cont")
    place.path("run/strange").write_bytes(b"x")
    report = place.check()
    assert found(report) == [(Problem.MISSING, "run/1"), (Problem.ORPHAN, "run/strange"), (Problem.SIZE, "run/2")]
    assert len(report.findings[0].datasets) == 1
    assert report.counts() == {"missing": 1, "size": 1, "orphan": 1}


def test_changed_content_is_found_by_a_deep_check_only(place):
    place.path("run/3").write_bytes(b"cOntent")
    assert place.check().is_clean
    assert found(place.check(deep=True)) == [(Problem.DAMAGED, "run/3")]


def test_the_trash_is_told(place):
    with place.database.read() as connection:
        [first] = [item for _, _, item in RECORDS.page(connection, 0, 10**6)[1] if item.key == "run/0"]
    with place.database.write() as tx:
        RECORDS.remove(tx, [first.dataset_id])
    assert (Problem.TRASH, "run/0") in found(place.check())


def test_what_the_living_stage_and_publish_is_no_finding_and_what_the_dead_left_is(place):
    other = Datastore.local(place.root / "data")
    staged = [other.stage(key, b"x") for key in ("run/staged", "run/published")]
    other.publish(staged[1:])
    assert place.check().is_clean
    other.close()
    assert found(place.check()) == [(Problem.UNFINISHED, "run/published"), (Problem.UNFINISHED, "run/staged")]
    place.datastore.recover(lambda keys: set())
    assert place.check().is_clean


def test_direct_files_are_looked_for_where_they_are(place, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
    place.record(place.datastore.ingest_stage([tmp_path / "a", tmp_path / "b"], transfer="direct"))
    assert place.check(deep=True).is_clean
    (tmp_path / "b").unlink()
    assert found(place.check()) == [(Problem.MISSING, str(tmp_path / "b"))]


def test_links_are_measured_by_their_target(place, tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1000)
    place.record(place.datastore.ingest_stage([tmp_path / "a"], transfer="symlink", keys=["run/a"]))
    assert place.check().is_clean
    (tmp_path / "a").unlink()
    assert found(place.check()) == [(Problem.MISSING, "run/a")]


def test_old_orphans_are_set_aside_and_young_ones_stay(place):
    old, young = place.path("run/deep/old"), place.path("run/young")
    old.parent.mkdir()
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    assert quarantine(place.datastore, place.check(), older_than_s=3600) == ["run/deep/old"]
    assert (place.root / "data/.orphans/run/deep/old").read_bytes() == b"x"
    assert found(place.check()) == [(Problem.ORPHAN, "run/young")]


def test_a_check_beside_writers_and_removers_reports_nothing_false(place):
    stop = threading.Event()

    def work(name):
        datastore = Datastore.local(place.root / "data")
        number = 0
        while not stop.is_set():
            number += 1
            staged = [datastore.stage(f"{name}/{number}/{i}", b"x") for i in range(3)]
            datastore.publish(staged, Durability.none)
            nonces, ids = [new_nonce() for _ in staged], new_ids(3)
            rows = [datastore.row(item, nonce, "bytes") for item, nonce in zip(staged, nonces, strict=True)]
            with place.database.write(durability=Durability.none) as tx:
                RECORDS.add(tx, AddArtifacts(rows, [ArtifactLink(i, "", n) for i, n in zip(ids, nonces, strict=True)]))
            datastore.settle(staged)
            with place.database.write(durability=Durability.none) as tx:
                RECORDS.remove(tx, ids[:2])
            keys = [item.key for item in staged[:2]]
            datastore.delete(keys)
            with place.database.write(durability=Durability.none) as tx:
                RECORDS.forget_trash(tx, keys, MAIN)
        datastore.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    try:
        reports = [place.check(deep=True) for _ in range(30)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    false = [finding for report in reports for finding in report.findings if finding.problem is not Problem.TRASH]
    assert false == []


def test_an_incremental_check_looks_at_what_is_new_and_at_what_was_wrong(place):
    def check(**options):
        return place.check(patrol=Patrol(incremental=True), **options)

    place.path("run/strange").write_bytes(b"x")
    place.path("run/1").unlink()
    assert found(check()) == [(Problem.MISSING, "run/1"), (Problem.ORPHAN, "run/strange")]
    place.put("run/5")
    place.put("run/6")
    place.path("run/6").unlink()
    report = check()
    assert (report.artifacts, found(report)) == (3, [(Problem.MISSING, "run/1"), (Problem.MISSING, "run/6")])
    for name in ("run/1", "run/6"):
        place.path(name).write_bytes(b"content")
    assert (check().artifacts, check().artifacts) == (2, 0)
    place.path("run/2").write_bytes(b"c")
    assert check().is_clean
    assert [key for _, key in found(place.check())] == ["run/strange", "run/2"]


def test_what_was_read_longest_ago_is_read_first_within_the_time_there_is(place, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(effects, "monotonic", lambda: now[0])
    monkeypatch.setattr(checking, "_TOGETHER", 2)
    read = []

    def counted(items, *rest):
        now[0] += 10
        read.extend(item.key for item in items)
        return read_back(items, *rest)

    monkeypatch.setattr(checking, "read_back", counted)
    patrol = Patrol(incremental=True, time_limit_s=15)
    first, second = place.check(deep=True, patrol=patrol), place.check(deep=True, patrol=patrol)
    assert (first.read, first.left, second.read) == (4, 1, 4)
    assert "1 left for want of time" in str(first)
    assert (sorted(read[:4]), sorted(read[4:6])) == ([f"run/{n}" for n in range(4)], ["run/0", "run/4"])


def test_a_check_that_is_out_of_time_finds_no_orphans_that_are_none(place, monkeypatch):
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(effects, "monotonic", lambda: next(now))
    monkeypatch.setattr(checking, "_PAGE", 2)
    report = place.check(patrol=Patrol(time_limit_s=15))
    assert (report.artifacts, report.left, report.findings) == (2, 3, ())
