"""What is promised about transfers, where datasets are in a sink alone on one side, or on both."""

import pytest

from bunter import Butler
from bunter.butler.overlaying import overlay_repository, refresh_overlay
from bunter.contracts.small_camera import fill_small_camera, put_thing
from bunter.contracts.transfers import TransfersContract, fill_source, things

ALONE = {"sinks": {"metrics": {"kind": "metrics", "alone": True, "constraints": {"accept": ["thing", "bias"]}}}}


def files(place):
    return sorted(path.name for path in (place / "data").rglob("*.*") if path.is_file() and ".stage" not in path.parts)


@pytest.fixture
def source(tmp_path):
    with Butler.create(tmp_path / "source", datastore=ALONE) as butler:
        fill_source(butler)
        yield butler


@pytest.fixture
def empty(tmp_path):
    with Butler.create(tmp_path / "empty", datastore=ALONE) as butler:
        yield butler


@pytest.mark.slow
class TestBetweenSinks(TransfersContract):
    @pytest.fixture
    def source(self, tmp_path):
        with Butler.create(tmp_path / "source", datastore=ALONE) as butler:
            fill_source(butler)
            yield butler

    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "empty", datastore=ALONE) as butler:
            yield butler


@pytest.mark.slow
class TestFromSinkToFiles(TestBetweenSinks):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "empty") as butler:
            yield butler


@pytest.mark.slow
class TestFromFilesToSinkOnPostgres(TestBetweenSinks):
    @pytest.fixture
    def source(self, tmp_path):
        with Butler.create(tmp_path / "source") as butler:
            fill_source(butler)
            yield butler

    @pytest.fixture
    def empty(self, tmp_path, postgres_url):
        with Butler.create(tmp_path / "empty", database=postgres_url, datastore=ALONE) as butler:
            yield butler


def test_what_comes_into_a_sink_is_in_its_rows_and_no_file(source, empty, tmp_path):
    empty.transfers.take(source.transfers.parcel())
    assert files(tmp_path / "empty") == []
    count = "SELECT count(*) FROM v1_metric"
    assert empty.sql(count).rows == source.sql(count).rows != [(0,)]


def test_it_leaves_a_sink_as_files(source, tmp_path):
    refs = list(source.query_datasets("bias", "run1"))
    paths = source.retrieve_artifacts(refs, tmp_path / "out")
    assert {path.suffix for path in paths} == {".json"}
    manifest = source.export(tmp_path / "export")
    with Butler.create(tmp_path / "other") as other:
        other.import_(tmp_path / "export")
        assert things(other) == things(source)
        assert len(files(tmp_path / "other")) == manifest.datasets


def test_a_dump_has_it_and_is_loaded_into_a_sink_again(source, tmp_path):
    source.dump(tmp_path / "dump")
    with Butler.load(tmp_path / "dump", tmp_path / "again") as again:
        assert things(again) == things(source)
        assert again.check(deep=True).is_clean
        count = "SELECT count(*) FROM v1_metric"
        assert again.sql(count).rows == source.sql(count).rows


def test_a_copy_of_the_database_on_a_server_has_it(source, tmp_path, postgres_url):
    from bunter.butler.cloning import clone_registry

    before = things(source)
    clone_registry(tmp_path / "source", postgres_url, switch=True)
    with Butler(tmp_path / "source", run="run1") as moved:
        assert things(moved) == before
        assert moved.sql("SELECT count(*) FROM v1_metric").rows != [(0,)]


def test_an_overlay_has_it_and_what_its_release_gets_later(source, tmp_path):
    overlay_repository(tmp_path / "source", tmp_path / "mine")
    new = source.put({"d": 9}, "bias", instrument="Cam", detector=2, run="run1")
    refresh_overlay(tmp_path / "source", tmp_path / "mine")
    with Butler(tmp_path / "mine", run="mine") as mine:
        assert things(mine) == things(source)
        assert mine.get(new) == {"d": 9}
        mine.remove_runs("run1", unlink_from_chains=True)
    assert source.get(new) == {"d": 9}


def test_a_file_that_is_moved_in_goes_once_it_is_in_the_database(empty, tmp_path):
    from bunter.dataset import DatasetRef, FileDataset
    from bunter.values import new_id

    fill_small_camera(empty)
    put_thing(empty, 0, 0, run="run1")
    path = tmp_path / "t.json"
    path.write_text('{"x": 1}')
    data_id = empty.standardize(
        {"instrument": "Cam", "exposure": 1, "detector": 0}, ["instrument", "exposure", "detector"]
    )
    ref = DatasetRef(new_id(), empty.dataset_types.get("thing"), data_id, "run1")
    empty.ingest(FileDataset(str(path), [ref]), transfer="move")
    assert empty.get(ref) == {"x": 1}
    assert not path.exists()
    assert files(tmp_path / "empty") == []
