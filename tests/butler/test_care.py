"""Leftovers swept, lost files brought back from another repository, samples read at a rate, digests written down."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

import bunter_command
from bunter import Butler, FileDataset, effects
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.dataset import DatasetRef
from bunter.datastore.check import Problem
from bunter.datastore.deep_check import DeepCheck
from bunter.errors import FileIntegrityError
from bunter.values import new_id


@pytest.fixture
def root(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        fill_small_camera(butler)
        for exposure in range(4):
            put_thing(butler, exposure, 0)
    return tmp_path / "repo"


def files(root):
    return sorted((root / "data" / "run1").rglob("*.json"))


def bunter(*arguments):
    done = bunter_command.bunter(*arguments)
    assert "Traceback" not in done.stderr
    return done


def test_a_sweep_takes_orphans_with_our_names_and_leaves_what_is_not_ours(root):
    ours, foreign = root / "data/run1/thing/thing-abcdefghijklm.json", root / "data/run1/README.txt"
    for path in (ours, foreign):
        path.write_text("x")
        os.utime(path, (1, 1))
    with Butler(root, writeable=True) as butler:
        told = {(row.kind, row.dataset_type, row.run, row.artifacts, row.bytes) for row in butler.gc(dry_run=True).rows}
        assert told == {("orphan", "thing", "run1", 1, 1), ("strange", "", "run1", 1, 1)}
        assert ours.exists()
        swept = butler.gc()
        assert (swept.artifacts, swept.bytes) == (1, 1)
        assert not ours.exists()
        assert foreign.exists()
        assert len(files(root)) == 4


def test_a_young_orphan_stays(root):
    path = root / "data/run1/thing/thing-abcdefghijklm.json"
    path.write_text("x")
    with Butler(root, writeable=True) as butler:
        assert butler.gc().rows == ()
        assert butler.gc(older_than_s=0).artifacts == 1


def test_the_command_says_sizes_before_it_removes(root):
    with Butler(root) as butler:
        butler.remove_datasets(butler.query_datasets("thing", "run1", limit=2), keep_days=1)
    with sqlite3.connect(root / "registry.sqlite3") as connection:
        connection.execute("UPDATE kept_removal SET until = 0")
    connection.close()
    done = bunter("gc", root, "--dry-run", "--json")
    [row, summary] = map(json.loads, done.stdout.splitlines())
    assert (row["kind"], row["run"], row["artifacts"]) == ("removed", "run1", 2)
    assert summary == {"summary": {"artifacts": 2, "bytes": row["bytes"], "failed": {}, "events": 0, "dry_run": True}}
    assert len(files(root)) == 4
    assert "removed 2 files" in bunter("gc", root).stderr
    assert len(files(root)) == 2
    assert bunter("check", root, "--deep").returncode == 0


def test_a_removal_is_listed_and_undone_at_the_command_line(root):
    assert bunter("remove-runs", root, "run1", "--no-confirm", "--keep-days", 3).returncode == 0
    row, *_ = map(json.loads, bunter("undo", root, "--list", "--json").stdout.splitlines())
    assert (row["datasets"], row["artifacts"]) == (4, 4)
    assert json.loads(bunter("undo", root, "--dry-run", "--json").stdout)["datasets"] == 4
    assert "brought back 4 datasets with 4 files" in bunter("undo", root, row["change"]).stdout
    assert bunter("check", root, "--deep").returncode == 0
    again = bunter("undo", root, row["change"])
    assert (again.returncode, again.stdout) == (1, "")
    assert "trash_days" in again.stderr


def test_an_edit_is_taken_back_at_the_command_line(root):
    with Butler(root) as butler:
        butler.collections.redefine_chain("best", ["run1"])
        butler.collections.register("tag", "TAGGED")
        butler.collections.register("mine", "TAGGED")
    assert "tagged" in bunter("undo", root, "--dry-run").stdout
    assert json.loads(bunter("undo", root, "--json").stdout)["steps"][0]["name"] == "mine"
    assert bunter("collection-chain", root, "best", "tag").returncode == 0
    tried = json.loads(bunter("undo", root, "--dry-run", "--json").stdout)
    assert (tried["steps"][0]["text"], tried["conflicts"]) == ("has run1", [])
    assert "undid change" in bunter("undo", root).stdout
    first, *_ = map(json.loads, bunter("undo", root, "--list", "--limit", 3, "--json").stdout.splitlines())
    assert first["undone"]
    with Butler(root) as butler:
        assert butler.collections.info("best").children == ("run1",)
        butler.collections.redefine_chain("best", [])
        made = next(each.change for each in butler.undoable() if "CHAINED best made" in each.deeds)
        butler.collections.redefine_chain("all", ["best"])
    refused = bunter("undo", root, made)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "'best', which it made, is in all by now" in refused.stderr


def test_lost_and_damaged_files_come_back_from_another_repository(root, tmp_path):
    with Butler.create(tmp_path / "copy") as copy, Butler(root, writeable=False) as butler:
        copy.transfers.take(butler.transfers.parcel(), transfer="copy")
    missing, cut, flipped, _ = files(root)
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:-3])
    damaged = bytearray(flipped.read_bytes())
    damaged[3] ^= 1
    flipped.write_bytes(damaged)
    found = bunter("check", root, "--deep", "--json")
    assert found.returncode == 1
    *findings, last = map(json.loads, found.stdout.splitlines())
    assert sorted(finding["problem"] for finding in findings) == ["damaged", "missing", "size"]
    summary = last["summary"]
    assert (summary["clean"], summary["artifacts"]) == (False, 4)
    assert summary["findings"] == {"damaged": 1, "missing": 1, "size": 1}
    mended = bunter("check", root, "--deep", "--repair", "--from", tmp_path / "copy")
    assert (mended.returncode, "brought 3 files back" in mended.stderr) == (0, True), mended.stderr
    [last] = map(json.loads, bunter("check", root, "--deep", "--json").stdout.splitlines())
    assert (last["summary"]["clean"], last["summary"]["read"]) == (True, 4)
    with Butler(root) as butler:
        values = [butler.get(ref) for ref in butler.query_datasets("thing", "run1")]
        assert sorted(value["e"] for value in values) == [0, 1, 2, 3]
    assert len(list((root / "data/.orphans").rglob("*.json"))) == 2


def test_a_copy_that_is_damaged_too_is_not_taken(root, tmp_path):
    with Butler.create(tmp_path / "copy") as copy, Butler(root, writeable=False) as butler:
        copy.transfers.take(butler.transfers.parcel(), transfer="copy")
    for path in (tmp_path / "copy/data").rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"e", b"f"))
    files(root)[0].unlink()
    mended = bunter("check", root, "--repair", "--from", tmp_path / "copy")
    assert mended.returncode == 1
    assert "damaged as well" in mended.stderr
    assert len(files(root)) == 3


def test_a_sample_is_read_at_a_rate(root, monkeypatch):
    slept = []
    monkeypatch.setattr(effects, "sleep", slept.append)
    with Butler(root) as butler:
        assert butler.check(deep=DeepCheck(sample=0.5)).read == 2
        assert slept == []
        assert butler.check(deep=DeepCheck(bytes_per_s=10)).read == 4
    size = sum(path.stat().st_size for path in files(root))
    assert max(slept) == pytest.approx(size / 10, rel=0.2)


def test_digests_of_files_that_stayed_are_written_down_and_then_verified(root, tmp_path):
    path = tmp_path / "far.json"
    path.write_text('{"e": 9}')
    with Butler(root) as butler:
        kind = butler.dataset_types.get("thing")
        data_id = butler.standardize({"instrument": "Cam", "exposure": 0, "detector": 1}, kind.dimensions.required)
        [ref] = butler.ingest(FileDataset(str(path), [DatasetRef(new_id(), kind, data_id, "run1")]), transfer="direct")
        report = butler.check(deep=True)
        assert (report.read, report.undigested) == (4, 1)
        assert "1 without a digest to compare with (`bunter check --record`" in str(report)
        report = butler.check(deep=DeepCheck(record=True))
        assert (report.digested, report.undigested) == (1, 0)
        assert butler.check(deep=True).read == 5
        path.write_text('{"e": 8}')
        assert [finding.key for finding in butler.check(deep=True).of(Problem.DAMAGED)] == [str(path)]
        with pytest.raises(FileIntegrityError):
            butler.get(ref)


def test_room_is_made_at_once_by_giving_up_what_could_be_undone(root):
    assert bunter("remove-runs", root, "run1", "--no-confirm", "--keep-days", 3).returncode == 0
    assert bunter("trash", "list", root, "--json").stdout == ""
    assert len(bunter("trash", "list", root, "--kept", "--json").stdout.splitlines()) == 4
    assert bunter("trash", "empty", root).stdout == "removed 0 files\n"
    assert len(files(root)) == 4
    assert bunter("trash", "empty", root, "--kept").stdout == "removed 4 files\n"
    assert not files(root)
    assert bunter("undo", root).returncode == 1


def test_what_a_writer_that_died_had_registered_is_kept_like_all_else(root):
    put = (
        "import os, sys; from bunter import Butler, effects\n"
        "effects.set_hook(lambda operation, path: path == 'committed' and os._exit(9))\n"
        "Butler(sys.argv[1], run='run1').put({'e': 7}, 'thing', instrument='Cam', exposure=0, detector=1)"
    )
    with Butler(root, writeable=True) as butler:
        butler.repository.recover()
        assert subprocess.run([sys.executable, "-c", put, str(root)], check=False).returncode == 9
        [ref] = butler.query_datasets("thing", "run1", where="detector = 1")
        butler.remove_datasets([ref], keep_days=1)
    with Butler(root, writeable=True) as butler:
        assert butler.repository.recover() == 1
        butler.undo()
        assert butler.get(ref) == {"e": 7}
        assert butler.check(deep=True).is_clean
