"""Cutouts from a storage service on loopback: right, and in few requests."""

import numpy as np
import pytest
from astropy.nddata import CCDData

from bunter.dataset import StoredArtifact
from bunter.datastore import ReadRequest, format_of
from bunter.datastore.intents import MemoryJournal
from bunter.datastore.object_store import ObjectStore
from bunter.datastore.reading import read_artifact
from bunter.datastore.services import open_bucket
from bunter.values import Durability


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
