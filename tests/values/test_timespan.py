"""Timespans are half-open intervals of integers, with the algebra of intervals."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.values import MAX_NS, MIN_NS, Timespan

small = st.integers(-20, 20)


@st.composite
def timespans(draw: st.DrawFn) -> Timespan:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return Timespan.EMPTY
    begin, end = sorted(draw(st.tuples(small, small).filter(lambda pair: pair[0] != pair[1])))
    return Timespan(None if kind == 1 else begin, None if kind == 2 else end)


def members(span: Timespan) -> set[int]:
    """Stand for a timespan by the instants around zero that it holds; open ends reach the rim."""
    return {instant for instant in range(-25, 26) if span.overlaps(instant)}


@given(timespans(), timespans())
def test_overlap_means_a_common_instant(a, b):
    assert a.overlaps(b) == bool(members(a) & members(b)) == b.overlaps(a)


@given(timespans(), timespans())
def test_intersection_holds_the_common_instants(a, b):
    assert members(a.intersection(b)) == members(a) & members(b)


@given(timespans(), timespans())
def test_difference_and_intersection_make_up_the_whole(a, b):
    pieces = a.difference(b)
    held = [instant for piece in pieces for instant in members(piece)]
    assert sorted(held) == sorted(members(a) - members(b))
    assert not any(piece.is_empty for piece in pieces)


@given(timespans(), timespans())
def test_containing_means_having_all_instants(a, b):
    assert a.contains(b) == (members(b) <= members(a))


@given(timespans())
def test_bounds_and_pickles_give_the_timespan_back(span):
    assert Timespan.from_bounds(*span.bounds) == span
    assert pickle.loads(pickle.dumps(span)) == span


def test_an_open_timespan_has_the_widest_bounds():
    assert Timespan().bounds == (MIN_NS, MAX_NS)
    assert Timespan.EMPTY.bounds == (MAX_NS, MIN_NS)


def test_a_timespan_that_ends_before_it_begins_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"Timespan\.instant"):
        Timespan(5, 5)


def test_equal_times_make_an_instant_since_exposures_of_no_length_exist():
    assert Timespan.from_times("2024-01-01", "2024-01-01") == Timespan.instant("2024-01-01")


def test_texts_are_iso_in_tai():
    assert str(Timespan.from_times("2024-01-01/tai", None)) == "[2024-01-01T00:00:00, ∞) TAI"


def test_bounds_come_back_as_astropy_times():
    span = Timespan.from_times("2024-01-01T00:00:00.5/tai", None)
    assert span.begin_time.isot == "2024-01-01T00:00:00.500"
    assert span.end_time is None
