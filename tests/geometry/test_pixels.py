"""Sky pixels: positions and regions to pixels, and back."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.errors import DimensionNameError
from bunter.geometry import Region, skypix

NAMES = st.sampled_from(["htm1", "htm4", "htm7", "healpix1", "healpix5", "healpix9"])


@settings(max_examples=50)
@given(NAMES, st.floats(0, 359.9), st.floats(-90, 90))
def test_a_position_lies_in_its_pixel_and_in_the_parents(name, ra, dec):
    pixels = skypix(name)
    pixel = pixels.pixel_at(ra, dec)
    assert pixels.region(pixel).overlaps(Region.circle(ra, dec, 1e-6))
    coarse = skypix(f"{pixels.system}{pixels.level - 1}") if pixels.level > 1 else pixels
    assert coarse.pixel_at(ra, dec) == pixels.parent(pixel, pixels.level - coarse.level)


@settings(max_examples=50)
@given(NAMES, st.floats(0, 359.9), st.floats(-90, 90))
def test_a_point_is_in_the_pixel_that_holds_it_and_in_few_others(name, ra, dec):
    pixels = skypix(name)
    found = pixels.pixels_of(Region.point(ra, dec))
    assert pixels.pixel_at(ra, dec) in found
    assert len(found) <= 8


@pytest.mark.parametrize("name", ["htm1", "htm7", "htm20", "healpix1", "healpix5", "healpix17"])
def test_many_positions_have_the_pixels_of_each(name):
    rng = np.random.default_rng(3)
    ra = np.concatenate([rng.uniform(0, 360, 400), [0, 0, 90, 180, 270, 45, 0.0, 360.0]])
    dec = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, 400))), [90, -90, 0, 0, 0, 41.8103149, 0.0, 10.0]])
    pixels = skypix(name)
    single = [pixels.pixel_at(a, d) for a, d in zip(ra.tolist(), dec.tolist(), strict=True)]
    assert pixels.pixels_at(ra, dec).tolist() == single


@settings(max_examples=30)
@given(st.sampled_from(["htm5", "healpix4"]), st.floats(0, 359), st.floats(-80, 80), st.floats(0.1, 5))
def test_the_pixels_of_a_region_are_those_that_overlap_it(name, ra, dec, radius):
    pixels, region = skypix(name), Region.circle(ra, dec, radius)
    found = pixels.pixels_of(region)
    assert found == sorted(set(found))
    assert all(pixels.region(pixel).overlaps(region) for pixel in found)
    rng = np.random.default_rng(1)
    a, d = ra + rng.uniform(-10, 10, 300), np.clip(dec + rng.uniform(-6, 6, 300), -90, 90)
    inside = np.asarray(region.contains(a, d))
    assert set(pixels.pixels_at(a[inside], d[inside]).tolist()) <= set(found)


def test_an_unknown_pixelization_or_pixel_is_refused():
    for name in ("htm25", "q3c7", "htm", "healpix18"):
        with pytest.raises(DimensionNameError, match="healpix9"):
            skypix(name)
    with pytest.raises(ValueError, match="no pixel"):
        skypix("htm7").region(1)


def test_pixelizations_pickle():
    assert pickle.loads(pickle.dumps(skypix("htm7"))) == skypix("htm7")
