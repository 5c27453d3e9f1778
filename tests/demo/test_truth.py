import numpy as np
import pytest
from astropy.table import Table, vstack

from bunter.demo.truth import completeness, judge, match, zero_point_errors


def stacked(reduced, band):
    return vstack([reduced.srcs[e.seq_num] for e in reduced.science(band)], metadata_conflicts="silent")


@pytest.mark.parametrize("band", ["g", "r"])
def test_positions_and_magnitudes_of_bright_stars_are_right(reduced, band):
    verdict = judge(stacked(reduced, band), reduced.night.truth, band=band)
    assert verdict.stars > 50
    # About 60 references of 20 mas each fix a detector to 20 sqrt(3) / sqrt(60) = 5 mas; three visits share them.
    assert verdict.offset_mas < 15
    # At a signal-to-noise ratio of 50 a centroid is good to 0.5 fwhm / 50 = 25 mas; brighter stars do better.
    assert verdict.scatter_mas < 30
    # 60 references of 10 mmag fix a zero point to 2 mmag, to which the width of the stars adds some.
    assert abs(verdict.bias_mmag) < 10
    assert verdict.scatter_mmag < 20


def test_zero_points_are_those_simulated(reduced):
    conditions = reduced.night.conditions()
    errors = []
    for e in (*reduced.science("g"), *reduced.science("r")):
        row = Table({"detector": [3], "zero_point": [reduced.srcs[e.seq_num].meta["zero_point"]]})
        errors.append(zero_point_errors(row, conditions, e.id)[0])
    # The total of a star beyond 2.5 fwhm comes from the fitted wings, good to a per cent on one detector.
    assert np.abs(errors).max() < 0.03
    assert abs(np.median(errors)) < 0.01


def test_matching_goes_across_the_origin_of_right_ascension():
    one = Table({"ra": [359.9999, 10.0], "dec": [0.0, 0.0]})
    two = Table({"ra": [50.0, 0.0], "dec": [0.0, 0.0]})
    mine, theirs = match(one, two)
    assert (mine.tolist(), theirs.tolist()) == ([0], [1])
    assert match(one, two[:0])[0].size == 0


def test_completeness_counts_stars_brighter_than_the_limit():
    truth = Table({"ra": [1.0, 2.0, 3.0], "dec": [0.0] * 3, "r_mag": [18.0, 19.0, 23.0], "is_star": [True] * 3})
    found = truth[:1]
    assert completeness(found, truth, np.ones(3, bool), limit=20.0) == pytest.approx(0.5)
    assert completeness(found, truth, np.array([True, False, True]), limit=20.0) == 1.0
