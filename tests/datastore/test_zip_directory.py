"""The directory of a zip archive, read in pieces, is that which the standard library reads; damage is told."""

import gc
import io
import random
import struct
import tracemalloc
import zipfile

import pytest

from bunter.datastore import zip_directory
from bunter.datastore.direct import DirectFiles
from bunter.datastore.zip_directory import ZipDirectory
from bunter.datastore.zip_members import ZipMembers
from bunter.errors import ButlerError, FormatError, KeyMissingError


def archive(names, *, before=b"", comment=b""):
    held = io.BytesIO()
    held.write(before)
    with zipfile.ZipFile(held, "a") as made:
        for name in names:
            made.writestr(name, name.encode() * 3)
        made.comment = comment
    return held.getvalue()


@pytest.fixture
def opened(tmp_path):
    """What opens the directory of an archive given as bytes."""

    def open_(content):
        (tmp_path / "a.zip").write_bytes(content)
        return ZipDirectory(DirectFiles(), str(tmp_path / "a.zip"))

    return open_


@pytest.fixture(params=["kept", "in pieces"])
def way(request, monkeypatch):
    """A small directory is kept whole, a large one is read in pieces."""
    if request.param == "in pieces":
        monkeypatch.setattr(zip_directory, "_WHOLE", 0)
        monkeypatch.setattr(zip_directory, "_NEAR", 64)
        monkeypatch.setattr(zip_directory, "_PIECE", 1 << 18)


NAMES = [f"files/{n % 7}/thing_{n}.json" for n in range(300)]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n" * 9])
@pytest.mark.parametrize("comment", [b"", b"a comment with PK\5\6 in it, which is no end"])
def test_members_are_found_by_name_and_listed_in_order(opened, before, comment):
    directory = opened(archive([*NAMES, "folder/", "é/日本"], before=before, comment=comment))
    assert [member.name for member in directory] == [*NAMES, "é/日本"]
    assert directory.find(NAMES[123]).size == 3 * len(NAMES[123])
    assert directory.find("folder/") is None
    assert directory.find("nothing") is None


@pytest.mark.usefixtures("way")
def test_an_archive_of_more_members_than_16_bits_count_is_read(opened, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 10)
    content = archive(NAMES)
    assert b"PK\6\6" in content
    assert [member.name for member in opened(content)] == NAMES
    assert len(opened(b"before" * 50 + content)) == len(NAMES)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_of_one_name_the_last_one_counts(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("twice", b"first")
        made.writestr("twice", b"last")
    assert ZipMembers.of_file(tmp_path / "a.zip").read("twice") == [b"last"]


def test_what_is_kept_of_a_large_directory_is_little(opened, monkeypatch):
    monkeypatch.setattr(zip_directory, "_WHOLE", 0)
    content = archive([f"files/some/folder/of/a/run/thing_{n}.json" for n in range(20_000)])
    opened(archive(["a"]))  # imports
    tracemalloc.start()
    try:
        directory = opened(content)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(directory) == 20_000
    assert kept < 30 * 20_000


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no directory at its end"),
        (b"PK\5\6", "no directory at its end"),
        (archive(NAMES)[:-30], "no directory at its end"),
        (archive(NAMES)[-3000:], "longer than the archive"),
        (archive(NAMES).replace(b"PK\1\2", b"PK\1\3"), "damaged"),
    ],
)
def test_what_is_no_archive_is_refused(opened, content, why):
    with pytest.raises(FormatError, match=why):
        opened(content)


@pytest.mark.parametrize(
    ("place", "value", "why"), [(4, 1, "several parts"), (8, 7, "several parts"), (20, 9, "no directory")]
)
def test_an_end_that_contradicts_is_refused(opened, place, value, why):
    content = bytearray(archive(NAMES))
    struct.pack_into("<H", content, len(content) - 22 + place, value)
    with pytest.raises(FormatError, match=why):
        opened(bytes(content))


def test_a_member_that_would_end_behind_the_archive_is_refused(opened):
    content = bytearray(archive(["a"]))
    struct.pack_into("<L", content, content.find(b"PK\1\2") + 20, 1 << 30)
    with pytest.raises(FormatError, match="behind the archive"):
        opened(bytes(content))


def test_an_archive_that_is_gone_is_missing(tmp_path):
    with pytest.raises(KeyMissingError, match="gone"):
        ZipDirectory(DirectFiles(), str(tmp_path / "none.zip"))


def test_damaged_ends_are_refused_or_what_is_read_was_there(tmp_path):
    chance = random.Random(7)
    path = tmp_path / "a.zip"
    for _ in range(400):
        content = bytearray(archive(NAMES[: chance.randrange(1, 6)]))
        for _ in range(chance.randrange(1, 4)):
            content[-chance.randrange(1, min(len(content), 300))] = chance.randrange(256)
        path.write_bytes(content)
        members = ZipMembers.of_file(path)
        try:
            held = {name: members.read(name)[0] for name in members.names()}
        except ButlerError:
            continue
        for name, content in held.items():  # what is read is the content of a member that was there
            assert content in {each.encode() * 3 for each in NAMES}, name
