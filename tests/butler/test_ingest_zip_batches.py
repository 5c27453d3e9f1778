"""A zip file of several batches comes in as one step: all of it, or nothing and the file stays."""

import pytest

from bunter import Butler
from bunter.butler.transfers import imports
from bunter.contracts.small_camera import fill_dimensions, put_thing
from bunter.errors import ExportFileError


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A zip file with four things, which are read one by one, two of them tagged."""
    with Butler.create(tmp_path / "source") as butler:
        fill_dimensions(butler, exposures=4, detectors=1)
        butler.dataset_types.register("thing", ["instrument", "exposure", "detector"], "StructuredDataDict")
        butler.collections.register("run1")
        refs = [put_thing(butler, n, 0, run="run1") for n in range(4)]
        butler.collections.register("tag", "TAGGED")
        butler.collections.associate("tag", refs[1:3])
        butler.bundle(tmp_path / "all.zip")
    monkeypatch.setattr(imports, "BATCH_ROWS", 1)
    return tmp_path / "all.zip"


@pytest.fixture
def empty(tmp_path):
    """A repository without anything."""
    with Butler.create(tmp_path / "repo") as butler:
        yield butler


def complete(butler):
    refs = butler.query_datasets("thing", "run1")
    assert sorted(butler.get(ref)["e"] for ref in refs) == [0, 1, 2, 3]
    assert butler.query_datasets("thing", "tag").count() == 2
    assert butler.check(deep=True).is_clean


def broken_after(batches, monkeypatch):
    """Let the second reading of an archive end after some batches."""
    whole, calls = imports.ExportParcel.batches, []

    def read(parcel):
        calls.append(parcel)
        for number, batch in enumerate(whole(parcel)):
            if len(calls) > 1 and number == batches:
                raise ExportFileError("the disk gave up")
            yield batch

    monkeypatch.setattr(imports.ExportParcel, "batches", read)


@pytest.mark.parametrize("transfer", ["copy", "move", "direct"])
def test_all_batches_come(archive, empty, transfer):
    assert empty.ingest_zip(archive, transfer=transfer).datasets == 4
    complete(empty)
    assert archive.exists() == (transfer != "move")


def test_what_is_there_already_is_kept_and_the_rest_comes(archive, empty):
    empty.ingest_zip(archive, transfer="copy")
    gone = list(empty.query_datasets("thing", "run1"))[1:3]
    empty.remove_datasets(gone)
    assert empty.ingest_zip(archive, transfer="copy").datasets == 2
    complete(empty)


@pytest.mark.parametrize("batches", [1, 3])
def test_nothing_is_registered_if_the_archive_breaks_off_and_the_same_call_completes(
    archive, empty, monkeypatch, batches
):
    with monkeypatch.context() as broken:
        broken_after(batches, broken)
        with pytest.raises(ExportFileError, match="gave up"):
            empty.ingest_zip(archive, transfer="move")
    assert "thing" not in empty.dataset_types
    assert archive.exists()
    empty.ingest_zip(archive, transfer="move")
    complete(empty)


def test_a_zip_file_comes_with_an_open_unit_of_work(archive, empty):
    with empty.transaction():
        empty.ingest_zip(archive, transfer="move")
        assert archive.exists()
    complete(empty)
    assert not archive.exists()
