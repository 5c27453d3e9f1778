"""Python objects build the same trees as text."""

from __future__ import annotations

import datetime as dt
import uuid

import numpy as np
import pytest

from bunter.errors import InvalidQueryError
from bunter.geometry import Region
from bunter.query import bind_predicate, parse, tree_of, x
from bunter.values import Timespan

UID = uuid.UUID("0190a0b0-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (x.visit > 5, "visit > 5"),
        (x.visit.day_obs != -5, "visit.day_obs != -5"),
        (x.visit >= 5, "visit >= 5"),
        (x["raw"].ingest_date < dt.datetime(2025, 1, 1, tzinfo=dt.UTC), "raw.ingest_date < T'2025-01-01T00:00:37/tai'"),
        (x["visit.day_obs"] == np.int64(5), "visit.day_obs = 5"),
        ((x.visit + 1) * 2 - 3 / x.visit % 4 > -x.visit, "(visit + 1) * 2 - 3 / visit % 4 > -visit"),
        (1 + x.a - (2 * x.b) == 3 - x.c, "1 + a - 2 * b = 3 - c"),
        ((x.a == 1) & (x.b == 2) | ~(x.c == "it's"), "a = 1 AND b = 2 OR NOT c = 'it''s'"),
        (x.flag & ~x.other, "flag AND NOT other"),
        (x.a.is_null | x.b.as_boolean, "a IS NULL OR b"),
        (x.a == None, "a = NULL"),  # noqa: E711 - a comparison that builds a tree
        (x.a == True, "a = TRUE"),  # noqa: E712
        (x.a.in_([1, "b", x.c]), "a IN (1, 'b', c)"),
        (x.a.in_([]), "FALSE"),
        (x.a.in_(range(1, 10, 3)), "a IN (1..7:3)"),
        (x.a.in_range(1, 5), "a IN (1..4)"),
        (x.a.in_range(5, 1, -2), "a IN (3..5:2)"),
        (x.a.in_range(1, 1), "FALSE"),
        (x.a.between(1, 2.5), "a BETWEEN 1 AND 2.5"),
        (x.a.like("b%"), "a LIKE 'b%'"),
        (x.a.glob("b*"), "GLOB(a, 'b*')"),
        (x.a.overlaps(Timespan(None, 10**9)), "a OVERLAPS (NULL, T'1970-01-01T00:00:01/tai')"),
        (x.a.region.overlaps(x.b.region), "a.region OVERLAPS b.region"),
        (x["raw"].id == UID, f"raw.id = UUID('{UID}')"),
        (x.skymap.hash == b"\x01", "skymap.hash = X'01'"),
        (x.all(x.a == 1, x.b, x.c == 2), "a = 1 AND b AND c = 2"),
        (x.any(x.a == 1, x.b), "a = 1 OR b"),
        (x.all() | x.any(), "TRUE OR FALSE"),
        (x.not_(x.a == 1), "NOT a = 1"),
        (x.literal("a") == x.b, "'a' = b"),
        (x.visit["like"] == 1, "visit.like = 1"),
    ],
    ids=str,
)
def test_objects_print_as_text_that_parses_to_the_same_tree(expression, text):
    assert str(expression) == text
    assert parse(text) == expression.node


def test_a_region_survives_as_text(universe):
    region = Region.polygon([(0, 0), (1, 0), (1, 1)])
    where = x.visit.region.overlaps(region)
    assert bind_predicate(str(where), dimensions=universe.empty).right.value == region.encode()


def test_astropy_objects_are_values():
    from astropy.coordinates import SkyCoord
    from astropy.time import Time

    assert str(x.a < Time("2025-01-01T00:00:00", scale="tai")) == "a < T'2025-01-01T00:00:00/tai'"
    assert "REGION('0x" in str(x.a.region.overlaps(SkyCoord(1, 2, unit="deg")))


@pytest.mark.parametrize(
    "make",
    [lambda: bool(x.a == 1), lambda: bool(x.a), lambda: x.a == 1 and x.b == 2, lambda: 1 < x.a < 2, lambda: not x.a],
)
def test_python_logic_on_terms_is_refused_with_advice(make):
    with pytest.raises(TypeError, match="join conditions by &, | and ~".replace("|", r"\|")):
        make()


def test_a_forgotten_parenthesis_is_refused_with_advice():
    with pytest.raises(TypeError, match="put each side in parentheses"):
        (x.a == 1) & 5


@pytest.mark.parametrize("value", [float("nan"), 2**63, -(2**63), object(), Timespan.EMPTY])
def test_a_value_that_no_literal_can_hold_is_refused(value):
    with pytest.raises(InvalidQueryError):
        x.a == value  # noqa: B015


@pytest.mark.parametrize("name", ["a b", "a'", "", "1a", "é"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(InvalidQueryError, match="is no name"):
        x[name]


def test_terms_cannot_be_iterated_and_have_no_private_attributes():
    with pytest.raises(TypeError, match="iterated"):
        list(x.a)
    with pytest.raises(AttributeError):
        x.__wrapped__  # noqa: B018
    with pytest.raises(AttributeError):
        (x.a + 1).b  # noqa: B018


def test_representations_show_the_text():
    assert repr(x.a + 1) == "<term a + 1>"
    assert repr(x.a == 1) == "<condition a = 1>"
    assert repr(x.a.desc) == "<order by a descending>"
    assert repr(x) == "<names of a query>"


def test_an_expression_too_long_for_text_still_binds(universe):
    where = x.visit.in_(range(100)) & x.any(*(x.visit == n for n in range(30_000)))
    node, text = tree_of(where)
    assert text == ""
    assert node == where.node
    assert len(bind_predicate(where, dimensions=universe.empty).terms[1].constants) == 30_000


def test_an_expression_nested_too_deep_is_refused(universe):
    where = x.visit == 1
    for _ in range(200):
        where = ~where
    with pytest.raises(InvalidQueryError, match="nested more than 100 deep"):
        bind_predicate(where, dimensions=universe.empty)
