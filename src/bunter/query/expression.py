"""Expressions as Python objects: ``(x.visit > 5) & x.exposure.timespan.overlaps(span)``.

They build the same syntax trees as text does, so whatever is true of the language is true of them.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from bunter.errors import InvalidQueryError, near
from bunter.query import tree
from bunter.query.parser import FUNCTIONS
from bunter.query.qualified import name_parts, quoted_part
from bunter.query.unparse import unparse
from bunter.values import Timespan, format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bunter.query.tree import Node

__all__ = ["Condition", "Names", "Order", "OrderBy", "Term", "node_of", "x"]

OrderBy: TypeAlias = "str | Order | Term"


class Condition:
    """Something true or false of a row; join with ``&``, ``|`` and ``~``, each side in parentheses."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __and__(self, other: Condition | Term) -> Condition:
        return Condition(tree.conjunction([self.node, _condition_node(other)]))

    def __or__(self, other: Condition | Term) -> Condition:
        return Condition(tree.disjunction([self.node, _condition_node(other)]))

    def __invert__(self) -> Condition:
        return Condition(tree.Not(self.node))

    def __bool__(self) -> bool:
        raise TypeError("a condition is true or false only of a row; join conditions by &, | and ~, not and, or, not")

    def __str__(self) -> str:
        return unparse(self.node)

    def __repr__(self) -> str:
        return f"<condition {self}>"


class Order:
    """A value to sort by, and in which direction."""

    __slots__ = ("ascending", "node")

    def __init__(self, node: Node, *, ascending: bool) -> None:
        self.node, self.ascending = node, ascending

    def __repr__(self) -> str:
        return f"<order by {unparse(self.node)}{'' if self.ascending else ' descending'}>"


class Term:
    """A value of a row: a dimension, one of its fields, a field of a dataset, or arithmetic of these.

    Attributes that are none of the methods below name fields: ``x.exposure.day_obs``, ``x.visit.timespan.begin``. A field that
    has the name of a method is reached by ``x.visit["like"]``.
    """

    __slots__ = ("node",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, node: Node) -> None:
        self.node = node

    def __getattr__(self, name: str) -> Term:
        if name.startswith("__") or not isinstance(self.node, tree.Name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return Term(tree.Name(f"{self.node.name}.{_identifier(name)}"))

    def __getitem__(self, name: str) -> Term:
        if not isinstance(self.node, tree.Name):
            raise TypeError("only names have fields")
        if set(name_parts(self.node.name)[:2]) & {"header", "metadata"}:
            return Term(tree.Name(f"{self.node.name}.{_quoted(name)}"))
        return Term(tree.Name(f"{self.node.name}.{_identifier(name)}"))

    def __iter__(self) -> Any:
        raise TypeError("a term of a query cannot be iterated over")

    # Comparisons.

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compare("=", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: object) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: object) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Condition:
        return self._compare(">=", other)

    def in_(self, values: Iterable[object]) -> Condition:
        """Whether it is one of the values; a Python ``range``, alone or among them, stays a range."""
        items = _items(values)
        return Condition(tree.In(self.node, items) if items else tree.Boolean(value=False))

    def not_in(self, values: Iterable[object]) -> Condition:
        """Whether it is none of the values; null is neither in nor out."""
        items = _items(values)
        return Condition(tree.In(self.node, items, negated=True) if items else tree.Boolean(value=True))

    def in_range(self, start: int, stop: int, step: int = 1) -> Condition:
        """Whether it is in ``range(start, stop, step)``: as in Python, ``stop`` is not part of it."""
        return self.in_(range(start, stop, step))

    def between(self, low: object, high: object) -> Condition:
        """Whether it lies between the two, both included."""
        return Condition(tree.Between(self.node, node_of(low), node_of(high)))

    def not_between(self, low: object, high: object) -> Condition:
        """Whether it lies below the first or above the second."""
        return Condition(tree.Between(self.node, node_of(low), node_of(high), negated=True))

    def like(self, pattern: str | Term) -> Condition:
        """Whether it matches an SQL pattern, ``%`` for any text and ``_`` for any character."""
        return Condition(tree.Like(self.node, node_of(pattern)))

    def not_like(self, pattern: str | Term) -> Condition:
        """Whether it does not match an SQL pattern."""
        return Condition(tree.Like(self.node, node_of(pattern), negated=True))

    def glob(self, pattern: str | Term) -> Condition:
        """Whether it matches a shell pattern with ``*``, ``?`` and ``[...]``."""
        return Condition(tree.Call("GLOB", (self.node, node_of(pattern))))

    def overlaps(self, other: object) -> Condition:
        """Whether this region or timespan shares a point or an instant with the other."""
        return Condition(tree.Overlaps(self.node, node_of(other)))

    @property
    def is_null(self) -> Condition:
        """Whether it is null."""
        return Condition(tree.IsNull(self.node))

    @property
    def is_not_null(self) -> Condition:
        """Whether it is known."""
        return Condition(tree.IsNull(self.node, negated=True))

    @property
    def as_boolean(self) -> Condition:
        """The term, a boolean, as a condition."""
        return Condition(self.node)

    def __and__(self, other: Condition | Term) -> Condition:
        return self.as_boolean & other

    def __or__(self, other: Condition | Term) -> Condition:
        return self.as_boolean | other

    def __invert__(self) -> Condition:
        return ~self.as_boolean

    # Arithmetic.

    def __add__(self, other: object) -> Term:
        return self._compute("+", self.node, node_of(other))

    def __sub__(self, other: object) -> Term:
        return self._compute("-", self.node, node_of(other))

    def __mul__(self, other: object) -> Term:
        return self._compute("*", self.node, node_of(other))

    def __truediv__(self, other: object) -> Term:
        return self._compute("/", self.node, node_of(other))

    def __mod__(self, other: object) -> Term:
        return self._compute("%", self.node, node_of(other))

    def __radd__(self, other: object) -> Term:
        return self._compute("+", node_of(other), self.node)

    def __rsub__(self, other: object) -> Term:
        return self._compute("-", node_of(other), self.node)

    def __rmul__(self, other: object) -> Term:
        return self._compute("*", node_of(other), self.node)

    def __rtruediv__(self, other: object) -> Term:
        return self._compute("/", node_of(other), self.node)

    def __rmod__(self, other: object) -> Term:
        return self._compute("%", node_of(other), self.node)

    def __neg__(self) -> Term:
        return Term(tree.Unary("-", self.node))

    def __pos__(self) -> Term:
        return Term(tree.Unary("+", self.node))

    # Order.

    @property
    def asc(self) -> Order:
        """Sort by it, smallest first."""
        return Order(self.node, ascending=True)

    @property
    def desc(self) -> Order:
        """Sort by it, largest first."""
        return Order(self.node, ascending=False)

    def _compare(self, operator: tree.ComparisonOperator, other: object) -> Condition:
        return Condition(tree.Compare(operator, self.node, node_of(other)))

    def _compute(self, operator: tree.ArithmeticOperator, left: Node, right: Node) -> Term:
        return Term(tree.Binary(operator, left, right))

    def __bool__(self) -> bool:
        raise TypeError("a term of a query has a value only in a row; join conditions by &, | and ~, not and, or, not")

    def __str__(self) -> str:
        return unparse(self.node)

    def __repr__(self) -> str:
        return f"<term {self}>"


class Names:
    """Where expressions begin: ``x.visit`` is the dimension, ``x["raw"]`` the dataset type (or dimension) of that name."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Term:
        if name.startswith("_"):
            raise AttributeError(name)
        return Term(tree.Name(name))

    def __getitem__(self, name: str) -> Term:
        return Term(tree.Name(_identifier(name)))

    def all(self, *conditions: Condition | Term) -> Condition:
        """All of the conditions hold; true for none given."""
        nodes = [_condition_node(condition) for condition in conditions]
        return Condition(tree.conjunction(nodes) if nodes else tree.Boolean(value=True))

    def any(self, *conditions: Condition | Term) -> Condition:
        """One of the conditions holds; false for none given."""
        nodes = [_condition_node(condition) for condition in conditions]
        return Condition(tree.disjunction(nodes) if nodes else tree.Boolean(value=False))

    def not_(self, condition: Condition | Term) -> Condition:
        """Negate the condition."""
        return Condition(tree.Not(_condition_node(condition)))

    def literal(self, value: object) -> Term:
        """Make a constant, to stand on the left side of an operator."""
        return Term(node_of(value))

    def bind(self, name: str) -> Term:
        """Leave a place for a value that is given beside the condition, as ``:name`` does in text."""
        return Term(tree.Bind(_identifier(name)))

    def instant(self, text: str) -> Term:
        """Make a time from text, as ``T'...'`` does: ``x.instant("2026-01-01T12:00")``, ``x.instant("mjd/61041.5/tai")``."""
        return Term(tree.Time(text))

    def span(self, begin: object, end: object) -> Term:
        """Make a timespan of two times, without its end; None is an open end."""
        return Term(tree.Pair(node_of(begin), node_of(end)))

    def function(self, name: str, *arguments: object) -> Term:
        """Call a function of the language: ``x.function("CIRCLE", 150.1, 2.2, 0.5)``."""
        if name.upper() not in FUNCTIONS:
            raise InvalidQueryError(f"there is no function {name}{near(name.upper(), FUNCTIONS)}")
        return Term(tree.Call(name.upper(), tuple(node_of(each) for each in arguments)))

    def __repr__(self) -> str:
        return "<names of a query>"


x: Final = Names()


def _items(values: Iterable[object]) -> tuple[Node, ...]:
    each = [values] if isinstance(values, range) else values
    found = (_range(value) if isinstance(value, range) else node_of(value) for value in each)
    return tuple(item for item in found if item is not None)


def _range(values: range) -> tree.Range | None:
    rising = values if values.step > 0 else values[::-1]
    return tree.Range(rising[0], rising[-1], rising.step) if rising else None


def node_of(value: object) -> Node:
    """Return the syntax node of a Python value; raise InvalidQueryError if no literal of the language can hold it."""
    if isinstance(value, Term | Condition):
        return value.node
    if hasattr(value, "item") and not getattr(value, "shape", None) and type(value).__module__ == "numpy":
        value = value.item()
    for kinds, convert in _LITERALS:
        if isinstance(value, kinds):
            return convert(value)
    try:
        if hasattr(value, "jd1") and hasattr(value, "tai"):
            return _time(parse_instant(value))
        return _region(value)
    except ValueError as error:
        raise InvalidQueryError(str(error)) from error


def _condition_node(condition: Condition | Term) -> Node:
    if not isinstance(condition, Condition | Term):
        raise TypeError(f"conditions are joined with conditions, not with {condition!r}; put each side in parentheses")
    return condition.node


def _identifier(name: str) -> str:
    if not all(part.isidentifier() and part.isascii() for part in name.split(".")):
        raise InvalidQueryError(f"{name!r} is no name; names have letters, digits, underscores and dots")
    return name


def _quoted(name: str) -> str:
    if not name or set(name) & set('"\\\n'):
        raise InvalidQueryError(
            f"{name!r} is no name of a card or of metadata; quotes, backslashes and line ends cannot stand in one"
        )
    return quoted_part(name)


def _number(value: float) -> Node:
    if not math.isfinite(value):
        raise InvalidQueryError(f"{value} is no number to compare with; test for NULL instead")
    if isinstance(value, int) and not -(2**63) < value < 2**63:
        raise InvalidQueryError(f"{value} does not fit into 64 bits")
    return tree.Unary("-", tree.Number(-value)) if math.copysign(1, value) < 0 else tree.Number(value)


def _time(instant: int) -> Node:
    return tree.Time(f"{format_instant(instant)}/tai")


def _timespan(span: Timespan) -> Node:
    if span.is_empty:
        raise InvalidQueryError("an empty timespan overlaps nothing; leave the condition out")
    begin, end = (tree.Null() if bound is None else _time(bound) for bound in (span.begin, span.end))
    return tree.Pair(begin, end)


def _region(value: object) -> Node:
    from bunter.query.constants import constant_of

    octets = constant_of(value).value
    return tree.Call("REGION", (tree.Text(f"0x{cast('bytes', octets).hex()}"),))


_LITERALS: Final[tuple[tuple[Any, Callable[[Any], Node]], ...]] = (
    (type(None), lambda _: tree.Null()),
    (bool, tree.Boolean),
    (int | float, _number),
    (str, lambda value: tree.Text(str(value))),
    (bytes, tree.Bytes),
    (uuid.UUID, lambda value: tree.Call("UUID", (tree.Text(str(value)),))),
    (Timespan, _timespan),
    (dt.datetime, lambda value: _time(parse_instant(value))),
)
