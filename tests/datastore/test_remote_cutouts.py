"""Cutouts from a storage service on loopback: right, and in few requests."""

import threading
from functools import partial
from http.server import ThreadingHTTPServer

import numpy as np
import pytest
from astropy.nddata import CCDData

from bunter.dataset import StoredArtifact
from bunter.datastore import ReadRequest, format_of
from bunter.datastore.bucket import Upload
from bunter.datastore.intents import MemoryJournal
from bunter.datastore.object_store import ObjectStore
from bunter.datastore.reading import read_artifact
from bunter.datastore.services import open_bucket
from bunter.values import Durability
from file_server import WithRanges
from object_store_servers import Storm


@pytest.mark.parametrize("recipe", ["fits", "fits:lossless", "hdf5", "zarr"])
def test_a_box_is_cut_out_of_an_image_in_a_service(s3_place, recipe):
    pytest.importorskip({"hdf5": "h5py", "zarr": "zarr"}.get(recipe, "astropy"))
    pixels = np.random.default_rng(3).normal(1000, 5, (1024, 1024)).astype("f4")
    form = format_of(recipe)
    content = form.to_bytes(CCDData(pixels, unit="adu"))
    store = ObjectStore(open_bucket(s3_place), MemoryJournal())
    staged = store.stage(store.own(), f"image{form.extension}", content)
    store.publish([staged], Durability.full)
    digests = staged.digests
    stored = StoredArtifact(
        bytes(16), "", staged.key, "main", staged.size, digests.sha256, digests.xxh3, form.name, 1, True, ""
    )
    asked = []
    read = store.read
    store.read = lambda key, ranges=None: asked.append(ranges) or read(key, ranges)
    cut = read_artifact(store, stored, ReadRequest("astropy.nddata:CCDData", None, {"bbox": (300, 400, 400, 500)}))
    assert np.array_equal(cut.data, pixels[400:500, 300:400])
    assert all(ranges for ranges in asked)
    assert len(asked) <= 12
    assert sum(piece.size for ranges in asked for piece in ranges) < (0.04 if recipe == "fits" else 0.35) * len(content)


@pytest.mark.parametrize("place", ["google_place", "s3_place"])
def test_rows_of_an_image_without_tiles_are_joined_as_long_as_little_moves(place, request):
    pixels = np.random.default_rng(3).normal(1000, 5, (2000, 2000)).astype("f4")
    content = format_of("fits").to_bytes(CCDData(pixels, unit="adu"))
    store = ObjectStore(open_bucket(request.getfixturevalue(place)), MemoryJournal())
    staged = store.stage(store.own(), "image.fits", content)
    store.publish([staged], Durability.full)
    digests = staged.digests
    stored = StoredArtifact(
        bytes(16), "", staged.key, "main", staged.size, digests.sha256, digests.xxh3, "fits", 1, True, ""
    )
    asked = []
    read = store.read
    store.read = lambda key, ranges=None: asked.extend(ranges) or read(key, ranges)
    for box, requests in {(1000, 500, 1020, 520): 10, (300, 400, 500, 600): 175}.items():
        asked.clear()
        cut = read_artifact(store, stored, ReadRequest("astropy.nddata:CCDData", None, {"bbox": box}))
        assert np.array_equal(cut.data, pixels[box[1] : box[3], box[0] : box[2]])
        assert sum(piece.size for piece in asked) < 0.03 * len(content)
        assert len(asked) < requests


@pytest.fixture(scope="module", params=["fits", "fits:lossless"])
def large_image(request, tmp_path_factory):
    """A file of 200 MB, or what is left of it when its tiles are compressed, with its pixels."""
    pixels = np.random.default_rng(3).normal(1000, 5, (7168, 7168)).astype("f4")
    path = tmp_path_factory.mktemp("www") / "image.fits"
    path.write_bytes(format_of(request.param).to_bytes(CCDData(pixels, unit="adu")))
    return path, pixels


@pytest.fixture(params=["s3", "http"])
def image_afar(request, large_image):
    """Address and counter of a service that has the file."""
    place, port = request.getfixturevalue("s3_place"), request.getfixturevalue("web_of_files").server_port
    if request.param == "s3":
        port, path = request.getfixturevalue("s3_server").port, large_image[0]
        open_bucket(place).write_many([Upload(path.name, path, path.stat().st_size)])
    with Storm(port, share=0) as counter:
        request.getfixturevalue("monkeypatch").setenv("AWS_ENDPOINT_URL", counter.url)
        yield place if request.param == "s3" else counter.url, counter


@pytest.fixture
def web_of_files(large_image):
    """A web server that has the file."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(WithRanges, directory=str(large_image[0].parent)))
    server.sent = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_hundredth_of_200_mb_moves_less_than_three_hundredths_over_the_wire(image_afar, large_image):
    (path, pixels), (address, counter) = large_image, image_afar
    store, size = ObjectStore(open_bucket(address), MemoryJournal()), path.stat().st_size
    stored = StoredArtifact(bytes(16), "", path.name, "main", size, None, None, "fits", 1, True, "")
    cut = read_artifact(store, stored, ReadRequest("astropy.nddata:CCDData", None, {"bbox": (3003, 3005, 3720, 3722)}))
    assert np.array_equal(cut.data, pixels[3005:3722, 3003:3720])
    assert 0 < counter.moved < 0.03 * size
