"""Bound conditions as SQL, node by node."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bunter.errors import InvalidQueryError
from bunter.query import bound
from bunter.registry.relations import balanced, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.query.bound import Column, HeaderColumn, Predicate, RegionOverlap, Value
    from bunter.registry.relations import Binding

__all__ = ["Columns", "KeysOnly", "condition_sql", "value_sql"]

_LISTED = 64
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_FARTHEST = 10**300  # a time may be written that no real number reaches


class Columns(Protocol):
    """What names mean at one place of a statement."""

    binding: Binding

    def column(self, column: Column) -> str:
        """Return SQL for a column."""

    def bound_of(self, column: Column, which: str) -> str:
        """Return SQL for ``begin`` or ``end`` of a timespan column."""

    def overlap(self, node: RegionOverlap) -> str:
        """Return SQL for an overlap of regions that has been settled."""


class KeysOnly:
    """Names inside a relation that has no columns but keys."""

    def __init__(self, keys: dict[str, str], binding: Binding) -> None:
        self.keys, self.binding = keys, binding

    def column(self, column: Column) -> str:
        """See `Columns`."""
        assert isinstance(column, bound.KeyColumn)
        return self.keys[column.dimension]

    def bound_of(self, column: Column, which: str) -> str:
        """See `Columns`."""
        raise InvalidQueryError(f"no {which} of {column} here")

    def overlap(self, node: RegionOverlap) -> str:
        """See `Columns`."""
        raise InvalidQueryError(f"no regions for {node} here")


def condition_sql(node: Predicate, columns: Columns) -> str:  # noqa: C901, PLR0911, PLR0912 - one line per kind
    """Translate a condition; the result is in parentheses where needed, and three-valued as in SQL."""
    match node:
        case bound.And(terms):
            return balanced([condition_sql(term, columns) for term in terms], "AND")
        case bound.Or(terms):
            return balanced([condition_sql(term, columns) for term in terms], "OR")
        case bound.Not(term):
            return f"(NOT {condition_sql(term, columns)})"
        case bound.Comparison(
            operator, bound.HeaderColumn(kind="any") as left, bound.HeaderColumn(kind="any") as right
        ):
            return _typewise(operator, left, right, columns)
        case bound.Comparison(operator, left, right):
            sign = "<>" if operator == "!=" else operator
            return f"({_compared(left, columns)} {sign} {_compared(right, columns)})"
        case bound.Membership():
            return _membership(node, columns)
        case bound.Like():
            dialect = columns.binding.dialect
            parameter = columns.binding(dialect.pattern(node.pattern, node.style))
            return dialect.matched(value_sql(node.value, columns), parameter, node.pattern, node.style)
        case bound.IsNull(value):
            return f"({_null_test(value, columns)} IS NULL)"
        case bound.BoolTest(value):
            return f"({value_sql(value, columns)})"
        case bound.TimespanOverlap(left, right):
            (begin, end), (first, last) = _bounds(left, columns), _bounds(right, columns)
            return f"({begin} < {last} AND {first} < {end})"
        case bound.RegionOverlap():
            return columns.overlap(node)
        case bound.Beyond(values, constants):
            plain = ", ".join(columns.binding(_plain(constant)) for constant in constants)
            return f"(({', '.join(value_sql(value, columns) for value in values)}) > ({plain}))"
        case bound.Always(value):
            return "TRUE" if value else "FALSE"


def value_sql(node: Value, columns: Columns) -> str:
    """Translate a value; a region is its encoded form."""
    match node:
        case bound.Constant(value):
            return columns.binding(_plain(value))
        case bound.Negative(value):
            return f"(-{value_sql(value, columns)})"
        case bound.Arithmetic():
            left, right = value_sql(node.left, columns), value_sql(node.right, columns)
            if node.op == "/" and node.kind == "float" and node.left.kind == "int":
                left = f"CAST({left} AS DOUBLE PRECISION)"
            return columns.binding.dialect.arithmetic(node.op, left, right, node.kind)
        case bound.TimespanBound(of, which):
            return _bounds(of, columns)[0 if which == "begin" else 1]
        case bound.OutputColumn(name):
            return quoted(name)
        case _:
            return columns.column(node)


def _typewise(operator: str, left: HeaderColumn, right: HeaderColumn, columns: Columns) -> str:
    """Compare values of unknown types: numbers with numbers, text with text; others have no order and no equal."""
    sign = "<>" if operator == "!=" else operator
    pairs = []
    for kind in ("int", "str", "bool") if operator in {"=", "!="} else ("int", "str"):
        a, b = (columns.column(replace(each, kind=kind)) for each in (left, right))
        pairs.append(f"WHEN {a} IS NOT NULL THEN {a} {sign} {b}")
    return f"(CASE {' '.join(pairs)} END)"


def _plain(value: object) -> object:
    """Return a value as databases take it; a time further off than 64 bits of nanoseconds is a real number."""
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        return float(max(-_FARTHEST, min(value, _FARTHEST)))
    return value


def _exact(value: object) -> object:
    """Return a number as all databases compare it exactly with whole numbers: one without a fraction is whole."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST:
        return int(value)
    return _plain(value)


def _compared(value: Value, columns: Columns) -> str:
    if isinstance(value, bound.Constant):
        return columns.binding(_exact(value.value))
    return value_sql(value, columns)


def _bounds(value: Value, columns: Columns) -> tuple[str, str]:
    if isinstance(value, bound.Constant):
        begin, end = value.value if isinstance(value.value, tuple) else (value.value, value.value)
        return columns.binding(_plain(begin)), columns.binding(_plain(end))
    assert isinstance(value, bound.ElementColumn | bound.DatasetColumn), "only columns and constants are timespans"
    return columns.bound_of(value, "begin"), columns.bound_of(value, "end")


def _null_test(value: Value, columns: Columns) -> str:
    return _bounds(value, columns)[0] if value.kind == "timespan" else value_sql(value, columns)


def _membership(node: bound.Membership, columns: Columns) -> str:
    value = value_sql(node.value, columns)
    terms = []
    if node.constants:
        terms.append(_among(value, node.constants, columns))
    for begin, end, stride in node.ranges:
        inside = f"{value} BETWEEN {columns.binding(_plain(begin))} AND {columns.binding(_plain(end))}"
        terms.append(f"({inside})" if stride == 1 else _strided(node.value, inside, begin, stride, columns))
    return balanced(terms, "OR") if terms else "FALSE"


def _strided(operand: Value, inside: str, begin: int, stride: int, columns: Columns) -> str:
    """Select every so many numbers of a range; real numbers have no remainder in SQL, so that they must be whole first."""
    value = value_sql(operand, columns)
    if operand.kind == "int":
        return f"({inside} AND ({value} - {columns.binding(begin)}) % {columns.binding(stride)} = 0)"
    whole = f"CAST({value} AS BIGINT)"
    steps = f"{whole} = {value} AND ({whole} - {columns.binding(begin)}) % {columns.binding(stride)} = 0"
    return f"(CASE WHEN {inside} THEN {steps} WHEN {value} IS NOT NULL THEN FALSE END)"


def _among(value: str, constants: Sequence[object], columns: Columns) -> str:
    """List values one by one, or as one parameter that the database unfolds."""
    if len(constants) <= _LISTED:
        return f"({value} IN ({', '.join(columns.binding(_exact(constant)) for constant in constants)}))"
    by_kind: dict[type, list[object]] = {}
    for constant in map(_exact, constants):
        by_kind.setdefault(type(constant), []).append(constant)
    dialect = columns.binding.dialect
    terms = [dialect.unfolded(value, columns.binding(dialect.listed(some)), kind) for kind, some in by_kind.items()]
    return balanced(terms, "OR")
