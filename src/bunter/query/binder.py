"""Syntax tree to bound tree: names resolved, types checked, values in their final form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bunter.query import bound, tree
from bunter.query.bound import Constant, KeyColumn, TimespanBound
from bunter.query.constants import coerced, constant_of, described, is_list, numeric
from bunter.query.dynamic import beside, is_dynamic, settled
from bunter.query.folding import compared, regions_overlap, timespans_overlap
from bunter.query.membership import Members, merged_equalities, merged_inequalities
from bunter.query.values import ValueBinder, is_null, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bunter.query.bound import Kind, Predicate, Value
    from bunter.query.scope import Scope
    from bunter.query.tree import Node

__all__ = ["Binder"]

_EXTENDED: Final = frozenset({"region", "timespan", "time"})


class Binder(ValueBinder):
    """Binds the conditions of one expression; parameters as for values."""

    def __init__(self, scope: Scope, binds: Mapping[str, object], text: str = "") -> None:
        super().__init__(scope, binds, text)
        self._conditions: dict[type, Callable[..., Predicate]] = {
            tree.And: self._and,
            tree.Or: self._or,
            tree.Not: self._not,
            tree.Compare: self._compare,
            tree.IsNull: self._is_null,
            tree.Between: self._between,
            tree.Like: self._like,
            tree.In: self._in,
            tree.Overlaps: self._overlaps,
        }

    def predicate(self, node: Node) -> Predicate:
        """Return the node as a condition; raise InvalidQueryError at the place where it makes no sense."""
        return self._conditions.get(type(node), self._truth)(node)

    def _and(self, node: tree.And) -> Predicate:
        return bound.all_of(merged_inequalities([self.predicate(term) for term in node.terms]))

    def _or(self, node: tree.Or) -> Predicate:
        return bound.any_of(merged_equalities([self.predicate(term) for term in node.terms]))

    def _not(self, node: tree.Not) -> Predicate:
        return bound.none_of(self.predicate(node.term))

    def _truth(self, node: Node) -> Predicate:
        if isinstance(node, tree.Call) and node.function == "GLOB":
            return self._glob(node)
        value = settled(self.value(node), "bool")
        if value.kind != "bool":
            self.fail(f"{shown(node)} is {described(value.kind)}, not a condition; compare it with something", node)
        if isinstance(value, Constant):
            return bound.Always(bool(value.value))
        return bound.BoolTest(value)

    def _compare(self, node: tree.Compare) -> Predicate:
        left = self.value(node.left)
        right = self.value_beside(left, node.right)
        if is_null(left) or is_null(right):
            return self._null_comparison(node, left, right)
        left, right = self.alike(node, left, right)
        operator = node.operator
        if "timespan" in {left.kind, right.kind}:
            return self._timespans_compared(node, left, right)
        if left.kind == "region":
            self.fail("regions are compared by OVERLAPS only", node)
        if left.kind == "bool" and operator not in {"=", "!="}:
            self.fail(f"true and false have no order; {operator} cannot compare them", node)
        return _comparison(operator, left, right)

    def _timespans_compared(self, node: tree.Compare, left: Value, right: Value) -> Predicate:
        """Compare timespans: equal ones have equal ends; one is before another if it ends before that begins."""
        (begin, end), (first, last) = _bounds(left), _bounds(right)
        match node.operator:
            case "<":
                return _comparison("<=", end, first)
            case ">":
                return _comparison("<=", last, begin)
            case "=" | "!=":
                same = bound.all_of([_comparison("=", begin, first), _comparison("=", end, last)])
                return same if node.operator == "=" else bound.none_of(same)
            case _:
                return self.fail(
                    "timespans are compared by OVERLAPS, =, !=, < (wholly before) and > (wholly after)", node
                )

    def _null_comparison(self, node: tree.Compare, left: Value, right: Value) -> Predicate:
        if node.operator not in {"=", "!="}:
            self.fail(f"nothing is {node.operator} NULL; write IS NULL or IS NOT NULL", node)
        test = _null_test(right if is_null(left) else left)
        return test if node.operator == "=" else bound.none_of(test)

    def _is_null(self, node: tree.IsNull) -> Predicate:
        test = _null_test(self.value(node.value))
        return bound.none_of(test) if node.negated else test

    def _between(self, node: tree.Between) -> Predicate:
        low = self._compare(tree.Compare(">=", node.value, node.low, node.position))
        high = self._compare(tree.Compare("<=", node.value, node.high, node.position))
        both = bound.all_of([low, high])
        return bound.none_of(both) if node.negated else both

    def _like(self, node: tree.Like) -> Predicate:
        test = self._pattern(node.value, node.pattern, "like")
        return bound.none_of(test) if node.negated else test

    def _glob(self, node: tree.Call) -> Predicate:
        if len(node.arguments) != 2:
            self.fail("write GLOB(name, 'pattern')", node)
        return self._pattern(node.arguments[0], node.arguments[1], "glob")

    def _pattern(self, of: Node, pattern: Node, style: str) -> Predicate:
        from bunter.query.patterns import matcher

        value = settled(self.value(of), "str")
        constant = self.value_beside(value, pattern)
        if not (isinstance(constant, Constant) and isinstance(constant.value, str) and constant.kind == "str"):
            self.fail("the pattern must be a string", pattern)
        text = constant.value
        value = self.named(value) or value
        if value.kind != "str":
            self.fail(f"{shown(of)} is {described(value.kind)}; only strings match a pattern", of)
        like = bound.Like(value, text, "glob" if style == "glob" else "like")
        if isinstance(value, Constant):
            return bound.Always(matcher(like)(str(value.value)))
        return like

    def _in(self, node: tree.In) -> Predicate:
        value = self._settled_among(self.value(node.value), node.items)
        if is_null(value):
            self.fail("NULL is in no list; write IS NULL", node.value)
        members = Members(value)
        for item in node.items:
            self._add(members, item, node)
        test = members.predicate()
        return bound.none_of(test) if node.negated else test

    def _settled_among(self, value: Value, items: Sequence[Node]) -> Value:
        """Give a value of unknown type that of the first thing in the list."""
        if not is_dynamic(value) or not items:
            return value
        first = items[0]
        if isinstance(first, tree.Range):
            return settled(value, "int")
        many = self.bind_value(first)
        if many is not None and is_list(many[0]):
            listed = list(many[0])  # type: ignore[call-overload]
            kind = self.checked(lambda: constant_of(listed[0]).kind, first) if listed else "str"
        else:
            kind = self.value(first).kind
        chosen = beside(kind)
        if chosen is None:
            self.fail(f"header cards and metadata are numbers, strings, true or false, not {described(kind)}", first)
        return settled(value, chosen)

    def _add(self, members: Members, item: Node, node: tree.In) -> None:
        if isinstance(item, tree.Range):
            return self._add_range(members, item, node)
        many = self.bind_value(item)
        if many is not None and is_list(many[0]):
            return self._add_many(members, many[0], item, node)
        value = self.value_beside(members.value, item)
        if is_null(value):
            self.fail("NULL in a list matches nothing; write OR ... IS NULL", item)
        if value.kind == "timespan":
            members.others.append(self._overlap(node, members.value, value, item))
        elif isinstance(value, Constant):
            self._add_constant(members, value, item, node)
        else:
            left, right = self.alike(tree.Compare("=", node.value, item, node.position), members.value, value)
            members.others.append(bound.Comparison("=", left, right))
        return None

    def _add_range(self, members: Members, item: tree.Range, node: tree.In) -> None:
        if not numeric(members.value.kind):
            kind = described(members.value.kind)
            self.fail(f"{shown(node.value)} is {kind}; a range is for whole numbers", item)
        if item.stride < 1:
            self.fail("the stride of a range is at least 1", item)
        if item.end < item.begin:
            self.fail(f"the range {item.begin}..{item.end} is empty; the smaller end comes first", item)
        members.ranges.append((item.begin, item.end, item.stride))

    def _add_many(self, members: Members, values: object, item: Node, node: tree.In) -> None:
        if isinstance(values, range):
            self.checked(lambda: members.add_range(values), item)
            return
        misfits = self.checked(lambda: members.add_many(values), item)
        name = self.named(members.value)
        if name is not None:
            strings = [constant.value for constant in misfits if constant.kind == "str"]
            members.names.setdefault(name, {}).update(dict.fromkeys(strings))
            misfits = [constant for constant in misfits if constant.kind != "str"]
        for constant in misfits:
            self._add_constant(members, constant, item, node)

    def _add_constant(self, members: Members, value: Constant, item: Node, node: tree.In) -> None:
        if value.kind == "null":
            self.fail("NULL in a list matches nothing; write OR ... IS NULL", item)
        if value.kind == "timespan":
            members.others.append(self._overlap(node, members.value, value, item))
            return
        fitting = self.checked(lambda: coerced(value, members.value.kind), item)
        if fitting is not None:
            members.constants[fitting.value] = None
            return
        name = self.named(members.value) if value.kind == "str" else None
        if name is not None:
            members.names.setdefault(name, {})[value.value] = None
        elif numeric(value.kind) and numeric(members.value.kind):
            members.constants[value.value] = None
        else:
            self.mismatch(node.value, members.value.kind, item, value.kind, item)

    def _overlaps(self, node: tree.Overlaps) -> Predicate:
        return self._overlap(node, self.value(node.left), self.value(node.right), node.right)

    def _overlap(self, node: tree.Overlaps | tree.In, left: Value, right: Value, place: Node) -> Predicate:
        first = node.left if isinstance(node, tree.Overlaps) else node.value
        kind: Kind = "region" if "region" in {left.kind, right.kind} else "timespan"
        for of, value in ((first, left), (place, right)):
            if value.kind not in _EXTENDED and not isinstance(value, Constant):
                self.fail(f"{shown(of)} is {described(value.kind)}; OVERLAPS needs {self._extent(value)}", of)
        if kind == "timespan" and "time" in {left.kind, right.kind}:
            swapped = left.kind != "time" or (isinstance(left, Constant) and right.kind == "time")
            instant, span = (right, left) if swapped else (left, right)
            if not isinstance(instant, Constant):
                if isinstance(span, Constant) and span.kind not in {"time", "timespan"}:
                    of, other = (place, first) if instant is left else (first, place)
                    span = self._as(span, kind, of, other, instant)
                return _contains(span, instant)
        left, right = self._as(left, kind, first, place, right), self._as(right, kind, place, first, left)
        test = bound.RegionOverlap(left, right) if kind == "region" else bound.TimespanOverlap(left, right)
        if isinstance(left, Constant) and isinstance(right, Constant):
            return bound.Always(_overlapping(test))
        return test

    def _as(self, value: Value, kind: Kind, node: Node, other_node: Node, other: Value) -> Value:
        if value.kind == kind:
            return value
        fitting = self.checked(lambda: coerced(value, kind), node) if isinstance(value, Constant) else None
        if fitting is None:
            self.mismatch(node, value.kind, other_node, other.kind, node)
        return fitting

    def _extent(self, value: Value) -> str:
        """Say what of the dimension overlaps."""
        if isinstance(value, KeyColumn):
            names = self.scope.universe[value.dimension].field_names
            extents = [f"{value.dimension}.{name}" for name in ("region", "timespan") if name in names]
            if extents:
                return " or ".join(extents)
        return "a region or a timespan"


def _null_test(value: Value) -> Predicate:
    return bound.Always(value.value is None) if isinstance(value, Constant) else bound.IsNull(value)


def _bounds(value: Value) -> tuple[Value, Value]:
    """Begin and end of a timespan; both the instant itself for a time."""
    if value.kind == "time":
        return value, value
    if isinstance(value, Constant) and isinstance(value.value, tuple):
        begin, end = value.value
        return Constant(begin, "time"), Constant(end, "time")
    return TimespanBound(value, "begin"), TimespanBound(value, "end")


def _contains(span: Value, instant: Value) -> Predicate:
    if span.kind == "time":  # two instants share one if they are the same
        return _comparison("=", instant, span)
    begin, end = _bounds(span)
    return bound.all_of([bound.Comparison("<=", begin, instant), bound.Comparison("<", instant, end)])


def _comparison(operator: tree.ComparisonOperator, left: Value, right: Value) -> Predicate:
    if isinstance(left, Constant) and isinstance(right, Constant):
        return bound.Always(compared(operator, left.value, right.value))
    return bound.Comparison(operator, left, right)


def _overlapping(test: bound.RegionOverlap | bound.TimespanOverlap) -> bool:
    left, right = test.left, test.right
    assert isinstance(left, Constant)
    assert isinstance(right, Constant)
    if isinstance(test, bound.RegionOverlap):
        return regions_overlap(left.value, right.value)
    return timespans_overlap(left.value, right.value)
