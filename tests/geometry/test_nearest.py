"""Which regions are nearest, and how far away."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.geometry import Region, nearest


def sampled_distance(corners, ra, dec):
    """Distance to the border in degrees, by trying many points on it."""

    def vector(position):
        a, d = map(math.radians, position)
        return np.array([math.cos(a) * math.cos(d), math.sin(a) * math.cos(d), math.sin(d)])

    target = vector((ra, dec))
    steps = np.linspace(0, 1, 2001)[:, None]
    best = math.pi
    for begin, end in pairwise([*corners, corners[0]]):
        points = vector(begin) * (1 - steps) + vector(end) * steps
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        best = min(best, float(np.arccos(np.clip(points @ target, -1, 1)).min()))
    return math.degrees(best)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 359), st.floats(-80, 80), st.floats(0.01, 2), st.floats(0, 359), st.floats(-85, 85))
def test_a_polygon_is_as_far_as_the_nearest_point_of_its_border(ra, dec, size, other_ra, other_dec):
    width = size / math.cos(math.radians(dec))
    corners = [(ra, dec), (ra + width, dec), (ra + width, dec + size), (ra, dec + size)]
    region = Region.polygon(corners)
    target = Region.point(other_ra, other_dec)
    [(place, distance)] = nearest([region.encode()], target.encode())
    assert place == 0
    if region.contains(other_ra, other_dec):
        assert distance == 0
    else:  # points on the border stand up to 0.002 deg apart; bounding circles are padded by 5e-8 rad
        assert distance == pytest.approx(sampled_distance(corners, other_ra, other_dec), abs=2e-3)


def test_the_nearest_come_first_and_a_circle_ends_at_its_border():
    regions = [Region.circle(ra, 0, 0.5).encode() for ra in (30, 10, 20)]
    found = nearest(regions, Region.circle(5, 0, 1).encode(), 2)
    assert [place for place, _ in found] == [1, 2]
    assert [distance for _, distance in found] == pytest.approx([3.5, 13.5], abs=1e-4)


def test_what_overlaps_is_no_distance_away_and_nothing_is_found_in_nothing():
    assert nearest([Region.circle(5, 5, 1).encode()], Region.point(5, 5).encode()) == [(0, 0.0)]
    assert nearest([], Region.point(5, 5).encode()) == []
