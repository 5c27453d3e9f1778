"""Statements remembered by the shape of their question, so that asking for another data ID is not translated anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bunter.query import bound
from bunter.registry.translate import Statement, translate

if TYPE_CHECKING:
    from collections.abc import Hashable

    from bunter.query.bound import BoundQuery, Predicate
    from bunter.registry.relations import Catalog
    from bunter.registry.roster import Roster

__all__ = ["recall"]

_MOST = 256
_LEAST_INT, _GREATEST_INT = -(2**63), 2**63 - 1
_COLUMNS = bound.KeyColumn | bound.ElementColumn | bound.DatasetColumn


@dataclass(frozen=True, slots=True)
class _Blank:
    """Stands for the constant of one term."""

    place: int


def recall(query: BoundQuery, roster: Roster, catalog: Catalog) -> Statement | None:
    """Return the statement for a query that compares columns with plain values and nothing more; None for others.

    Parameters
    ----------
    query : BoundQuery
        The question.
    roster : Roster
        What the statement depends on besides the question; keeps what was translated.
    catalog : Catalog
        For what was not.
    """
    terms = bound.conjuncts(query.where)
    if not _is_simple(query, roster) or not all(map(_is_plain, terms)):
        return None
    known: dict[Hashable, Statement] = roster.plans.setdefault("statements", {})
    shape = _shape(query, terms)
    statement = known.get(shape)
    if statement is None:
        if len(known) >= _MOST:
            known.clear()
        statement = known[shape] = translate(_blank(query, terms), catalog)
    values = [term.right.value for term in terms]  # type: ignore[union-attr]
    return replace(statement, parameters=_filled(statement.parameters, values), fixed=_filled(statement.fixed, values))


def _is_simple(query: BoundQuery, roster: Roster) -> bool:
    """Whether only the question decides on the statement: no regions to settle, no calibrations to look for first."""
    if query.data_id_table is not None or query.spatial_joins:
        return False
    return not any(roster.type_row(search.dataset_type).dataset_type.is_calibration for search in query.searches)


def _is_plain(term: Predicate) -> bool:
    match term:
        case bound.Comparison(_, left, bound.Constant(value, "int" | "str")) if isinstance(left, _COLUMNS):
            return type(value) is str or (type(value) is int and _LEAST_INT <= value <= _GREATEST_INT)
        case _:
            return False


def _shape(query: BoundQuery, terms: list[Any]) -> Hashable:
    compared = tuple((term.op, term.left, term.right.kind) for term in terms)
    what = (query.kind, query.dimensions, query.result, query.searches, query.temporal_joins)
    shown = (query.projection, query.keyed, query.order_by, query.limit, query.offset)
    return (*what, *shown, compared)


def _blank(query: BoundQuery, terms: list[Any]) -> BoundQuery:
    blanks = [replace(term, right=bound.Constant(_Blank(place), term.right.kind)) for place, term in enumerate(terms)]
    return replace(query, where=bound.all_of(blanks) if blanks else None)


def _filled(found: dict[str, object], values: list[object]) -> dict[str, object]:
    return {name: values[each.place] if isinstance(each, _Blank) else each for name, each in found.items()}
