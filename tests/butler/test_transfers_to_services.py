"""Transfers to a storage service: files are sent while they are read, and nothing stays of what was not right."""

import subprocess
import sys

import numpy as np
import pytest

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions
from bunter.errors import FileIntegrityError

SIZES = {0: 5, 1: 1_500_000, 2: 3_000_000}  # numbers of eight bytes; the last is larger than what is sent whole
DATA_ID = {"instrument": "Cam"}


@pytest.fixture
def near(tmp_path):
    with Butler.create(tmp_path / "near") as butler:
        fill_dimensions(butler)
        butler.dataset_types.register("array", ["instrument", "detector"], "NumpyArray")
        butler.collections.register("run1")
        for detector, size in SIZES.items():
            butler.put(np.arange(size), "array", DATA_ID, detector=detector, run="run1")
        yield butler


def refs_of(butler):
    return list(butler.query_datasets("array", "run1"))


def new_place(address, tmp_path, name="far"):
    return Butler.create(address, database=str(tmp_path / f"{name}.sqlite3"))


def is_the_same(butler):
    return [len(butler.get("array", DATA_ID, detector=n, collections="run1")) for n in SIZES] == list(SIZES.values())


def test_small_and_large_files_arrive_whole_and_are_told(near, s3_place, tmp_path):
    told = []
    with new_place(s3_place, tmp_path) as far:
        far.transfer_from(near, refs_of(near), transfer="copy", progress=told.append)
        assert is_the_same(far)
        assert far.check(deep=True).is_clean
    assert (told[-1].artifacts, told[-1].done) == (3, sum(near.get_uri(ref).size for ref in refs_of(near)))


@pytest.mark.parametrize("detector", SIZES)
def test_a_damaged_file_is_refused_and_nothing_stays_in_the_service(detector, near, s3_place, s3_server, tmp_path):
    path = near.get_uri("array", DATA_ID, detector=detector, collections="run1").path
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    with new_place(s3_place, tmp_path) as far:
        with pytest.raises(FileIntegrityError, match="is not what was recorded of it"):
            far.transfer_from(near, refs_of(near), transfer="copy")
        assert far.check().is_clean
    assert [name for name in s3_server.objects(s3_place) if "array" in name] == []


def test_small_and_large_objects_go_from_one_service_to_another(near, s3_place, s3_server, tmp_path, monkeypatch):
    (tmp_path / "endpoints.yaml").write_text(f"site: {{endpoint: '{s3_server.url}'}}\n")
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
    elsewhere = s3_server.new_place().replace("s3://", "s3://site@")
    with new_place(s3_place, tmp_path) as far, new_place(elsewhere, tmp_path, "farther") as farther:
        far.transfer_from(near, refs_of(near), transfer="copy")
        farther.transfer_from(far, refs_of(far), transfer="copy")
        assert is_the_same(farther)
        assert farther.check(deep=True).is_clean


def test_many_small_objects_are_read_and_damage_of_one_is_told(near, s3_place, s3_server, tmp_path):
    with new_place(s3_place, tmp_path) as far:
        far.transfer_from(near, refs_of(near), transfer="copy")
        small = far.find_dataset("array", DATA_ID, detector=0, collections="run1")
        assert [len(found) for found in far.get_many([small, small])] == [5, 5]
        path = s3_server.folder / "data" / str(far.get_uri(small)).removeprefix("s3://")
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b"\xff")
        with pytest.raises(FileIntegrityError, match="its digest differs"):
            list(far.get_many([small]))


_SENDS = """
import sys
from bunter.datastore.bucket import Upload
from bunter.datastore.services import open_bucket
from bunter.errors import StoreUnavailableError
try:
    open_bucket("s3://bucket/x").write_many([Upload("k", bytes(9_000_000), 9_000_000)])
except StoreUnavailableError:
    sys.exit(3)
"""


def test_a_process_that_ends_right_after_a_refusal_is_not_aborted(monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run([sys.executable, "-c", _SENDS], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (3, "")
