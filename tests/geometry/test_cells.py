"""Cells of the sky: whatever meets a circle lies in the ranges that the circle asks for."""

import math
from itertools import pairwise

import numpy as np
import pytest

from bunter.geometry.cells import DEEPEST, WHOLE_SKY, cells_near, cells_of


def circles(count, seed, *, widest=1.5):
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(count, 3))
    vectors[: count // 4] = np.sign(vectors[: count // 4])  # edges and corners of the cube
    vectors[count // 8 : count // 4, 0] *= 1 + 1e-15
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    angles = widest * 10 ** draw.uniform(-8, 0, count)
    return np.column_stack([vectors, angles])


def within(cells, ranges):
    return np.any([(cells >= begin) & (cells <= end) for begin, end in ranges], axis=0)


@pytest.mark.parametrize("seed", range(20))
def test_all_that_can_meet_a_circle_lies_in_its_ranges(seed):
    known, asked = circles(4000, seed), circles(12, seed + 100)
    asked[0, 3] = 0.0
    cells = cells_of(known)
    for circle in asked:
        distance = 2 * np.arcsin(np.clip(np.linalg.norm(known[:, :3] - circle[:3], axis=1) / 2, 0, 1))
        meets = distance <= circle[3] + known[:, 3]
        assert within(cells, cells_near(circle))[meets].all()


def test_a_position_asks_for_few_cells_of_many():
    draw = np.random.default_rng(1)
    vectors = draw.normal(size=(200_000, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    detectors = np.column_stack([vectors, np.full(len(vectors), math.radians(0.15))])
    ranges = cells_near([*vectors[0], 0.0])
    assert len(ranges) < 8 * DEEPEST
    assert within(cells_of(detectors), ranges).sum() < 40


def test_ranges_are_apart_and_a_wide_circle_has_few():
    for angle in (0.0, 1e-4, 0.01, 0.3, 1.0, 3.2):
        ranges = sorted(cells_near([0.6, 0.48, 0.64, angle]))
        assert all(end < begin for (_, end), (begin, _) in pairwise(ranges))
        assert len(ranges) < 60 * DEEPEST


def test_what_is_as_wide_as_the_sky_has_a_cell_of_its_own():
    assert cells_of(np.array([[0, 0, 1.0, 3.0], [0, 0, 0, -1.0]]))[0] == WHOLE_SKY
    assert cells_near([1.0, 0, 0, 0.0])[0] == (WHOLE_SKY, WHOLE_SKY)
