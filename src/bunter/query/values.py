"""Syntax nodes that stand for values: names, literals, bind values, arithmetic, regions, timespans."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

from bunter.errors import InvalidQueryError, near
from bunter.query import bound, tree
from bunter.query.bound import Constant, KeyColumn
from bunter.query.constants import as_instant, coerced, constant_of, described, is_list, numeric, region_of_call
from bunter.query.dynamic import beside, is_dynamic, settled
from bunter.query.folding import computed
from bunter.query.scope import UnknownNameError
from bunter.query.unparse import unparse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bunter.query.bound import Kind, Value
    from bunter.query.scope import Scope
    from bunter.query.tree import Node

__all__ = ["ValueBinder", "is_null", "shown"]

_T = TypeVar("_T")


class ValueBinder:
    """Binds the values of one expression, and fails in a way that points at them.

    Parameters
    ----------
    scope : Scope
        What names mean.
    binds : mapping of str to object
        Values of ``:name``; a bare name of these is taken for its value as well.
    text : str
        The expression, for the caret line of messages; empty if there is none.
    """

    def __init__(self, scope: Scope, binds: Mapping[str, object], text: str = "") -> None:
        self.scope, self.binds, self.text = scope, binds, text
        self.positions: dict[Value, int] = {}
        self._values: dict[type, Callable[..., Value]] = {
            tree.Name: self._name,
            tree.Number: lambda node: Constant(node.value, "int" if isinstance(node.value, int) else "float"),
            tree.Text: lambda node: self.checked(lambda: constant_of(node.value), node),
            tree.Bytes: lambda node: Constant(node.value, "bytes"),
            tree.Boolean: lambda node: Constant(node.value, "bool"),
            tree.Null: lambda _: Constant(None, "null"),
            tree.Time: self._time,
            tree.Pair: self._pair,
            tree.Call: self._call,
            tree.Unary: self._unary,
            tree.Binary: self._binary,
        }

    def value(self, node: Node) -> Value:
        """Return the node as a value; raise InvalidQueryError where it makes no sense."""
        given = self.bind_value(node)
        if given is not None:
            if is_list(given[0]):
                self.fail(f"{shown(node)} is a list; use it with IN", node)
            return self.checked(lambda: constant_of(given[0]), node)
        method = self._values.get(type(node))
        if method is None:
            self.fail("a condition has no value; join conditions by AND, OR and NOT", node)
        return method(node)

    def value_beside(self, left: Value, node: Node) -> Value:
        """Return the node as a value to compare with ``left``; an unknown word beside a string lacks its quotes."""
        if left.kind == "str" and isinstance(node, tree.Name) and "." not in node.name and node.name not in self.binds:
            try:
                self.scope.resolve(node.name)
            except UnknownNameError:
                self.fail(f"unknown name {node.name!r}; a string is written in quotes: '{node.name}'", node)
        return self.value(node)

    def bind_value(self, node: Node) -> tuple[object] | None:
        """Return what is bound to the node, in a tuple of one; None for a node that is no bind."""
        if isinstance(node, tree.Name) and node.name in self.binds:
            return (self.binds[node.name],)
        if isinstance(node, tree.Bind):
            if node.name not in self.binds:
                hint = near(node.name, self.binds) or "; give it in bind={...}"
                self.fail(f"no value is bound to :{node.name}{hint}", node)
            return (self.binds[node.name],)
        return None

    def _name(self, node: tree.Name) -> Value:
        try:
            value = self.scope.resolve(node.name)
        except UnknownNameError as error:
            self.fail(str(error), node)
        self.positions.setdefault(value, node.position)
        return value

    def _time(self, node: tree.Time) -> Value:
        return Constant(self.checked(lambda: as_instant(node.text), node), "time")

    def _unary(self, node: tree.Unary) -> Value:
        value = settled(self.value(node.operand), "float")
        self._need_number(value, node.operand, node.operator)
        if node.operator == "+":
            return value
        if isinstance(value, Constant):
            return Constant(-value.value, value.kind)  # type: ignore[operator]
        return bound.Negative(value, value.kind)

    def _binary(self, node: tree.Binary) -> Value:
        given = self.value(node.left), self.value(node.right)
        left, right = (settled(value, "float") for value in given)
        self._need_number(left, node.left, node.operator)
        self._need_number(right, node.right, node.operator)
        kind: Kind = "float" if "float" in {left.kind, right.kind} or node.operator == "/" else "int"
        if node.operator == "%" and kind == "float" and not any(map(is_dynamic, given)):
            self.fail("% needs whole numbers", node)
        if isinstance(right, Constant) and not right.value and node.operator in {"/", "%"}:
            self.fail("division by zero", node)
        if isinstance(left, Constant) and isinstance(right, Constant):
            return self.checked(lambda: computed(node.operator, left, right, kind), node)
        return bound.Arithmetic(node.operator, left, right, kind)

    def _need_number(self, value: Value, node: Node, operator: str) -> None:
        if not numeric(value.kind):
            self.fail(f"{shown(node)} is {described(value.kind)}; {operator} needs numbers", node)

    def _pair(self, node: tree.Pair) -> Value:
        from bunter.values import MAX_NS, MIN_NS

        begin, end = self._end(node.begin, MIN_NS), self._end(node.end, MAX_NS)
        if MIN_NS < begin == end < MAX_NS:
            return Constant((begin, begin + 1), "timespan")  # an instant, as exposures of zero length have
        if begin >= end:
            self.fail("a timespan ends after it begins; write (earlier, later)", node)
        return Constant((begin, end), "timespan")

    def _end(self, node: Node, unbounded: int) -> int:
        value = self.value(node)
        if is_null(value):
            return unbounded
        time = self.checked(lambda: coerced(value, "time"), node) if isinstance(value, Constant) else None
        if time is None or not isinstance(time.value, int):
            self.fail("an end of a timespan is a time, such as T'2025-01-01', or NULL if open", node)
        return time.value

    def _call(self, node: tree.Call) -> Value:
        if node.function == "GLOB":
            self.fail("GLOB is a condition and has no value", node)
        if node.function == "POLYGON" and any(isinstance(each, tree.Pair) for each in node.arguments):
            self.fail("write POLYGON(ra1, dec1, ra2, dec2, ra3, dec3, ...) without brackets around the pairs", node)
        arguments = [self._argument(each, node) for each in node.arguments]
        if node.function == "UUID":
            if len(arguments) != 1 or not isinstance(arguments[0], str):
                self.fail("write UUID('...')", node)
            found = self.checked(lambda: coerced(Constant(arguments[0], "str"), "uuid"), node)
            return found or Constant(None, "null")
        return Constant(self.checked(lambda: region_of_call(node.function, arguments), node), "region")

    def _argument(self, node: Node, call: tree.Call) -> float | str:
        value = self.value(node)
        if not isinstance(value, Constant):
            self.fail(f"{call.function} takes constants and bind values, not columns", node)
        if isinstance(value.value, bool) or not isinstance(value.value, int | float | str):
            self.fail(f"{call.function} cannot take {described(value.kind)}", node)
        return value.value

    # Kinds.

    def alike(self, node: tree.Compare, left: Value, right: Value) -> tuple[Value, Value]:
        """Make both values of one kind, a constant following the other side, and what can be of any kind either."""
        left, right = self._settled_beside(node, left, right), self._settled_beside(node, right, left)
        kinds = {left.kind, right.kind}
        if len(kinds) == 1 or all(numeric(kind) for kind in kinds):
            return left, right
        for constant, column, place, swap in ((right, left, node.right, False), (left, right, node.left, True)):
            if not isinstance(constant, Constant):
                continue
            if constant.kind == "str" and (name := self.named(column)) is not None:
                return (constant, name) if swap else (name, constant)
            fitting = self.checked(lambda c=constant, k=column.kind: coerced(c, k), place)  # type: ignore[misc]
            if fitting is not None:
                return (fitting, column) if swap else (column, fitting)
        if kinds == {"time", "timespan"} and node.operator not in {"=", "!="}:
            return left, right
        return self.mismatch(node.left, left.kind, node.right, right.kind, node.right)

    def _settled_beside(self, node: tree.Compare, value: Value, other: Value) -> Value:
        if not is_dynamic(value) or is_dynamic(other):
            return value
        kind = beside(other.kind)
        if kind is None:
            self.fail(
                f"header cards and metadata are compared with numbers, strings, true and false, not with {described(other.kind)}; "
                "ISO times in cards are strings, and x + 0 is a number",
                node,
            )
        return settled(value, kind)

    def named(self, value: Value) -> Value | None:
        """Return the column of names of a dimension whose key is a number: ``detector.full_name`` for ``detector``."""
        if isinstance(value, KeyColumn) and value.kind == "int":
            element = self.scope.universe[value.dimension]
            for column in element.alternate_keys:
                if column.kind == "str":
                    return bound.ElementColumn(element.name, column.name, "str")
        return None

    def mismatch(self, left: Node, left_kind: Kind, right: Node, right_kind: Kind, place: Node) -> NoReturn:
        """Raise an InvalidQueryError about two values of different kinds."""
        first = f"{shown(left)} is {described(left_kind)}"
        self.fail(f"{first} and {shown(right)} is {described(right_kind)}; they cannot be compared", place)

    # Failing.

    def fail(self, message: str, node: Node) -> NoReturn:
        """Raise an InvalidQueryError that points at the node."""
        if not self.text:
            raise InvalidQueryError(message)
        raise InvalidQueryError(message, text=self.text, position=node.position)

    def checked(self, make: Callable[[], _T], node: Node) -> _T:
        """Return what the function makes; its ValueError or TypeError becomes an InvalidQueryError at the node."""
        try:
            return make()
        except InvalidQueryError:
            raise
        except (ValueError, TypeError, OverflowError) as error:
            self.fail(str(error) or f"{shown(node)} cannot stand here", node)


def shown(node: Node) -> str:
    """Return the text of a node for a message, shortened."""
    text = unparse(node)
    return text if len(text) <= 40 else text[:37] + "..."


def is_null(value: Value) -> bool:
    """Whether the value is the constant NULL."""
    return isinstance(value, Constant) and value.kind == "null"
