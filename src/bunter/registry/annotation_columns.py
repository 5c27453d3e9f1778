"""Header cards and user metadata in a query: their SQL, and the indexes that narrow it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bunter.query import bound
from bunter.query.bound import Constant, HeaderColumn
from bunter.registry.relations import Relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.query.bound import BoundQuery, Predicate
    from bunter.registry.join import Join
    from bunter.registry.relations import Binding

__all__ = ["narrowing"]

_MOST = 64
_FLIPPED: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# A float may be the nearest one to a whole number that it cannot hold, so the index is asked for a little more.
_WIDER: Final = {"=": "=", "<": "<=", "<=": "<=", ">": ">=", ">=": ">="}


def narrowing(query: BoundQuery, join: Join) -> Iterator[Relation]:
    """Yield relations to read before all others: ids of datasets whose indexed values can satisfy a condition.

    The condition itself is tested as well, so that an index changes nothing but the time that a question takes.
    """
    searches = {search.label: search for search in query.searches if search.join == "inner"}
    for term in bound.conjuncts(query.where):
        column = _column(term)
        if column is None or column.dataset_type not in searches:
            continue
        number = join.catalog.metadata_index(searches[column.dataset_type].dataset_type, column)
        if number is not None:
            alias = f"indexed{len(join.conditions)}"
            terms = _terms(term, column, alias, join.binding)
            if terms is not None:
                id_ = join.datasets[column.dataset_type].columns["id"]
                conditions = (f"{alias}.field = {number}", terms, f"{alias}.id = {id_}")
                yield Relation(f"metadata_value {alias}", {}, conditions=conditions, leading=True)
                return


def _column(term: Predicate) -> HeaderColumn | None:
    match term:
        case bound.Comparison(op, HeaderColumn() as column, Constant()) if op in _WIDER:
            found = column
        case bound.Comparison(op, Constant(), HeaderColumn() as column) if op in _WIDER:
            found = column
        case bound.Membership(HeaderColumn() as column, constants, ()) if 0 < len(constants) <= _MOST:
            found = column
        case _:
            return None
    return found if found.kind in {"int", "str"} else None


def _terms(term: Predicate, column: HeaderColumn, alias: str, binding: Binding) -> str | None:
    match term:
        case bound.Membership(_, constants):
            placed = ", ".join(_placed(value, column, binding) for value in constants)
            return f"{_side(column, alias)} IN ({placed})"
        case bound.Comparison(op, left, right):
            constant, sign = (right, op) if isinstance(right, Constant) else (left, _FLIPPED[op])
            assert isinstance(constant, Constant), "one side is a constant, see `_column`"
            return f"{_side(column, alias)} {_WIDER[sign]} {_placed(constant.value, column, binding)}"
        case _:
            return None


def _side(column: HeaderColumn, alias: str) -> str:
    return f"{alias}.{'text' if column.kind == 'str' else 'number'}"


def _placed(value: object, column: HeaderColumn, binding: Binding) -> str:
    return binding(value) if column.kind == "str" else f"CAST({binding(value)} AS DOUBLE PRECISION)"
