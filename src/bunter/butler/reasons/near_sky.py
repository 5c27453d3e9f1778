"""What lies nearest to where nothing was found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from bunter.query import bound
from bunter.query.bound import Constant, ElementColumn, KeyColumn, Projection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from bunter.query.bound import BoundQuery, Value

    Ask: TypeAlias = Callable[[BoundQuery], pa.Table | None]

__all__ = ["region_hints"]

_MOST, _MOST_PAIRED = 50_000, 5_000
_SHOWN = 2


def region_hints(ask: Ask, context: BoundQuery, left: Value, right: Value) -> Iterator[str]:
    """Yield sentences about the regions next to one that nothing overlaps.

    Parameters
    ----------
    ask : callable
        Returns the rows of a question, None if there have been too many questions.
    context : BoundQuery
        The question without this overlap.
    left, right : Value
        The two sides of the overlap; nothing is said unless one of them is a region that was written.
    """
    universe = context.dimensions.universe
    if isinstance(left, ElementColumn) and isinstance(right, ElementColumn):
        if not universe[left.element].skypix and not universe[right.element].skypix:
            yield from _nearest_pair(ask, context, left, right)
        return
    column, wanted = (left, right) if isinstance(left, ElementColumn) else (right, left)
    if not (isinstance(column, ElementColumn) and isinstance(wanted, Constant)) or universe[column.element].skypix:
        return
    from bunter.geometry import nearest

    rows = _regions(ask, context, column)
    known = [row for row in rows if row["region"] is not None]
    if not known:
        yield f"no {column.element} here has a region" if rows else f"there is no {column.element} here"
        return
    of = "" if len(known) < _MOST else f" of the first {_MOST}"
    names = [name for name in universe[column.element].required if not universe[name].governor]
    told = []
    target: Any = wanted.value
    for place, distance in nearest([row["region"] for row in known], target, _SHOWN):
        told.append(f"{', '.join(f'{name} {known[place][name]}' for name in names)} ({distance:.4g} deg away)")
    yield f"nearest {column.element}{of}: {'; '.join(told)}"
    if len(known) < len(rows):
        yield f"{len(rows) - len(known)} of {len(rows)} have no region"


def _nearest_pair(ask: Ask, context: BoundQuery, left: ElementColumn, right: ElementColumn) -> Iterator[str]:
    """Say which of two elements' regions come nearest to each other, though none meet."""
    from bunter.geometry import nearest, nearest_pair

    names, found = [], []
    for column in (left, right):
        rows = _regions(ask, _alone(context, column), column, _MOST_PAIRED)
        known = [row for row in rows if row["region"] is not None]
        if not known:
            yield f"no {column.element} here has a region" if rows else f"there is no {column.element} here"
            return
        element = context.dimensions.universe[column.element]
        names.append([name for name in element.required if not element.universe[name].governor])
        found.append(known)
    first, second = nearest_pair(*([row["region"] for row in rows] for rows in found))
    mine, other = found[0][first], found[1][second]
    ((_, distance),) = nearest([mine["region"]], other["region"])
    told = " and ".join(
        ", ".join(f"{name} {row[name]}" for name in keys) for keys, row in zip(names, (mine, other), strict=True)
    )
    yield f"nearest of {left.element} and {right.element}: {told} (about {distance:.4g} deg apart)"


def _alone(context: BoundQuery, column: ElementColumn) -> BoundQuery:
    """Return the question about the records of one element only, with the conditions that speak of nothing else."""
    universe = context.dimensions.universe
    group = universe.conform(universe[column.element].required)
    own = [
        term
        for term in bound.conjuncts(context.where)
        if bound.dimensions_of(term, universe) <= group
        and all(isinstance(each, KeyColumn | ElementColumn) for each in bound.columns_of(term))
    ]
    return bound.BoundQuery(kind="data_ids", dimensions=group, result=group, where=bound.all_of(own) if own else None)


def _regions(ask: Ask, context: BoundQuery, column: ElementColumn, most: int = _MOST) -> list[dict[str, Any]]:
    """Return the keys and regions of the elements that take part."""
    universe = context.dimensions.universe
    element = universe[column.element]
    group = universe.conform(element.required)
    if not group <= context.dimensions:
        context = bound.BoundQuery(kind="data_ids", dimensions=group, result=group)
    keys = tuple((name, KeyColumn(name, _kind(universe.key_column(name).kind))) for name in element.required)
    shown = Projection((*keys, ("region", column)))
    table = ask(replace(context, projection=shown, limit=most))
    if table is None:
        return []
    rows = {tuple(row[name] for name in element.required): row for row in table.to_pylist()}
    return list(rows.values())


def _kind(kind: str) -> bound.Kind:
    return "bytes" if kind == "hash" else kind  # type: ignore[return-value]
