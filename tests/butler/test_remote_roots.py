"""Repositories in a storage service."""

import pickle
from urllib.request import urlopen

import pytest

from bunter import Butler, FileDataset
from bunter.contracts.repository import RepositoryContract
from bunter.contracts.small_camera import fill_small_camera
from bunter.dataset import DatasetRef
from bunter.datastore.bucket import Upload
from bunter.datastore.check import quarantine
from bunter.errors import ConfigurationError, IngestError, RepositoryExistsError, RepositoryNotFoundError
from bunter.values import new_id


class TestInS3(RepositoryContract):
    @pytest.fixture
    def empty(self, s3_place, tmp_path):
        with Butler.create(f"{s3_place}/repo", database=str(tmp_path / "registry.sqlite3")) as butler:
            yield butler


@pytest.mark.slow
class TestInS3OnPostgres(RepositoryContract):
    @pytest.fixture
    def empty(self, s3_place, postgres_url):
        with Butler.create(f"{s3_place}/repo", database=postgres_url) as butler:
            yield butler


class TestInWebDAV(RepositoryContract):
    @pytest.fixture
    def empty(self, webdav_folder, tmp_path):
        with Butler.create(f"{webdav_folder}/repo", database=str(tmp_path / "registry.sqlite3")) as butler:
            yield butler


@pytest.fixture
def root(s3_place, tmp_path):
    address = f"{s3_place}/repo"
    with Butler.create(address, database=str(tmp_path / "elsewhere" / "registry.sqlite3")) as butler:
        fill_small_camera(butler)
    return address


KEY = {"instrument": "Cam", "exposure": 0, "detector": 0}


def test_a_repository_in_s3_is_opened_by_its_address_or_its_file(root):
    with Butler(root, run="run1") as butler:
        butler.put({"n": 1}, "thing", KEY)
    for address in (root, f"{root}/", f"{root}/bunter.yaml"):
        with Butler(address) as butler:
            assert butler.get("thing", KEY) == {"n": 1}
            assert pickle.loads(pickle.dumps(butler)).get("thing", KEY) == {"n": 1}


def test_what_is_in_the_way_or_missing_is_said(root, s3_place, tmp_path):
    with pytest.raises(RepositoryExistsError, match="is a repository already"):
        Butler.create(root, database=str(tmp_path / "other.sqlite3"))
    with pytest.raises(RepositoryNotFoundError, match=r"bunter create s3://\S+ --database"):
        Butler(f"{s3_place}/nothing")
    with pytest.raises(ConfigurationError, match="--database"):
        Butler.create(f"{s3_place}/new")
    with pytest.raises(ConfigurationError, match="may hold no password"):
        Butler.create("s3://key:secret@bucket/new", database=str(tmp_path / "x.sqlite3"))


def ingest(root, paths, transfer):
    with Butler(root) as butler:
        kind = butler.dataset_types.get("thing")
        data_ids = [butler.standardize({**KEY, "exposure": n}, kind.dimensions.required) for n in range(len(paths))]
        files = [
            FileDataset(str(path), [DatasetRef(new_id(), kind, data_id, "run1")])
            for path, data_id in zip(paths, data_ids, strict=True)
        ]
        butler.ingest(*files, transfer=transfer)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"f{n}.json" for n in range(3)]
    for number, path in enumerate(paths):
        path.write_text(f'{{"n": {number}}}')
    return paths


@pytest.mark.parametrize("transfer", ["copy", "move", "direct", "auto"])
def test_files_come_in_and_go(root, files, transfer):
    ingest(root, files, transfer)
    assert [path.exists() for path in files] == [transfer != "move"] * 3
    with Butler(root) as butler:
        refs = list(butler.query_datasets("thing", "*"))
        assert sorted(butler.get(ref)["n"] for ref in refs) == [0, 1, 2]
        assert butler.check(deep=True).is_clean
        butler.remove_datasets(refs)
        assert butler.check().is_clean
    assert [path.exists() for path in files] == [transfer != "move"] * 3


def test_a_link_cannot_reach_into_a_store(root, files):
    with pytest.raises(IngestError, match="use copy, move or direct"):
        ingest(root, files, "hardlink")


def test_an_artifact_is_opened_by_a_signed_address_and_in_ranges(root):
    with Butler(root, run="run1") as butler:
        ref = butler.put({"n": 1}, "thing", KEY)
        uri = butler.get_uri(ref)
        assert uri.exists()
        assert str(uri).startswith(f"{root}/data/run1/")
        with urlopen(uri.sign(60)) as answer:
            assert answer.read() == uri.read()
        assert uri.read_range(1, 3) == uri.read()[1:4]


def test_orphans_are_found_and_set_aside(root):
    with Butler(root, run="run1") as butler:
        store = butler.datastore.stores["main"]
        store.bucket.write_many([Upload("run1/stray", b"x", 1)])
        report = butler.check()
        assert [finding.key for finding in report.findings] == ["run1/stray"]
        assert quarantine(butler.datastore, report, older_than_s=0) == ["run1/stray"]
        assert butler.check().is_clean


def test_a_folder_may_keep_its_artifacts_in_s3(s3_place, tmp_path):
    with Butler.create(tmp_path / "repo", datastore={"root": f"{s3_place}/artifacts"}) as butler:
        fill_small_camera(butler)
        ref = butler.put({"n": 1}, "thing", KEY, run="run1")
        assert str(butler.get_uri(ref)).startswith(f"{s3_place}/artifacts/run1/")
