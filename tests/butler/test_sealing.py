"""Sealed repositories, repositories shared by a group, and file systems of networks."""

from __future__ import annotations

import grp
import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bunter import Butler
from bunter.butler.seal_note import SEAL_NAME
from bunter.butler.sealing import seal, unseal
from bunter.contracts.small_camera import fill_dimensions
from bunter.database.filesystem import network_file_system
from bunter.errors import ConfigurationError, DatabaseBusyError, ReadOnlyError
from plain_user import as_bound_by_permissions


@pytest.fixture
def root(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        fill(butler)
    return tmp_path / "repo"


def fill(butler, run="run1"):
    fill_dimensions(butler, exposures=2)
    butler.dataset_types.register("thing", ["instrument", "exposure"], "StructuredDataDict")
    butler.collections.register(run)
    return butler.put({"a": 1}, "thing", instrument="Cam", exposure=0, run=run)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def journal_mode(root):
    raw = sqlite3.connect(root / "registry.sqlite3")
    try:
        return raw.execute("PRAGMA journal_mode").fetchone()[0]
    finally:
        raw.close()


def run_as_others(code, *arguments):
    command = as_bound_by_permissions(sys.executable, "-c", code, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


READ = """
import sys
from bunter import Butler
from bunter.errors import ReadOnlyError
with Butler(sys.argv[1]) as butler:
    assert not butler.writeable
    print(butler.get("thing", exposure=0), butler.query_datasets("thing").count(), butler.sql("SELECT 1").rows)
"""


def closed_to_writing(root):
    for folder, _, files in os.walk(root):
        for name in files:
            Path(folder, name).chmod(0o444)
        Path(folder).chmod(0o555)


def open_to_writing(root):
    for folder, _, _ in os.walk(root):
        Path(folder).chmod(0o755)


def test_a_sealed_repository_is_read_by_those_who_may_not_write(root):
    assert seal(root)
    assert journal_mode(root) == "delete"
    assert sorted(path.name for path in root.iterdir()) == [SEAL_NAME, "bunter.yaml", "data", "registry.sqlite3"]
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    closed_to_writing(root)
    try:
        assert run_as_others(READ, root).split("\n")[0] == "{'a': 1} 1 [(1,)]"
    finally:
        open_to_writing(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_sealed_repository_refuses_to_be_written_and_says_how_to_open_it(root):
    seal(root)
    assert not seal(root)
    with Butler(root) as butler:
        assert not butler.writeable
        with pytest.raises(ReadOnlyError):
            butler.collections.register("run2")
    with pytest.raises(ReadOnlyError, match=r"sealed since .* by .*--unseal"):
        Butler(root, writeable=True)
    assert unseal(root)
    assert not unseal(root)
    assert journal_mode(root) == "wal"
    with Butler(root) as butler:
        butler.collections.register("run2")


def test_a_rehearsal_seals_nothing(root):
    assert seal(root, dry_run=True)
    assert not (root / SEAL_NAME).exists()
    seal(root)
    assert unseal(root, dry_run=True)
    assert (root / SEAL_NAME).exists()


def test_a_repository_in_use_is_not_sealed(root):
    with Butler(root) as butler, butler.transaction():
        butler.put({"b": 1}, "thing", instrument="Cam", exposure=1, run="run1")
        with pytest.raises(DatabaseBusyError, match="is being written"):
            seal(root)
    raw = sqlite3.connect(root / "registry.sqlite3")
    raw.execute("SELECT count(*) FROM dataset").fetchall()
    try:
        with pytest.raises(DatabaseBusyError, match=r"have .* open"):
            seal(root)
    finally:
        raw.close()
    assert not (root / SEAL_NAME).exists()
    assert seal(root)


def test_the_seal_of_another_time_is_understood(root):
    seal(root)
    (root / SEAL_NAME).write_text("?")
    with pytest.raises(ReadOnlyError, match="is sealed"):
        Butler(root, writeable=True)
    assert unseal(root)
    with Butler(root, writeable=True) as butler:
        butler.collections.register("run2")


def test_a_repository_that_is_not_sealed_tells_readers_without_rights_what_to_do(root):
    code = """
import sys
from bunter import Butler
from bunter.errors import ButlerError
try:
    Butler(sys.argv[1]).query_datasets("thing").count()
except ButlerError as error:
    print(error)
"""
    closed_to_writing(root)
    try:
        said = run_as_others(code, root)
    finally:
        open_to_writing(root)
    assert "bunter seal" in said


# Shared by a group


def all_below(root):
    return [root, *root.rglob("*")]


def test_all_files_of_a_shared_repository_can_be_written_by_the_group(tmp_path):
    root = tmp_path / "repo"
    old = os.umask(0o077)
    try:
        with Butler.create(root, shared=True) as butler:
            fill(butler)
        with Butler(root) as butler:
            butler.put({"b": 1}, "thing", instrument="Cam", exposure=1, run="run1")
            with butler.transaction():
                butler.collections.register("run2")
                butler.put({"b": 1}, "thing", instrument="Cam", exposure=1, run="run2")
                during = {path: mode_of(path) for path in all_below(root)}
        after = {path: mode_of(path) for path in all_below(root)}
    finally:
        os.umask(old)
    assert any(".stage" in path.parts or ".staging" in path.name or path.suffix == ".lock" for path in during)
    assert {"registry.sqlite3-wal", "registry.sqlite3-shm", "registry.sqlite3-queue"} <= {path.name for path in during}
    for modes in (during, after):
        for path, mode in modes.items():
            wanted = 0o2070 if path.is_dir() or (path not in after and not path.suffix) else 0o060
            assert mode & wanted == wanted or not path.exists(), f"{path} has {mode:o}"


def test_a_shared_repository_belongs_to_the_group_asked_for(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("giving files to another group needs root, or a second group")
    group = grp.getgrgid(1).gr_name
    with Butler.create(tmp_path / "repo", shared=group) as butler:
        fill(butler)
    assert {path.stat().st_gid for path in all_below(tmp_path / "repo")} == {1}
    with pytest.raises(ConfigurationError, match="no group 'nosuchgroup'"):
        Butler.create(tmp_path / "other", shared="nosuchgroup")
    assert not (tmp_path / "other").exists()


def test_files_of_others_keep_the_umask(tmp_path):
    Butler.create(tmp_path / "shared", shared=True).close()
    old = os.umask(0o077)
    try:
        with Butler.create(tmp_path / "mine") as butler:
            fill(butler)
        assert {mode_of(path) & 0o077 for path in all_below(tmp_path / "mine") if path.name != "mine"} == {0}
    finally:
        os.umask(old)


# File systems of networks


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Say that a folder is a mount of some type."""

    def mount(kind, folder=tmp_path):
        table = tmp_path / f"mounts-{kind}"
        table.write_text(
            f"/dev/root / ext4 rw 0 0\nserver:/x {str(folder).replace(' ', chr(92) + '040')} {kind} rw 0 0\n"
        )
        monkeypatch.setenv("BUNTER_MOUNTS", str(table))

    return mount


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "lustre", "9p", "fuse.sshfs", "ceph", "fuse.glusterfs"])
def test_network_file_systems_are_known(mounted, tmp_path, kind):
    mounted(kind)
    assert network_file_system(tmp_path / "a" / "b") == kind
    assert network_file_system("/") is None


def test_local_file_systems_are_no_networks(mounted, tmp_path):
    for kind in ("ext4", "xfs", "tmpfs", "overlay", "fuse.fuse-overlayfs", "zfs"):
        mounted(kind)
        assert network_file_system(tmp_path) is None
    folder = tmp_path / "with blank"
    folder.mkdir()
    mounted("nfs", folder)
    assert network_file_system(folder / "x") == "nfs"
    assert network_file_system(tmp_path / "with") is None


def test_on_a_network_file_system_there_is_no_write_ahead_log(mounted, tmp_path):
    mounted("nfs4")
    with Butler.create(tmp_path / "repo") as butler:
        assert "network file system (nfs4)" in butler.repository.advice()[0]
        ref = fill(butler)
        assert butler.get(ref) == {"a": 1}
    assert journal_mode(tmp_path / "repo") == "delete"
    seal(tmp_path / "repo")
    unseal(tmp_path / "repo")
    assert journal_mode(tmp_path / "repo") == "delete"


def test_a_repository_that_came_onto_a_network_changes_its_mode_or_is_refused(mounted, root):
    raw = sqlite3.connect(root / "registry.sqlite3")
    raw.execute("SELECT count(*) FROM dataset").fetchall()
    mounted("nfs")
    try:
        with pytest.raises(ConfigurationError, match="write-ahead mode on a network file system"):
            Butler(root, writeable=True)
    finally:
        raw.close()
    with Butler(root, writeable=True) as butler:
        butler.collections.register("run2")
    assert journal_mode(root) == "delete"


def test_the_command_seals_and_tells(root, capfd):
    from bunter.cli.program import run

    assert run(["seal", str(root), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["sealed"], told["changed"]) == (True, True)
    assert run(["prune-datasets", str(root), "*", "--no-confirm"]) == 1
    assert "--unseal" in capfd.readouterr().err
    assert run(["query-datasets", str(root), "thing"]) == 0
    assert run(["seal", str(root), "--unseal"]) == 0
