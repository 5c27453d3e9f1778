"""Whatever text can say, objects can say: the same tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.errors import InvalidQueryError
from bunter.query import parse, tree, unparse, x
from bunter.query.expression import Condition, Term

names = st.sampled_from(["visit", "exposure.timespan.begin", "raw.run", "visit.region", "seq_num"])
numbers = st.integers(0, 2**63 - 1) | st.floats(0, allow_nan=False, allow_infinity=False)
ranges = st.builds(
    lambda a, n, s: tree.Range(a, a + n * s, s if n else 1), st.integers(-99, 99), st.integers(0, 9), st.integers(1, 9)
)
literals = st.one_of(
    st.builds(tree.Number, numbers),
    st.builds(tree.Text, st.text()),
    st.builds(tree.Bytes, st.binary(max_size=5)),
    st.builds(tree.Boolean, st.booleans()),
    st.builds(tree.Null),
)
atoms = st.one_of(
    st.builds(tree.Name, names),
    st.builds(tree.Bind, st.sampled_from(["a", "b_1"])),
    st.builds(tree.Time, st.text(max_size=10)),
    literals,
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(tree.Binary, st.sampled_from("+-*/%"), inner, inner),
        st.builds(tree.Unary, st.sampled_from("+-"), inner),
        st.builds(tree.Pair, inner, inner),
        st.builds(
            tree.Call, st.sampled_from(["CIRCLE", "REGION", "POLYGON", "UUID"]), st.lists(inner, max_size=3).map(tuple)
        ),
    ),
    max_leaves=5,
)
flags = st.booleans()
tests = st.one_of(
    st.builds(tree.Compare, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), values, values),
    st.builds(tree.Overlaps, values, values),
    st.builds(tree.In, values, st.lists(values | ranges, min_size=1, max_size=4).map(tuple), flags),
    st.builds(tree.Between, values, values, values, flags),
    st.builds(tree.Like, values, atoms, flags),
    st.builds(tree.IsNull, values, flags),
    st.builds(lambda of, pattern: tree.Call("GLOB", (of, pattern)), values, atoms),
)
conditions = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(tree.conjunction),
        st.lists(inner, min_size=2, max_size=4).map(tree.disjunction),
        st.builds(tree.Not, inner),
    ),
    max_leaves=8,
)


def term(node):  # noqa: C901, PLR0911 - one line per kind
    match node:
        case tree.Name(name):
            head, *fields = name.split(".")
            found = getattr(x, head)
            for field in fields:
                found = getattr(found, field)
            return found
        case tree.Bind(name):
            return x.bind(name)
        case tree.Time(text):
            return x.instant(text)
        case tree.Null():
            return x.literal(None)
        case tree.Number(value) | tree.Text(value) | tree.Bytes(value) | tree.Boolean(value):
            return x.literal(value)
        case tree.Binary(sign, left, right):
            a, b = term(left), term(right)
            return {"+": a.__add__, "-": a.__sub__, "*": a.__mul__, "/": a.__truediv__, "%": a.__mod__}[sign](b)
        case tree.Unary(sign, of):
            return +term(of) if sign == "+" else -term(of)
        case tree.Pair(begin, end):
            return x.span(term(begin), term(end))
        case tree.Call(name, arguments):
            return x.function(name, *map(term, arguments))
        case tree.Range(begin, end, stride):
            return range(begin, end + 1, stride)


def condition(node):  # noqa: C901, PLR0911 - one line per kind
    match node:
        case tree.And(terms):
            return x.all(*map(condition, terms))
        case tree.Or(terms):
            return x.any(*map(condition, terms))
        case tree.Not(of):
            return ~condition(of)
        case tree.Compare(sign, left, right):
            a, b = term(left), term(right)
            return {"=": a.__eq__, "!=": a.__ne__, "<": a.__lt__, "<=": a.__le__, ">": a.__gt__, ">=": a.__ge__}[sign](
                b
            )
        case tree.Overlaps(left, right):
            return term(left).overlaps(term(right))
        case tree.In(of, items, negated):
            return (term(of).not_in if negated else term(of).in_)(list(map(term, items)))
        case tree.Between(of, low, high, negated):
            return (term(of).not_between if negated else term(of).between)(term(low), term(high))
        case tree.Like(of, pattern, negated):
            return (term(of).not_like if negated else term(of).like)(term(pattern))
        case tree.IsNull(of, negated):
            return term(of).is_not_null if negated else term(of).is_null
        case tree.Call("GLOB", (of, pattern)):
            return term(of).glob(term(pattern))


@given(conditions)
def test_every_condition_can_be_built_from_objects(node):
    built = condition(node)
    assert isinstance(built, Condition)
    assert built.node == node
    assert parse(str(built)) == node == parse(unparse(node))


@given(values)
def test_every_value_can_be_built_from_objects(node):
    built = term(node)
    assert isinstance(built, Term)
    assert built.node == node


def test_every_kind_of_node_is_built_by_one_of_these():
    kinds = {getattr(tree, name) for name in tree.__all__ if isinstance(getattr(tree, name), type)}
    source = Path(__file__).read_text()
    assert not [kind.__name__ for kind in kinds if f"tree.{kind.__name__}" not in source]


def test_a_function_that_is_none_is_refused():
    with pytest.raises(InvalidQueryError, match="did you mean"):
        x.function("CIRCEL", 1, 2, 3)
    assert str(x.visit.region.overlaps(x.function("circle", 1, 2, 0.5))) == "visit.region OVERLAPS CIRCLE(1, 2, 0.5)"
