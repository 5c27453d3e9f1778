"""Conditions over arrays answer as the definition of the language does, row by row."""

from __future__ import annotations

import fnmatch
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.errors import InvalidQueryError
from bunter.geometry import Region
from bunter.query import bound as b
from bunter.query import evaluate

A, B, F = b.KeyColumn("a", "int"), b.KeyColumn("b", "int"), b.ElementColumn("e", "f", "float")
S, FLAG = b.ElementColumn("e", "s", "str"), b.ElementColumn("e", "flag", "bool")
SPAN = b.ElementColumn("e", "timespan", "timespan")
BEGIN, END = b.TimespanBound(SPAN, "begin"), b.TimespanBound(SPAN, "end")
OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

small = st.integers(-5, 5)
rows = st.fixed_dictionaries(
    {
        A: st.none() | small,
        B: st.none() | small,
        F: st.none() | st.sampled_from([-1.5, 0.0, 0.5, 2.0]),
        S: st.none() | st.sampled_from(["", "a", "ab", "b*", "%"]),
        FLAG: st.none() | st.booleans(),
        BEGIN: st.none() | small,
        END: st.none() | st.integers(-5, 9),
    }
)


def constants(kind, values):
    return st.builds(b.Constant, values, st.just(kind))


ints = st.sampled_from([A, B]) | constants("int", small)
whole = st.recursive(
    ints,
    lambda inner: (
        st.builds(b.Arithmetic, st.sampled_from("+-*/%"), inner, inner, st.just("int"))
        | st.builds(b.Negative, inner, st.just("int"))
    ),
    max_leaves=4,
)
floats = st.just(F) | st.builds(b.Arithmetic, st.sampled_from("+-*/"), st.just(F), whole, st.just("float"))
strings = st.just(S) | constants("str", st.sampled_from(["a", "ab", ""]))
spans = st.just(SPAN) | constants("timespan", st.tuples(small, small))
signs = st.sampled_from(list(OPERATORS))
leaves = st.one_of(
    st.builds(b.Comparison, signs, whole | floats, whole | floats),
    st.builds(b.Comparison, signs, strings, strings),
    st.builds(
        b.Membership,
        whole,
        st.lists(small, max_size=4).map(tuple),
        st.lists(st.tuples(small, small, st.integers(1, 3)), max_size=2).map(tuple),
    ),
    st.builds(b.Membership, st.just(S), st.lists(st.sampled_from(["a", "b", ""]), max_size=3).map(tuple)),
    st.builds(b.Like, st.just(S), st.sampled_from(["a*", "?", "*", "[ab]", "[!a]*", "b[*]"]), st.just("glob")),
    st.builds(b.Like, st.just(S), st.sampled_from(["a%", "_", "%", r"\%", "%b%", "a"]), st.just("like")),
    st.builds(b.IsNull, st.sampled_from([A, F, S, FLAG, SPAN])),
    st.builds(b.BoolTest, st.just(FLAG)),
    st.builds(b.TimespanOverlap, spans, spans),
    st.builds(b.Always, st.booleans()),
)
predicates = st.recursive(
    leaves,
    lambda inner: (
        st.builds(b.Not, inner)
        | st.builds(b.And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(b.Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=6,
)


def value_of(node, row):
    """Value in one row, None for null: the definition, in plain Python."""
    match node:
        case b.Constant(value):
            return value
        case b.Negative(value):
            inner = value_of(value, row)
            return None if inner is None else -inner
        case b.Arithmetic(sign, left, right, kind):
            left, right = value_of(left, row), value_of(right, row)
            if left is None or right is None or (sign in "/%" and right == 0):
                return None
            return computed(sign, left, right, kind)
        case _:
            return row[node]


def computed(sign, left, right, kind):
    if sign == "/":
        return left / right if kind == "float" else int(left / right)
    if sign == "%":
        return left - right * int(left / right)
    return {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](left, right)


def span_of(node, row):
    return node.value if isinstance(node, b.Constant) else (row[BEGIN], row[END])


def truth_of(node, row):  # noqa: PLR0911 - one line per kind
    """True, False or None (null)."""
    match node:
        case b.And(terms):
            truths = [truth_of(term, row) for term in terms]
            return False if False in truths else None if None in truths else True
        case b.Or(terms):
            truths = [truth_of(term, row) for term in terms]
            return True if True in truths else None if None in truths else False
        case b.Not(term):
            inner = truth_of(term, row)
            return None if inner is None else not inner
        case b.Always(value):
            return value
        case b.IsNull(value) if value.kind == "timespan":
            return span_of(value, row)[0] is None
        case b.IsNull(value):
            return value_of(value, row) is None
        case b.TimespanOverlap(left, right):
            (begin, end), (first, last) = span_of(left, row), span_of(right, row)
            pairs = [(begin, last), (first, end)]
            truths = [None if None in pair else pair[0] < pair[1] for pair in pairs]
            return False if False in truths else None if None in truths else True
        case b.Comparison(sign, left, right):
            left, right = value_of(left, row), value_of(right, row)
            return None if left is None or right is None else OPERATORS[sign](left, right)
        case _:
            value = value_of(node.value, row)
            return None if value is None else leaf_of(node, value)


def leaf_of(node, value):
    match node:
        case b.BoolTest():
            return value
        case b.Membership(_, constants, ranges):
            return value in constants or any(value in range(a, z + 1, step) for a, z, step in ranges)
        case b.Like(_, pattern, "glob"):
            return fnmatch.fnmatchcase(value, pattern)
        case b.Like(_, pattern):
            return like(value, pattern)


def like(value, pattern):
    if not pattern:
        return not value
    head, rest = pattern[0], pattern[1:]
    if head == "%":
        return any(like(value[n:], rest) for n in range(len(value) + 1))
    if head == "\\":
        return value[:1] == rest[:1] and like(value[1:], rest[1:])
    return bool(value) and head in ("_", value[0]) and like(value[1:], rest)


def masked(values, dtype):
    array = np.ma.masked_array(np.zeros(len(values), dtype), mask=[value is None for value in values])
    for n, value in enumerate(values):
        if value is not None:
            array[n] = value
    return array


def columns_from(table):
    def column(node):
        return [row[node] for row in table]

    return {
        A: masked(column(A), np.int64),
        B: np.array(column(B), dtype=object),
        F: np.array([np.nan if value is None else value for value in column(F)]),
        S: np.array(column(S), dtype=object),
        FLAG: np.array(column(FLAG), dtype=object),
        BEGIN: masked(column(BEGIN), np.int64),
        END: masked(column(END), np.int64),
    }


@settings(max_examples=200, deadline=None)
@given(predicates, st.lists(rows, min_size=1, max_size=6))
def test_the_answer_is_that_of_the_definition_row_by_row(predicate, table):
    expected = [truth_of(predicate, row) is True for row in table]
    assert evaluate(predicate, columns_from(table)).tolist() == expected
    refused = [truth_of(predicate, row) is False for row in table]
    assert evaluate(b.Not(predicate), columns_from(table)).tolist() == refused


def test_regions_overlap_exactly_and_null_never():
    here, there = b.ElementColumn("visit", "region", "region"), b.ElementColumn("patch", "region", "region")
    circles = [Region.circle(ra, 0, 1).encode() for ra in (0, 1.9, 2.1)]
    columns = {here: np.array([*circles, None], dtype=object), there: np.array([circles[0]] * 4, dtype=object)}
    assert evaluate(b.RegionOverlap(here, there), columns).tolist() == [True, True, False, False]
    assert evaluate(b.Not(b.RegionOverlap(here, there)), columns).tolist() == [False, False, True, False]
    point = b.Constant(Region.point(2.5, 0).encode(), "region")
    assert evaluate(b.RegionOverlap(point, here), columns).tolist() == [False, True, True, False]


def test_strings_may_come_as_fixed_width_arrays():
    columns = {S: np.array(["a", "ab", "b"])}
    assert evaluate(b.Comparison("=", S, b.Constant("ab", "str")), columns).tolist() == [False, True, False]
    assert evaluate(b.Membership(S, ("a", "b")), columns).tolist() == [True, False, True]
    assert evaluate(b.Like(S, "a%", "like"), columns).tolist() == [True, True, False]


def test_a_condition_without_columns_needs_the_number_of_rows():
    assert evaluate(b.Always(True), {}, rows=3).tolist() == [True] * 3


def test_a_timespan_is_null_where_its_begin_is():
    columns = {BEGIN: np.ma.masked_array([1, 2], [False, True]), END: np.ma.masked_array([5, 6], [False, True])}
    assert evaluate(b.IsNull(SPAN), columns).tolist() == [False, True]
    assert evaluate(b.Not(b.IsNull(SPAN)), columns).tolist() == [True, False]
    assert not evaluate(b.IsNull(b.Constant((1, 2), "timespan")), columns).any()


def test_a_missing_column_is_named():
    with pytest.raises(InvalidQueryError, match="KeyColumn"):
        evaluate(b.IsNull(A), {}, rows=1)
