"""Archives that are written member by member are read by everybody, and cost no memory for each member."""

import io
import tracemalloc
import zipfile

from bunter.datastore.zip_members import ZipMembers
from bunter.datastore.zip_writer import ZipWriter

CONTENT = {"a.txt": b"first", "deep/er/b.bin": bytes(range(256)) * 5000, "empty": b"", "ünïcode/ñ.json": b"{}"}


def write(path, contents):
    with path.open("xb") as file, ZipWriter(file) as archive:
        for name, content in contents.items():
            archive.add(name, [content[:3], memoryview(content)[3:]])
    return path


def test_the_standard_library_reads_it(tmp_path):
    with zipfile.ZipFile(write(tmp_path / "all.zip", CONTENT)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == CONTENT


def test_our_own_reader_reads_it(tmp_path):
    members = ZipMembers.of_file(write(tmp_path / "all.zip", CONTENT))
    assert {name: members.read(name)[0] for name in CONTENT} == CONTENT


def test_equal_content_gives_equal_files(tmp_path):
    first, second = (write(tmp_path / name, CONTENT).read_bytes() for name in ("1.zip", "2.zip"))
    assert first == second


def test_more_members_than_old_archives_can_have_take_no_memory_each():
    file = io.BytesIO()
    tracemalloc.start()
    with ZipWriter(file) as archive:
        for number in range(70_000):
            archive.add(f"files/{number}", ())
        kept = tracemalloc.get_traced_memory()[0] - file.getbuffer().nbytes
    tracemalloc.stop()
    assert kept < 2_000_000
    with zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == 70_000
