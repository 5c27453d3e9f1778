"""Dumps: what is in them, where they go, and where a repository is made of them again."""

import errno

import pytest

from bunter import Butler, effects
from bunter.butler.transfers.loading import load_dump
from bunter.errors import ConfigurationError, RepositoryExistsError


@pytest.fixture
def source(tmp_path):
    with Butler.create(tmp_path / "source", datastore={"trash_days": 14}) as butler:
        butler.dimension_records.insert("instrument", {"name": "Cam"})
        butler.dimension_records.insert(
            "detector", [{"instrument": "Cam", "id": n, "full_name": f"S{n}"} for n in range(3)]
        )
        butler.dataset_types.register("note", ["instrument", "detector"], "Text")
        with Butler(tmp_path / "source", run="notes", instrument="Cam") as made:
            for detector in range(3):
                made.put(f"note {detector}", "note", detector=detector)
        yield butler


def test_what_is_dumped_is_undone_in_the_copy(source, tmp_path):
    ref = source.find_dataset("note", instrument="Cam", detector=1, collections="notes")
    source.remove_datasets([ref])
    planned = source.dump(tmp_path / "dump", dry_run=True)
    written = source.dump(tmp_path / "dump")
    assert (planned.artifacts, planned.size) == (written.artifacts, written.size) == (3, 18)
    with Butler.load(tmp_path / "dump", tmp_path / "copy") as copy:
        assert copy.undo(dry_run=True).artifacts == 1
        copy.undo()
        assert copy.get(ref) == "note 1"
        assert copy.check(deep=True).is_clean
        copy.remove_datasets([ref])  # the trash period is kept as well
        assert copy.undoable()[0].kept.artifacts == 1


def test_a_file_of_a_removal_that_somebody_took_away_hinders_no_dump(source, tmp_path):
    ref = source.find_dataset("note", instrument="Cam", detector=1, collections="notes")
    path = source.get_uri(ref).path
    source.remove_datasets([ref])
    path.unlink()
    assert source.dump(tmp_path / "dump").artifacts == 2
    with Butler.load(tmp_path / "dump", tmp_path / "copy") as copy:
        assert copy.query_datasets("note", "notes").count() == 2


@pytest.mark.parametrize("address", ["s3://bucket/there", "webdav://host/there", "memory://there"])
def test_an_address_is_refused_where_a_path_is_needed_and_no_folder_is_made_of_it(
    source, tmp_path, monkeypatch, address
):
    monkeypatch.chdir(tmp_path)
    there = sorted(tmp_path.iterdir())
    refs = source.query_datasets("note", "notes")
    for act in (source.dump, source.export, source.bundle, lambda to: source.retrieve_artifacts(refs, to)):
        with pytest.raises(ConfigurationError, match="is an address"):
            act(address)
    for take in (source.import_, source.ingest_zip):
        with pytest.raises(ConfigurationError, match="is an address"):
            take(address)
    assert sorted(tmp_path.iterdir()) == there


def test_a_dump_is_loaded_into_a_bucket(source, tmp_path, s3_place):
    source.dump(tmp_path / "dump")
    database = tmp_path / "registry.sqlite3"
    with pytest.raises(ConfigurationError, match="cannot lie in the store"):
        load_dump(tmp_path / "dump", s3_place)
    load_dump(tmp_path / "dump", s3_place, database=str(database), dry_run=True)
    assert not database.exists()
    with Butler.load(tmp_path / "dump", s3_place, database=str(database)) as copy:
        assert copy.get("note", instrument="Cam", detector=2, collections="notes") == "note 2"
        assert str(copy.get_uri("note", instrument="Cam", detector=2, collections="notes")).startswith("s3://")
        assert copy.check(deep=True).is_clean
    with pytest.raises(RepositoryExistsError, match="is a repository already"):
        load_dump(tmp_path / "dump", s3_place, database=str(tmp_path / "another.sqlite3"))


def test_the_folder_of_the_registry_is_made_if_it_is_not_there(source, tmp_path):
    source.dump(tmp_path / "dump")
    database = tmp_path / "books" / "here" / "registry.sqlite3"
    with Butler.load(tmp_path / "dump", tmp_path / "copy", database=str(database)) as copy:
        assert copy.get("note", instrument="Cam", detector=2, collections="notes") == "note 2"
    assert database.exists()


def test_a_load_that_is_completed_with_another_registry_overwrites_nothing(source, tmp_path):
    source.dump(tmp_path / "dump")
    Butler.create(tmp_path / "other").close()
    theirs = (tmp_path / "other" / "registry.sqlite3").read_bytes()

    def full(operation, path):
        if operation == "checkpoint" and path == "commit":
            raise OSError(errno.ENOSPC, "No space left on device")

    effects.set_hook(full)
    try:
        with pytest.raises(OSError, match="No space"):
            load_dump(tmp_path / "dump", tmp_path / "copy", database=str(tmp_path / "first.sqlite3"))
    finally:
        effects.set_hook(None)
    with pytest.raises(RepositoryExistsError, match=r"has begun with its registry at .*first"):
        load_dump(
            tmp_path / "dump", tmp_path / "copy", database=str(tmp_path / "other" / "registry.sqlite3"), dry_run=True
        )
    assert (tmp_path / "other" / "registry.sqlite3").read_bytes() == theirs
    with Butler.load(tmp_path / "dump", tmp_path / "copy", database=str(tmp_path / "first.sqlite3")) as copy:
        assert copy.check(deep=True).is_clean
