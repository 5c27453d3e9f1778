"""Instants in every form that people write, against astropy."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from bunter.values import format_instant, parse_instant
from bunter.values.instant import tai_to_utc_ns, utc_to_tai_ns


@given(st.datetimes(dt.datetime(1972, 1, 2), dt.datetime(2026, 1, 1)))  # noqa: DTZ001 - without a zone is the point
def test_iso_text_agrees_with_astropy(moment):
    text = moment.isoformat()
    assert parse_instant(text) == parse_instant(Time(text, scale="utc")) == parse_instant(moment)


@given(st.integers(-(10**18), 4 * 10**18))
def test_formatting_and_parsing_are_inverse(instant):
    assert parse_instant(format_instant(instant) + "/tai") == instant


@given(st.integers(2 * 10**17, 2 * 10**18))
def test_utc_comes_back_from_tai(instant):
    assert tai_to_utc_ns(utc_to_tai_ns(instant)) == instant


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2024-03-01", "2024-03-01T00:00:00"),
        ("2024-03-01 12:00", "2024-03-01T12:00:00"),
        ("2024-03-01T12:00:00Z", "2024-03-01T12:00:00"),
        ("2024-03-01T12:00:00+00:00", "2024-03-01T12:00:00"),
        ("mjd/60370.5", "2024-03-01T12:00:00"),
        ("60370.5", "2024-03-01T12:00:00"),
        ("jd/2460371.0", "2024-03-01T12:00:00"),
        ("2024-03-01T12:00:37/tai", "2024-03-01T12:00:00"),
        ("mjd/60370.5/tai", "2024-03-01T12:00:00/tai"),
    ],
)
def test_other_spellings_mean_the_same(text, same):
    assert parse_instant(text) == parse_instant(same)


def test_a_leap_second_lies_between_its_neighbours():
    before, leap, after = (
        parse_instant(f"{text}") for text in ("2016-12-31T23:59:59", "2016-12-31T23:59:60", "2017-01-01T00:00:00")
    )
    assert leap - before == after - leap == 10**9


def test_times_before_leap_seconds_go_by_astropy():
    assert parse_instant("1965-01-01T00:00:00") == parse_instant(Time("1965-01-01T00:00:00", scale="utc"))


@pytest.mark.parametrize(
    "nonsense", ["yesterday", "2024-13-01", "2024-02-30T00:00:00", "foo/3", 1.5, None, "2024-01-01T25:00"]
)
def test_what_is_no_time_is_refused_by_name(nonsense):
    with pytest.raises(ValueError, match=r"."):
        parse_instant(nonsense)


def test_iso_texts_need_no_astropy():
    code = "import sys; from bunter.values import parse_instant; parse_instant('2024-01-01T00:00:00'); print('astropy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
