"""Artifacts read once and forwards: from every kind of store, compared on the way, and to the end if a service falters."""

import os

import numpy as np
import pytest
import xxhash

from bunter import Butler
from bunter.contracts.artifact_store import put
from bunter.contracts.small_camera import fill_dimensions
from bunter.datastore.bucket import Upload
from bunter.datastore.forward import Forward, chunks_of
from bunter.datastore.intents import MemoryJournal
from bunter.datastore.local import LocalStore
from bunter.datastore.memory import MemoryStore
from bunter.datastore.object_store import ObjectStore
from bunter.datastore.services import open_bucket
from bunter.errors import FileIntegrityError, KeyMissingError

CONTENT = os.urandom(3_000_000)


@pytest.fixture(params=["local", "memory", "s3", "webdav"])
def store(request, tmp_path):
    if request.param == "local":
        return LocalStore(tmp_path)
    if request.param == "memory":
        return MemoryStore()
    place = request.getfixturevalue("s3_place" if request.param == "s3" else "webdav_folder")
    return ObjectStore(open_bucket(place), MemoryJournal())


def test_every_store_gives_an_artifact_in_pieces_and_into_memory(store):
    key = "a/b.bin"
    put(store, {key: CONTENT})
    assert b"".join(chunks_of(store, key, len(CONTENT))) == CONTENT
    assert b"".join(chunks_of(store, key, -1)) == CONTENT
    coming, wanted = Forward(store, key, len(CONTENT)), bytearray(1_500_000)
    coming.skip(1_000_000)
    assert coming.readinto(memoryview(wanted)) == 1_500_000
    assert wanted == CONTENT[1_000_000:2_500_000]
    assert coming.readinto(memoryview(wanted)) == 500_000
    assert coming.digest == xxhash.xxh3_128_digest(CONTENT)
    coming.close()


def test_what_is_gone_is_said_to_be(store):
    put(store, {"a/b.bin": b"x"})
    with pytest.raises(KeyMissingError):
        list(chunks_of(store, "a/c.bin", -1))
    with pytest.raises(KeyMissingError):
        Forward(store, "a/c.bin", 10).readinto(memoryview(bytearray(10)))


class Faltering:
    """An answer that breaks off after a part."""

    def __init__(self, answer, error):
        self._answer, self._error = answer, error
        self.range = answer.range

    def stream(self, min_chunk_size):
        yield next(iter(self._answer.stream(min_chunk_size=min_chunk_size)))
        raise self._error


def test_an_answer_that_breaks_off_is_taken_up_again(s3_place, monkeypatch):
    from bunter.datastore import obstore_bucket

    bucket, content = open_bucket(s3_place), os.urandom(20_000_000)
    bucket.write_many([Upload("big", content, len(content))])
    get, asked = obstore_bucket.obstore.get, []

    def faltering(service, key):
        asked.append(key)
        answer = get(service, key)
        return Faltering(answer, OSError("connection lost")) if len(asked) == 1 else answer

    monkeypatch.setattr(obstore_bucket.obstore, "get", faltering)
    assert b"".join(bucket.chunks("big")) == content


@pytest.fixture
def butler(tmp_path):
    with Butler.create(tmp_path / "repo") as made:
        fill_dimensions(made)
        made.dataset_types.register("array", ["instrument", "detector"], "NumpyArray")
        made.collections.register("run1")
        yield made


@pytest.mark.parametrize(
    "array",
    [
        np.arange(400_000.0),
        np.asfortranarray(np.arange(600_000, dtype="i4").reshape(1000, 600)),
        np.zeros(300_000, [("a", "i4"), ("b", "f8")]),
        np.array("x" * 400_000),
        np.zeros((0, 7)),
    ],
    ids=["numbers", "fortran", "structured", "text", "empty"],
)
def test_an_array_comes_back_as_it_was_and_may_be_changed(butler, array):
    ref = butler.put(array, "array", instrument="Cam", detector=0, run="run1")
    found = butler.get(ref)
    assert found.dtype == array.dtype
    assert found.flags.f_contiguous == array.flags.f_contiguous
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable


@pytest.mark.parametrize("place", [10, 130, 2_000_000, -1])
def test_a_bit_that_turned_over_is_found_wherever_it_is(butler, place):
    ref = butler.put(np.arange(400_000.0), "array", instrument="Cam", detector=0, run="run1")
    path = butler.get_uri(ref).path
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileIntegrityError):
        butler.get(ref)


@pytest.mark.parametrize("more", [b"", b"x" * 5])
def test_a_file_of_another_length_is_found(butler, more):
    ref = butler.put(np.arange(400_000.0), "array", instrument="Cam", detector=0, run="run1")
    path = butler.get_uri(ref).path
    path.write_bytes(path.read_bytes()[:-1] + more)
    with pytest.raises(FileIntegrityError, match="were recorded"):
        butler.get(ref)
