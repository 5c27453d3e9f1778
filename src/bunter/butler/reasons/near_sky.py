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

_MOST = 50_000
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
    column, wanted = (left, right) if isinstance(left, ElementColumn) else (right, left)
    universe = context.dimensions.universe
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


def _regions(ask: Ask, context: BoundQuery, column: ElementColumn) -> list[dict[str, Any]]:
    """Return the keys and regions of the elements that take part."""
    universe = context.dimensions.universe
    element = universe[column.element]
    group = universe.conform(element.required)
    if not group <= context.dimensions:
        context = bound.BoundQuery(kind="data_ids", dimensions=group, result=group)
    keys = tuple((name, KeyColumn(name, _kind(universe.key_column(name).kind))) for name in element.required)
    shown = Projection((*keys, ("region", column)))
    table = ask(replace(context, projection=shown, limit=_MOST))
    if table is None:
        return []
    rows = {tuple(row[name] for name in element.required): row for row in table.to_pylist()}
    return list(rows.values())


def _kind(kind: str) -> bound.Kind:
    return "bytes" if kind == "hash" else kind  # type: ignore[return-value]
