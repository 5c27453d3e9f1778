"""Bound conditions as text, for explanations and logs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from bunter.query import bound, tree
from bunter.query.expression import node_of
from bunter.query.qualified import quoted_part
from bunter.query.unparse import unparse
from bunter.values import Timespan, format_instant

if TYPE_CHECKING:
    from bunter.query.bound import Constant, Predicate, Value
    from bunter.query.tree import Node

__all__ = ["describe"]


def describe(node: Predicate | Value | None) -> str:
    """Return text of the language that means the same as the bound node; "" for None.

    Regions are written as IVOA positions where they have one, exact to rounding.
    """
    if node is None:
        return ""
    if isinstance(node, _PREDICATES):
        return unparse(_condition(node))
    return unparse(_value(node))


_PREDICATES = (
    bound.And, bound.Or, bound.Not, bound.Comparison, bound.Membership, bound.Like, bound.IsNull, bound.BoolTest,
    bound.TimespanOverlap, bound.RegionOverlap, bound.Beyond, bound.Always,
)  # fmt: skip


def _condition(node: Predicate) -> Node:  # noqa: C901, PLR0911, PLR0912 - one line per kind
    match node:
        case bound.And(terms):
            return tree.And(tuple(_condition(term) for term in terms))
        case bound.Or(terms):
            return tree.Or(tuple(_condition(term) for term in terms))
        case bound.Not(bound.IsNull(value)):
            return tree.IsNull(_value(value), negated=True)
        case bound.Not(term):
            return tree.Not(_condition(term))
        case bound.Comparison(operator, left, right):
            return tree.Compare(operator, _value(left), _value(right))
        case bound.TimespanOverlap(left, right) | bound.RegionOverlap(left, right):
            return tree.Overlaps(_value(left), _value(right))
        case bound.Membership(value, constants, ranges):
            kind = value.kind
            items = [_constant(bound.Constant(each, kind)) for each in constants]
            return tree.In(_value(value), (*items, *(tree.Range(*each) for each in ranges)))
        case bound.Like(value, pattern, "like"):
            return tree.Like(_value(value), tree.Text(pattern))
        case bound.Like(value, pattern):
            return tree.Call("GLOB", (_value(value), tree.Text(pattern)))
        case bound.IsNull(value):
            return tree.IsNull(_value(value))
        case bound.BoolTest(value):
            return _value(value)
        case bound.Beyond():
            return _condition(_spelled(node))
        case bound.Always(value):
            return tree.Boolean(value)


def _spelled(node: bound.Beyond) -> Predicate:
    """Say without lists of values what comes after what."""
    value, constant = node.values[0], bound.Constant(node.constants[0], node.values[0].kind)
    after = bound.Comparison(">", value, constant)
    if len(node.values) == 1:
        return after
    rest = _spelled(bound.Beyond(node.values[1:], node.constants[1:]))
    return bound.any_of([after, bound.all_of([bound.Comparison("=", value, constant), rest])])


def _value(node: Value) -> Node:  # noqa: PLR0911 - one line per kind
    match node:
        case bound.KeyColumn(name) | bound.OutputColumn(name):
            return tree.Name(name)
        case bound.HeaderColumn():
            return tree.Name(".".join([node.dataset_type, node.field, *map(quoted_part, node.path)]))
        case bound.ElementColumn(owner, column) | bound.DatasetColumn(owner, column):
            return tree.Name(f"{owner}.{column}")
        case bound.TimespanBound(of, which):
            return tree.Name(f"{unparse(_value(of))}.{which}")
        case bound.Arithmetic(operator, left, right):
            return tree.Binary(operator, _value(left), _value(right))
        case bound.Negative(value):
            return tree.Unary("-", _value(value))
        case bound.Constant():
            return _constant(node)


def _constant(node: Constant) -> Node:
    value: Any = node.value
    match node.kind:
        case "time":
            return tree.Time(f"{format_instant(value)}/tai")
        case "timespan":
            return node_of(Timespan.from_bounds(*value))
        case "uuid":
            return node_of(uuid.UUID(bytes=value))
        case "region":
            return tree.Call("REGION", (tree.Text(_position(value)),))
        case _:
            return node_of(value)


def _position(encoded: bytes) -> str:
    from bunter.geometry import Region

    try:
        return Region.decode(encoded).to_pos()
    except (ValueError, RuntimeError):
        return f"0x{encoded.hex()}"
