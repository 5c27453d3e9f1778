"""Regions: round trips, relations, and bulk overlaps that equal the sum of single ones."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.errors import FormatError
from bunter.geometry import Region, caps, overlapping_pairs
from bunter.geometry import overlap as _overlap
from bunter.geometry.shapes import decode, sphgeom

ras = st.floats(0, 360, exclude_max=True)
decs = st.floats(-89, 89)


def square(ra, dec, size, turn=0.0):
    """Square around a position with sides of about ``size`` degrees, turned by some degrees."""
    lon, lat, angle = np.radians([ra, dec, turn])
    centre = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    north = np.cross(centre, east)
    half = np.tan(np.radians(size / 2))
    x, y = np.cos(angle) * east + np.sin(angle) * north, np.cos(angle) * north - np.sin(angle) * east
    return Region.from_vectors([centre + half * (i * x + j * y) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))])


@st.composite
def regions(draw, *, near=True):
    ra, dec = (draw(st.floats(355, 365)) % 360, draw(st.floats(-5, 5))) if near else (draw(ras), draw(decs))
    size = draw(st.floats(0.1, 4))
    kind = draw(st.sampled_from(["circle", "box", "square", "point", "union"]))
    if kind == "circle":
        return Region.circle(ra, dec, size)
    if kind == "box":
        return Region.box(ra, dec, size, draw(st.floats(0.1, 4)))
    if kind == "point":
        return Region.point(ra, dec)
    if kind == "union":
        return Region.circle(ra, dec, size / 3).union(square(ra, min(dec + 3, 89), size / 3))
    return square(ra, dec, size, draw(st.floats(0, 90)))


@given(regions(near=False))
def test_encoding_and_decoding_give_the_region_back(region):
    again = Region.decode(region.encode())
    assert again == region
    assert hash(again) == hash(region)
    assert again.encode() == region.encode()
    assert pickle.loads(pickle.dumps(region)) == region
    assert region.overlaps(region)
    assert "Region" in repr(region)


def test_bytes_that_are_no_region_are_refused():
    for nonsense in (b"", b"hello", b"p123"):
        with pytest.raises(FormatError, match="not an encoded region"):
            Region.decode(nonsense)


@settings(max_examples=60)
@given(st.lists(regions(), max_size=12), st.lists(regions(), max_size=12))
def test_bulk_overlaps_are_the_single_ones(a, b):
    left, right = overlapping_pairs([each.encode() for each in a], [each.encode() for each in b])
    expected = [(i, j) for i, one in enumerate(a) for j, other in enumerate(b) if one.overlaps(other)]
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert left.dtype == right.dtype == np.int64


def test_bulk_overlaps_over_the_whole_sky_are_the_single_ones():
    rng = np.random.default_rng(5)
    turn = np.degrees(np.arcsin(rng.uniform(-1, 1, 300)))
    some = [square(*each) for each in zip(rng.uniform(0, 360, 300), turn, rng.uniform(0.05, 20, 300), strict=True)]
    some += [Region.circle(30, 40, 100), Region.box(200, 0, 360, 20), Region.point(0, 90)]
    encoded = [each.encode() for each in some]
    left, right = overlapping_pairs(encoded, encoded)
    expected = {(i, j) for i, one in enumerate(some) for j, other in enumerate(some) if one.overlaps(other)}
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected


def test_many_small_regions_go_through_the_grid():
    rng = np.random.default_rng(6)
    a = [square(ra, dec, 0.3, 30) for ra, dec in rng.uniform(-3, 3, (300, 2)).tolist()]
    b = [square(ra % 360, dec, 0.2) for ra, dec in rng.uniform(-3, 3, (300, 2)).tolist()]
    left, right = overlapping_pairs([each.encode() for each in a], [each.encode() for each in b])
    expected = {(i, j) for i, one in enumerate(a) for j, other in enumerate(b) if one.overlaps(other)}
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert len(expected) > 100


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.sampled_from([1e-4, 0.1, 0.5, 1.0]), st.integers(3, 7)),
        max_size=8,
    ),
    st.sampled_from([(0.0, 0.0), (359.9, 88.0), (120.0, -60.0)]),
    st.integers(0, 3),
)
def test_bulk_overlaps_of_convex_polygons_are_those_of_sphgeom(shapes, place, touching):
    polygons = [ngon(place[0] + x, place[1] + y, size, corners) for x, y, size, corners in shapes]
    for one in polygons[:touching]:  # neighbours that share a corner and parts of two edges, and some of the same
        a, b, c = one.corners()[:3]
        polygons += [one, Region.polygon([a, b, c]), Region.polygon([c, b, beyond(a, b)])]
    encoded = [each.encode() for each in polygons]
    left, right = overlapping_pairs(encoded, encoded)
    module = sphgeom()
    shape = [decode(each) for each in encoded]
    expected = [
        (i, j)
        for i, one in enumerate(shape)
        for j, other in enumerate(shape)
        if not one.relate(other) & module.DISJOINT
    ]
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == expected


def test_polygons_that_do_not_touch_another_are_told_without_sphgeom(monkeypatch):
    monkeypatch.setattr(_overlap, "_one_by_one", refuse_pairs)
    grid = [square(x, y, 0.3, 10) for x in range(5) for y in range(5)]
    encoded = [each.encode() for each in grid]
    left, right = overlapping_pairs(encoded, [square(2.1, 2, 1.0).encode(), square(3.5, 3.5, 0.4, 45).encode()])
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(12, 0)]


def refuse_pairs(_first, _second, left, _right):
    assert not len(left)
    return np.zeros(0, bool)


def ngon(ra, dec, size, corners):
    """Regular polygon around a position, its corners ``size`` degrees away."""
    lon, lat = np.radians([ra, dec])
    centre = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    north = np.cross(centre, east)
    turns = np.arange(corners) * 2 * np.pi / corners
    far = np.tan(np.radians(size))
    return Region.from_vectors([centre + far * (np.cos(t) * east + np.sin(t) * north) for t in turns])


def beyond(a, b):
    """Return the point as far on the other side of ``b`` as ``a`` is on this side."""
    one, other = (
        np.array([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)]) for x, y in (np.radians(a), np.radians(b))
    )
    x, y, z = 2 * (one @ other) * other - one
    return math.degrees(math.atan2(y, x)) % 360, math.degrees(math.asin(z))


def test_no_regions_have_no_overlaps():
    left, right = overlapping_pairs([], [Region.point(0, 0).encode()])
    assert (len(left), len(right)) == (0, 0)
    assert caps([]).shape == (0, 4)


@given(regions(near=False))
def test_the_cap_holds_the_region(region):
    x, y, z, angle = caps([region.encode()])[0]
    for ra, dec in region.corners():
        lon, lat = math.radians(ra), math.radians(dec)
        point = (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))
        chord = math.dist(point, (x, y, z))
        if region.contains(ra, dec):
            assert 2 * math.asin(min(1, chord / 2)) <= angle


@settings(max_examples=200)
@given(
    ras,
    st.floats(-80, 80),
    st.floats(0.5, 60),
    st.floats(0.5, 20),
    st.floats(-15, 15),
    st.floats(-15, 15),
    st.floats(0, 90),
)
def test_a_box_overlaps_a_polygon_if_a_fine_net_of_points_says_so(ra, dec, width, height, dx, dy, turn):  # noqa: PLR0917
    box = Region.box(ra, dec, width, height)
    polygon = square((ra + dx) % 360, max(-89, min(89, dec + dy)), 3, turn)
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, 60), np.linspace(-0.5, 0.5, 60))
    lon, lat = ra + width * u.ravel(), np.clip(dec + height * v.ravel(), -90, 90)
    if polygon.contains(lon, lat).any():
        assert box.overlaps(polygon)
        assert polygon.overlaps(box)
    if not box.overlaps(polygon):
        corners = polygon.corners()
        edges = np.array([corners, corners[1:] + corners[:1]])
        assert not any(box.contains(*corner) for corner in edges[0])


def test_boxes_are_bounded_by_parallels_not_by_great_circles():
    # A great circle between two points at declination 60, 90 degrees apart, climbs to 67.8 degrees.
    box = Region.box(45, 62, 90, 4)
    assert box.contains(45.0, 63.9)
    assert not box.contains(45.0, 64.1)
    above = square(45, 65.0, 1)
    assert not box.overlaps(above)
    assert box.overlaps(square(45, 64.4, 1))


def test_boxes_may_pass_the_zero_meridian_and_go_all_the_way_round():
    assert Region.box(0, 0, 10, 10).contains(356.0, 0.0)
    assert Region.box(0, 80, 360, 20).contains(123.0, 89.9)
    assert Region.box(0, 89, 360, 10).overlaps(square(77, 85, 1))


def test_regions_know_points_and_other_regions():
    region = square(10, 20, 2)
    assert region.contains(10.0, 20.0) is True
    assert region.contains(np.array([10.0, 15.0]), np.array([20.0, 20.0])).tolist() == [True, False]
    assert region.contains_region(Region.circle(10, 20, 0.5))
    assert not region.contains_region(Region.circle(10, 20, 1.5))
    assert region.centre() == pytest.approx((10, 20))
    assert len(region.corners()) == 4
    assert len(Region.circle(0, 0, 1).corners()) == 32
    assert Region.box(350, 0, 10, 4).centre() == pytest.approx((350, 0))


def test_unions_hold_what_their_parts_hold():
    both = Region.circle(0, 0, 1).union(Region.circle(90, 0, 1))
    assert both.contains(0.0, 0.5)
    assert both.contains(90.0, 0.5)
    assert not both.overlaps(Region.circle(45, 0, 1))
    assert both.overlaps(Region.circle(91.5, 0, 1))


def test_ivoa_texts_are_read():
    assert Region.from_pos("CIRCLE 10 20 1") == Region.circle(10, 20, 1)
    assert Region.from_pos("RANGE 1 2 3 4").contains(1.5, 3.5)
    assert Region.from_pos("POLYGON 0 0 1 0 1 1").to_pos().startswith("POLYGON")
    with pytest.raises(ValueError, match="not an IVOA region"):
        Region.from_pos("CIRCEL 1 2 3")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Region.circle(0, 91, 1),
        lambda: Region.circle(0, 0, -1),
        lambda: Region.circle(math.nan, 0, 1),
        lambda: Region.box(0, 0, 400, 1),
        lambda: Region.polygon([(0, 0), (1, 1)]),
        lambda: Region.polygon([(0, 0), (90, 0), (180, 0), (270, 0)]),
    ],
)
def test_impossible_regions_are_refused(make):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        make()
