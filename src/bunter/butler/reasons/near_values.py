"""Values that are near to those asked for: names, numbers, times, positions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bunter.butler.reasons.near_cards import unknown_cards
from bunter.butler.reasons.near_sky import region_hints
from bunter.butler.reasons.trials import found_anywhere, reads_dataset
from bunter.errors import near
from bunter.query import bound
from bunter.query.bound import Aggregate, Constant, OutputColumn, Projection, TimespanBound
from bunter.query.describe import describe
from bunter.values import clock_text, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler.reasons.constraints import Demands
    from bunter.butler.reasons.trials import Trials
    from bunter.butler.session import Session
    from bunter.query.bound import BoundQuery, Column, Predicate, Value

__all__ = ["NearValues"]

_NAMES, _FEW = 200, 6
_OPEN = 2**62
_COLUMNS = bound.KeyColumn | bound.ElementColumn | bound.DatasetColumn


class NearValues:
    """Looks for values that there are, near to those that there are not.

    Parameters
    ----------
    session : Session
        The repository.
    trials : Trials
        Asks.
    demands : Demands
        The constraints of the question.
    context : BoundQuery
        The question without the constraint in question.
    """

    def __init__(self, session: Session, trials: Trials, demands: Demands, context: BoundQuery) -> None:
        self._session = session
        self._trials = trials
        self._facts = demands.facts
        self._context = replace(context, order_by=(), limit=None, offset=0)

    def of(self, predicate: Predicate) -> Iterator[str]:  # noqa: C901 - one line per kind
        """Yield sentences about one condition, and about each of those that it joins by OR."""
        if unknown := list(unknown_cards(self._session, self._context, predicate)):
            yield from unknown
            return
        match predicate:
            case bound.Or(terms) | bound.And(terms):
                for term in terms[:_FEW]:
                    yield from self.of(term)
            case bound.Not(term):
                yield from self._other_than(term)
            case bound.Comparison("=", left, Constant(value, kind)) if isinstance(left, _COLUMNS):
                yield from self._equal(left, value, kind)
            case bound.Membership(value, constants, ranges) if isinstance(value, _COLUMNS):
                first = constants[0] if constants else ranges[0][0] if ranges else None
                yield from self._equal(value, first, value.kind) if first is not None else ()
            case bound.Comparison(_, left, Constant(_, kind)) if kind in {"int", "float", "time"}:
                yield from self._range(left)
            case bound.Comparison(_, left, Constant(_, "str")) | bound.Like(left) if isinstance(left, _COLUMNS):
                yield from self._names(left, None)
            case bound.TimespanOverlap(left, right):
                yield from self._times(left, right)
            case bound.RegionOverlap(left, right):
                yield from region_hints(self._trials.table, self._context, left, right)

    def _other_than(self, term: Predicate) -> Iterator[str]:
        """Say what there is, of which a condition wants nothing."""
        for column in dict.fromkeys(bound.columns_of(term)):
            if isinstance(column, _COLUMNS) and not isinstance(column, bound.HeaderColumn):
                kind = column.kind
                if kind == "str":
                    yield from self._names(column, None)
                elif kind in {"int", "float", "time"}:
                    yield from self._range(column)

    def _equal(self, column: Column, value: object, kind: str) -> Iterator[str]:
        if isinstance(column, bound.HeaderColumn):
            yield from self._names(column, None) if kind == "str" else self._range(column)
        elif isinstance(column, bound.DatasetColumn):
            yield from self._dataset_field(column, value)
        elif kind == "str":
            yield from self._names(column, str(value))
        elif kind in {"int", "float", "time"}:
            yield from self._numbers(column, value)

    # Names

    def _names(self, column: Column, wanted: str | None) -> Iterator[str]:
        query = self._about(column)
        names = [name for name in self._values(query, column, _NAMES) if name is not None and name != wanted]
        label = describe(column)
        exists = wanted is not None and self._exists(column, wanted)
        if wanted is not None and not exists:
            said = near(wanted, names) or near(wanted, self._values(self._alone(column), column, _NAMES))
            yield f"there is no {label} {wanted!r}{said}"
        if not names:
            return
        told = ", ".join(map(repr, sorted(names)[:_FEW])) + (" and others" if len(names) > _FEW else "")
        yield f"{label} {wanted!r} exists, but here there is only {told}" if exists else f"{label} here: {told}"

    # Numbers and instants

    def _numbers(self, column: Column, wanted: Any) -> Iterator[str]:
        label = describe(column)
        exists = self._exists(column, wanted)
        query = self._about(column)
        close = [*self._beside(query, column, wanted, below=True), *self._beside(query, column, wanted, below=False)]
        told = " and ".join(_shown(value, column.kind) for value in close)
        there = (
            f"{label} {_shown(wanted, column.kind)} exists"
            if exists
            else f"there is no {label} {_shown(wanted, column.kind)}"
        )
        if close or not exists:
            yield f"{there}; nearest{' here' if exists else ''}: {told}" if close else there

    def _beside(self, query: BoundQuery, column: Column, wanted: Any, *, below: bool) -> list[Any]:
        """Return the next value below or above."""
        term = bound.Comparison("<" if below else ">", column, Constant(wanted, column.kind))
        inside = replace(query, where=bound.all_of([*bound.conjuncts(query.where), term]))
        return self._values(inside, column, 1, ascending=not below)

    def _range(self, value: Value) -> Iterator[str]:
        columns = bound.columns_of(value)
        if len(columns) != 1:
            return
        if isinstance(value, bound.HeaderColumn):
            value = replace(value, kind="float")
        ends = self._ends(self._about(columns[0]), value, value)
        if ends is not None:
            low, high = (_shown(end, value.kind) for end in ends)
            yield f"{describe(value)} here: {low}" + (f" to {high}" if low != high else "")

    def _ends(self, query: BoundQuery, low: Value, high: Value) -> tuple[Any, Any] | None:
        kind = low.kind
        shown = Projection(
            (), (("low", Aggregate("min", low, kind=kind)), ("high", Aggregate("max", high, kind=kind))), grouped=True
        )
        table = self._trials.table(replace(_about_values(query, low, high), projection=shown))
        rows = [] if table is None else table.to_pylist()
        return None if not rows or rows[0]["low"] is None else (rows[0]["low"], rows[0]["high"])

    # Times

    def _times(self, left: Value, right: Value) -> Iterator[str]:
        column, other = (left, right) if isinstance(left, _COLUMNS) else (right, left)
        if not isinstance(column, _COLUMNS) or not isinstance(other, Constant):
            return
        query = self._about(column)
        begin, end = TimespanBound(column, "begin"), TimespanBound(column, "end")
        ends = self._ends(query, begin, end)
        if ends is None:
            yield f"{describe(column)} is not known here"
            return
        yield f"{describe(column)} here: {_shown(ends[0], 'time')} to {_shown(ends[1], 'time')}"
        yield from self._around(query, begin, end, other)

    def _around(self, query: BoundQuery, begin: Value, end: Value, wanted: Constant) -> Iterator[str]:
        """Say when the last one before and the first one after were."""
        first, last = wanted.value if isinstance(wanted.value, tuple) else (wanted.value, wanted.value)
        before = bound.Comparison("<=", end, Constant(first, "time"))
        after = bound.Comparison(">=", begin, Constant(last, "time"))
        for word, term, value in (
            ("last one before it ended", before, end),
            ("next one after it begins", after, begin),
        ):
            inside = replace(query, where=bound.all_of([*bound.conjuncts(query.where), term]))
            ends = self._ends(inside, value, value)
            if ends is not None:
                yield f"the {word} {_shown(ends[1] if value is end else ends[0], 'time')}"

    # Fields of datasets

    def _dataset_field(self, column: bound.DatasetColumn, value: Any) -> Iterator[str]:
        if column.field in {"run", "collection"}:
            known = self._facts.collections.match("*")
            if value not in known:
                yield f"there is no collection {value!r}{near(str(value), known)}"
            yield from self._here(column)
        elif column.field == "id" and isinstance(value, bytes):
            ref = self._session.repository.identify(self._session.principal, [value])[0]
            yield "no dataset has this id" if ref is None else f"the dataset of this id is {ref}"

    def _here(self, column: Column) -> Iterator[str]:
        names = self._values(self._context, column, _NAMES)
        if names:
            told = ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
            yield f"{describe(column)} here: {told}"

    # Questions

    def _about(self, column: Column) -> BoundQuery:
        """Return the context if it determines the column, else the records of the column's own element."""
        known = bound.dimensions_of(column, self._context.dimensions.universe) <= self._context.dimensions
        return self._context if known else self._alone(column)

    def _alone(self, column: Column) -> BoundQuery:
        """Return a question about all records that have the column, of the governors that are asked for."""
        universe = self._context.dimensions.universe
        group = bound.dimensions_of(column, universe)
        own = getattr(column, "dimension", None)
        governors = [
            term
            for term in bound.conjuncts(self._context.where)
            if isinstance(term, bound.Comparison)
            and isinstance(term.left, bound.KeyColumn)
            and term.left.dimension in group.governors
            and term.left.dimension != own
        ]
        where = bound.all_of(governors) if governors else None
        return bound.BoundQuery(kind="data_ids", dimensions=group, result=group, where=where)

    def _exists(self, column: Column, wanted: object) -> bool:
        query = self._alone(column)
        term = bound.Comparison("=", column, Constant(wanted, column.kind))
        inside = replace(query, where=bound.all_of([*bound.conjuncts(query.where), term]))
        return bool(self._values(inside, column, 1))

    def _values(self, query: BoundQuery, column: Column, limit: int, *, ascending: bool = True) -> list[Any]:
        """Return the first few different values of a column."""
        shown = Projection((("value", column),), grouped=True)
        order = ((OutputColumn("value", column.kind), ascending),)
        query = _about_values(query, column)
        table = self._trials.table(replace(query, projection=shown, order_by=order, limit=limit))
        return [] if table is None else [value for value in table.column("value").to_pylist() if value is not None]


def _shown(value: Any, kind: str) -> str:
    if kind == "time":
        return "ever" if abs(value) > _OPEN else _clock(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _clock(instant: int) -> str:
    """Write an instant in UTC, or in TAI where there was no UTC yet."""
    try:
        return f"{clock_text(instant)} UTC"
    except ValueError:
        return f"{format_instant(instant)} TAI"


def _about_values(query: BoundQuery, *values: Value) -> BoundQuery:
    """Return a question with the same different values, that need not find the first dataset of each data ID."""
    return query if reads_dataset(*query.condition, *values) else found_anywhere(query)
