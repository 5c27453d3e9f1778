"""From what is to be shown of rows to bound columns and aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bunter.errors import InvalidQueryError, near
from bunter.query import tree
from bunter.query.bound import Aggregate, OutputColumn, Projection, TimespanBound
from bunter.query.constants import described, numeric
from bunter.query.dynamic import is_dynamic, settled
from bunter.query.summaries import summary_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.query.asked import Asked
    from bunter.query.bound import Kind, Value
    from bunter.query.expression import OrderBy
    from bunter.query.summaries import Selection, Summary

__all__ = ["bound_projection", "ordered_groups"]

_UNORDERED: Final = frozenset({"region", "timespan", "bytes", "bool", "uuid"})


def bound_projection(selection: Selection, asked: Asked, binds: Mapping[str, object]) -> Projection:
    """Bind what is to be shown.

    Raises
    ------
    InvalidQueryError
        If a name means nothing, a summary does not fit the kind of its value, or two columns have one name.
    """
    columns = [
        column
        for name, what in selection.columns
        for column in _parts(name, asked.value(what, binds), selection.grouped)
    ]
    summaries = [(name, summary_of(what)) for name, what in selection.summaries]
    names = [name for name, _ in (*columns, *summaries)]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise InvalidQueryError(f"several columns are called {min(repeated)!r}; give them names of their own")
    aggregates = tuple((name, _aggregate(summary, asked, binds)) for name, summary in summaries)
    return Projection(tuple(columns), aggregates, selection.grouped)


def _parts(name: str, value: Value, grouped: bool) -> Iterator[tuple[str, Value]]:  # noqa: FBT001 - of one caller
    """Split a timespan into its ends, as tables have it."""
    if value.kind == "null":
        raise InvalidQueryError(f"{name!r} is NULL in all rows; leave it out")
    if is_dynamic(value):
        raise InvalidQueryError(
            f"{name} may be a number in one row and text in another; show {name} + 0 for numbers, "
            "or take butler.headers(results, [...]) for cards"
        )
    if value.kind == "region" and grouped:
        raise InvalidQueryError(f"{name} is a region, by which rows cannot be grouped")
    if value.kind != "timespan":
        yield name, value
        return
    yield f"{name}_begin", TimespanBound(value, "begin")
    yield f"{name}_end", TimespanBound(value, "end")


def _aggregate(summary: Summary, asked: Asked, binds: Mapping[str, object]) -> Aggregate:
    if summary.of is None:
        if summary.function != "count":
            raise InvalidQueryError(
                f"{summary.text or summary.function} needs a value, as in {summary.function}(visit)"
            )
        return Aggregate("count")
    value = asked.bound(summary.of, summary.text, binds, "so it cannot be summed up")
    if summary.function != "count" or summary.distinct:
        value = settled(value, "float")
    if summary.function == "count":
        of = TimespanBound(value, "begin") if value.kind == "timespan" else value
        return Aggregate("count", of, summary.distinct, "int")
    if summary.function in {"sum", "avg"} and not numeric(value.kind):
        raise InvalidQueryError(f"{summary.text} needs a number; that is {described(value.kind)}")
    if value.kind in _UNORDERED:
        raise InvalidQueryError(
            f"{summary.text}: {described(value.kind)} has no order; take its begin or end, or count it"
        )
    kind: Kind = "float" if summary.function == "avg" else value.kind
    return Aggregate(summary.function, value, summary.distinct, kind)


def ordered_groups(order_by: Sequence[OrderBy], projection: Projection, asked: Asked) -> tuple[tuple[Value, bool], ...]:
    """Bind what groups are sorted by: names of their columns."""
    kinds = projection.kinds
    found: list[tuple[Value, bool]] = []
    for each in order_by:
        node, text, ascending = asked.order(each)
        if not isinstance(node, tree.Name) or node.name not in kinds:
            hint = near(text.strip(), kinds) or f"; there are {', '.join(kinds)}"
            raise InvalidQueryError(f"groups have no column {text.strip()!r} to sort by{hint}")
        found.append((OutputColumn(node.name, kinds[node.name]), ascending))
    return tuple(found)
