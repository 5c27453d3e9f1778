"""The user's selection, taken apart into conditions that must all hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.query.bound import ElementColumn, KeyColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bunter.dimensions import DimensionGroup
    from bunter.graph.joins import Joins
    from bunter.graph.keys import Array
    from bunter.graph.relation import Relation
    from bunter.query.bound import Column, Predicate

__all__ = ["Conjunct", "satisfied"]


@dataclass(frozen=True, slots=True, eq=False)
class Conjunct:
    """One condition of a selection; an OR is one condition.

    Parameters
    ----------
    text : str
        How the user wrote it.
    dimensions : DimensionGroup
        What must be known to decide it.
    columns : tuple of Column
        What it reads.
    test : callable
        From the columns' values (a pair of arrays for a timespan) and the number of rows to an array of bool; null counts
        as false.
    predicate : Predicate, optional
        The condition as the repository understands it.
    """

    text: str
    dimensions: DimensionGroup
    columns: tuple[Column, ...]
    test: Callable[[Mapping[Column, Any], int], Array]
    predicate: Predicate | None = None

    def speaks_about(self, group: DimensionGroup) -> bool:
        """Whether data IDs of the group can be tested."""
        return self.dimensions <= group

    @property
    def is_governing(self) -> bool:
        """Whether it only fixes instruments, sky maps and the like, which filter but never ask for anything."""
        return set(self.dimensions.names) <= set(self.dimensions.governors)


def satisfied(conjunct: Conjunct, relation: Relation, joins: Joins) -> Array:
    """Say for each row whether the condition holds; it is tested once for each distinct data ID that it depends on."""
    few, places = relation.distinct(conjunct.dimensions.required, conjunct.dimensions.implied)
    if not len(few):
        return np.zeros(len(relation), bool)
    values = {column: _values(column, few, joins) for column in conjunct.columns}
    holds = conjunct.test(values, len(few))
    return holds[places]


def _values(column: Column, relation: Relation, joins: Joins) -> Any:
    """Values of a column in each row, masked where null."""
    sources = joins.sources
    if isinstance(column, KeyColumn):
        codes = relation.columns[column.dimension]
        values = sources.vocabulary.decode(column.dimension, np.maximum(codes, 0))
        return np.ma.masked_array(values, codes < 0)
    assert isinstance(column, ElementColumn)
    records = sources.records[column.element]
    rows = joins.rows_of(relation, records.keys, sources.universe[column.element].required)
    if column.kind == "timespan":
        return tuple(_at(records.columns[f"{column.column}_{end}"], rows) for end in ("begin", "end"))
    return _at(records.columns[column.column], rows)


def _at(column: Any, rows: Array) -> Any:
    """Values of the rows, masked where there is no row (-1) or no value."""
    if not len(column):
        return np.ma.masked_array(np.zeros(len(rows), column.dtype), True)
    picked = np.maximum(rows, 0)
    return np.ma.masked_array(np.ma.getdata(column)[picked], (rows < 0) | np.ma.getmaskarray(column)[picked])
