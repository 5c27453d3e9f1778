"""Where one page of an ordered result ends and the next begins, as a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.errors import InvalidQueryError
from bunter.query import bound
from bunter.query.bound import Beyond, Comparison, Constant, DatasetColumn, IsNull, KeyColumn

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bunter.query.bound import Predicate, Value

__all__ = ["after_row"]

_NONE = object()


def after_row(
    order: Sequence[tuple[Value, bool]],
    values: Sequence[object],
    known: Collection[str],
    where: Predicate | None = None,
) -> Predicate:
    """Return the condition that a row comes after another one.

    Parameters
    ----------
    order : sequence of (Value, bool)
        What rows are sorted by, and whether ascending; nulls come last.
    values : sequence of object
        The values of the other row, None for null.
    known : collection of str
        Dimensions and dataset searches of which all rows have a value.
    where : Predicate, optional
        Condition of all rows: what has one value in all of them orders nothing, and would hide an index that begins with it.

    Raises
    ------
    InvalidQueryError
        If there is not one value for each.
    """
    if len(order) != len(values):
        raise InvalidQueryError("the page asked for is one of another order; begin with the first page")
    fixed = _fixed(where)
    pairs = [(each, value) for each, value in zip(order, values, strict=True) if fixed.get(each[0], _NONE) != value]
    order, values = [each for each, _ in pairs], [value for _, value in pairs]
    if not order:
        return bound.Always(False)
    nullable = frozenset(value for value, _ in order if not _never_null(value, known))
    if all(up for _, up in order) and not nullable:
        return Beyond(tuple(value for value, _ in order), tuple(values))
    (first, up), begin = order[0], values[0]
    chain = _after(order, values, nullable)
    if begin is None or first in nullable:
        return chain
    # Says nothing new, but lets a database begin at the right place of an index.
    return bound.all_of([Comparison(">=" if up else "<=", first, Constant(begin, first.kind)), chain])


def _fixed(where: Predicate | None) -> dict[Value, object]:
    """Return the columns that a condition says are equal to a constant."""
    return {
        term.left: term.right.value
        for term in bound.conjuncts(where)
        if isinstance(term, Comparison) and term.op == "=" and isinstance(term.right, Constant)
    }


def _never_null(value: Value, known: Collection[str]) -> bool:
    match value:
        case KeyColumn(name) | DatasetColumn(name, "id"):
            return name in known
        case _:
            return False


def _after(order: Sequence[tuple[Value, bool]], values: Sequence[object], nullable: Collection[Value]) -> Predicate:
    (value, up), known = order[0], values[0]
    terms: list[Predicate] = []
    if known is not None:
        terms.append(Comparison(">" if up else "<", value, Constant(known, value.kind)))
        if value in nullable:
            terms.append(IsNull(value))
    if len(order) > 1:
        same: Predicate = IsNull(value) if known is None else Comparison("=", value, Constant(known, value.kind))
        terms.append(bound.all_of([same, _after(order[1:], values[1:], nullable)]))
    return bound.any_of(terms)
