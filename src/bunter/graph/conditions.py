"""Where-clauses as conjuncts over columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError, InvalidQueryError
from bunter.graph.conjuncts import Conjunct
from bunter.query import bind_predicate, describe, evaluate, split_conjuncts
from bunter.query.bound import DatasetColumn, KeyColumn, TimespanBound, all_of, columns_of, dimensions_of
from bunter.query.joins import governors_needed, pinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import DimensionGroup, Universe
    from bunter.graph.keys import Array
    from bunter.pipeline import PipelineGraph
    from bunter.query.bound import Column, Kind, Predicate

__all__ = ["bind_conjuncts", "bind_restrictions", "check_governors", "listed"]


def bind_conjuncts(where: Any, *, scope: DimensionGroup, binds: Mapping[str, object] | None = None) -> list[Conjunct]:
    """Take a selection apart.

    Parameters
    ----------
    where : str or expression
        The selection.
    scope : DimensionGroup
        Dimensions of the pipeline, whose fields need not be named in full.
    binds : mapping, optional
        Values of names in the selection.

    Raises
    ------
    InvalidQueryError
        If it cannot be parsed or makes no sense.
    """
    bind_predicate(where, dimensions=scope, binds=binds)  # so that messages point into the whole text
    return [_conjunct(text, scope, binds) for text in split_conjuncts(where)]


def _conjunct(text: str, scope: DimensionGroup, binds: Mapping[str, object] | None) -> Conjunct:
    predicate = bind_predicate(text, dimensions=scope, binds=binds)
    assert predicate is not None
    columns = columns_of(predicate)
    if any(isinstance(column, DatasetColumn) for column in columns):
        raise InvalidQueryError(
            f"`{text}` is about datasets, and a selection of quanta is about dimensions only", text=text
        )
    return Conjunct(
        text, dimensions_of(predicate, scope.universe), tuple(columns), partial(_test, predicate), predicate
    )


def _test(predicate: Predicate, columns: Mapping[Column, Any], rows: int) -> Array:
    given: dict[Any, Any] = {}
    for column, values in columns.items():
        if column.kind == "timespan":
            given[TimespanBound(column, "begin")], given[TimespanBound(column, "end")] = values
        else:
            given[column] = values
    found: Array = np.asarray(evaluate(predicate, given, rows=rows))
    return found


def bind_restrictions(pipeline: PipelineGraph) -> dict[tuple[str, str], Conjunct]:
    """Bind the conditions that connections carry themselves.

    Raises
    ------
    GraphError
        If a condition is about dimensions that neither the task nor the dataset type has.
    """
    found = {}
    for task in pipeline.tasks:
        for connection in task.connections:
            if connection.where:
                scope = task.dimensions | connection.dimensions
                conjunct = _conjunct(connection.where, scope, None)
                if not conjunct.speaks_about(scope):
                    raise GraphError(
                        f"`{connection.where}` of connection {connection.name!r} of task {task.label!r} needs "
                        f"{conjunct.dimensions}, and the link has only {scope}"
                    )
                found[task.label, connection.name] = conjunct
    return found


def check_governors(conjuncts: Sequence[Conjunct], *, known: Mapping[str, int], universe: Universe) -> None:
    """Refuse a selection that names, say, a visit where there are several instruments and it does not say which.

    Parameters
    ----------
    conjuncts : sequence of Conjunct
        The selection.
    known : mapping of str to int
        How many values each governor has left.
    universe : Universe
        The dimensions.

    Raises
    ------
    InvalidQueryError
        With the governor that is missing.
    """
    terms = [conjunct.predicate for conjunct in conjuncts if conjunct.predicate is not None]
    predicate = all_of(terms) if terms else None
    for governor, (column, _) in governors_needed(predicate, universe).items():
        if known.get(governor, 0) > 1 and not pinned(predicate, governor):
            raise InvalidQueryError(
                f"{describe(column)} means nothing without {governor!r}, of which the repository has {known[governor]}; add "
                f"{governor} = '...' to the selection"
            )


def listed(table: Mapping[str, Sequence[Any]], universe: Universe) -> Conjunct:
    """Make the condition that data IDs agree with a row of a table.

    Parameters
    ----------
    table : mapping of str to sequence
        Columns by dimension.
    universe : Universe
        The dimensions.
    """
    group = universe.conform(table)
    columns = {name: KeyColumn(name, _key_kind(universe, name)) for name in table}
    values = {name: np.asarray(list(column)) for name, column in table.items()}

    def test(given: Mapping[Column, Any], rows: int) -> Array:
        wanted, seen = np.zeros(len(next(iter(values.values()))), np.int64), np.zeros(rows, np.int64)
        for name, column in values.items():
            known, codes = np.unique(column, return_inverse=True)
            found = np.ma.getdata(given[columns[name]])
            places = np.minimum(np.searchsorted(known, found), len(known) - 1)
            hit = known[places] == found
            wanted = wanted * len(known) + codes.reshape(-1)
            seen = np.where(hit & (seen >= 0), seen * len(known) + places, -1)
        return np.isin(seen, wanted)

    text = f"a table of {len(next(iter(values.values())))} data IDs of {group}"
    return Conjunct(text, group, tuple(columns.values()), test)


def _key_kind(universe: Universe, name: str) -> Kind:
    return "str" if universe.key_column(name).kind == "str" else "int"
