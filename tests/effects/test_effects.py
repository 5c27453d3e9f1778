"""Effects: files are created exclusively, every call is seen, and the process can be killed at any step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from bunter import effects


@pytest.fixture
def calls():
    seen: list[str] = []
    effects.set_hook(lambda operation, path: seen.append(operation))
    yield seen
    effects.set_hook(None)


def test_write_new_leaves_a_file_that_is_there_as_it_was(tmp_path):
    path = tmp_path / "x"
    assert effects.write_new(path, [b"ab", b"c"], sync=True) == 3
    with pytest.raises(FileExistsError):
        effects.write_new(path, b"other", sync=False)
    assert effects.read_bytes(path) == b"abc"


def test_a_failed_write_leaves_nothing(tmp_path):
    def broken():
        yield b"ab"
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        effects.write_new(tmp_path / "x", broken(), sync=False)
    assert effects.listdir(tmp_path) == []


def test_copy_new_copies_and_never_overwrites(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    for content in (b"", b"x" * 100_000):
        source.write_bytes(content)
        effects.copy_new(source, target, sync=True)
        assert target.read_bytes() == content
        with pytest.raises(FileExistsError):
            effects.copy_new(source, target, sync=False)
        effects.unlink(target)


def test_copy_new_of_nothing_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        effects.copy_new(tmp_path / "a", tmp_path / "b", sync=False)
    assert effects.listdir(tmp_path) == []


def test_ranges_and_chunks_give_the_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(range(100)))
    assert effects.read_range(path, 10, 5) == bytes(range(10, 15))
    assert effects.read_range(path, 98, 5) == bytes([98, 99])
    assert list(effects.read_chunks(path, 40)) == [bytes(range(40)), bytes(range(40, 80)), bytes(range(80, 100))]


def test_names_can_be_made_moved_and_removed(tmp_path):
    effects.mkdirs(tmp_path / "d" / "e")
    effects.write_new(tmp_path / "d" / "f", b"1", sync=False)
    effects.link(tmp_path / "d" / "f", tmp_path / "d" / "g")
    effects.symlink("f", tmp_path / "d" / "s")
    effects.rename(tmp_path / "d" / "g", tmp_path / "d" / "e" / "g")
    effects.sync_dir(tmp_path / "d")
    effects.sync_file(tmp_path / "d" / "f")
    assert [name for name, _ in effects.walk(tmp_path)] == ["d/e/g", "d/f", "d/s"]
    effects.unlink(tmp_path / "d" / "e" / "g")
    effects.unlink(tmp_path / "d" / "e" / "g", missing_ok=True)
    with pytest.raises(FileNotFoundError):
        effects.unlink(tmp_path / "d" / "e" / "g")
    assert effects.rmdir(tmp_path / "d" / "e")
    assert not effects.rmdir(tmp_path / "d")
    assert effects.stat(tmp_path / "nothing") is None
    assert list(effects.walk(tmp_path / "nothing")) == []


def test_appends_grow_a_file(tmp_path):
    with effects.open_append(tmp_path / "log") as log:
        log.append(b"one\n")
        log.append(b"two\n")
        log.sync()
        assert log.size() == 8
    log.close()
    assert effects.read_bytes(tmp_path / "log") == b"one\ntwo\n"


def test_a_lock_is_held_until_it_is_closed(tmp_path):
    with effects.flock(tmp_path / "lock") as lease:
        assert lease is not None
        assert effects.flock(tmp_path / "lock", blocking=False) is None
    with effects.flock(tmp_path / "lock", exclusive=False), effects.flock(tmp_path / "lock", exclusive=False):
        assert effects.flock(tmp_path / "lock", blocking=False) is None


def test_a_hook_sees_each_effect_first_and_can_make_it_fail(tmp_path, calls):
    effects.write_new(tmp_path / "x", b"1", sync=True)
    effects.read_bytes(tmp_path / "x")
    effects.now_ns()
    effects.monotonic()
    effects.sleep(0)
    effects.checkpoint("commit")
    assert calls == ["write_new", "sync_file", "read", "now", "monotonic", "sleep", "checkpoint"]

    def refuse(operation, path):
        raise OSError("refused")

    effects.set_hook(refuse)
    with pytest.raises(OSError, match="refused"):
        effects.unlink(tmp_path / "x")
    effects.set_hook(None)
    assert effects.read_bytes(tmp_path / "x") == b"1"


SCRIPT = """
import sys
from bunter import effects
folder = sys.argv[1]
for name in "abc":
    effects.write_new(f"{folder}/{name}", b"1", sync=False)
effects.checkpoint("commit")
"""


def _run(folder, **environment):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)], env={**os.environ, **environment}, check=False
    ).returncode


def test_steps_are_counted_and_a_process_can_be_killed_before_any_of_them(tmp_path):
    folder = tmp_path / "all"
    folder.mkdir()
    assert _run(folder, BUNTER_COUNT_STEPS=str(tmp_path / "count")) == 0
    assert (tmp_path / "count").read_text() == "4"
    for step in range(1, 5):
        folder = tmp_path / str(step)
        folder.mkdir()
        assert _run(folder, BUNTER_KILL_AT=str(step)) == -signal.SIGKILL
        assert effects.listdir(folder) == list("abc")[: step - 1]
