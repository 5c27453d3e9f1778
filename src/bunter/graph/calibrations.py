"""Calibrations that are valid at the time of each quantum, found in bulk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bunter.graph.relation import Pairs

if TYPE_CHECKING:
    from bunter.dimensions import DimensionGroup
    from bunter.graph.joins import Joins
    from bunter.graph.keys import Array
    from bunter.graph.relation import Relation
    from bunter.graph.sources import Certified
    from bunter.pipeline import Connection

__all__ = ["Found", "certified_datasets", "instants", "lookup"]

_OPEN_BEGIN, _OPEN_END = -(2**63), 2**63 - 1
_NONE, _SEVERAL = -1, -2


def certified_datasets(certified: Certified) -> Array:
    """Return one row for each dataset, which may be certified several times, ascending."""
    rows: Array = np.sort(np.unique(_texts(certified), return_index=True)[1])
    return rows


def _texts(certified: Certified) -> Array:
    return np.ascontiguousarray(certified.existing.ids).reshape(-1, 16).view("S16").reshape(-1)


def _dataset_of(certified: Certified, rows: Array) -> Array:
    """Place of the dataset of each certification among the rows of `certified_datasets`."""
    _, first, inverse = np.unique(_texts(certified), return_index=True, return_inverse=True)
    return np.searchsorted(rows, first[inverse.reshape(-1)])


def instants(joins: Joins, keys: Relation, group: DimensionGroup) -> tuple[Array, Array]:
    """Middle of the timespan of each data ID, and whether there is one.

    Returns
    -------
    time : array of int64
        ns TAI.
    known : array of bool
        False where the group has no timespan, or the record none.
    """
    finest = group.finest_temporal()
    if not finest or finest[0].name not in joins.sources.records:
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
    element = finest[0]
    records = joins.sources.records[element.name]
    rows = joins.rows_of(keys, records.keys, element.required)
    begin, end = (records.columns[f"timespan_{name}"] for name in ("begin", "end"))
    missing = np.ma.getmaskarray(begin)[rows] | np.ma.getmaskarray(end)[rows] | (rows < 0)
    begin, end = np.ma.getdata(begin)[rows], np.ma.getdata(end)[rows]
    half_open = np.where(begin == _OPEN_BEGIN, end - 1, begin)
    bounded = (begin != _OPEN_BEGIN) & (end != _OPEN_END)
    middle = np.where(bounded, begin + (np.where(bounded, end, 0) - np.where(bounded, begin, 0)) // 2, half_open)
    return middle, ~missing


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What quanta read of a prerequisite.

    Parameters
    ----------
    pairs : Pairs
        Quantum, and row of the dataset.
    torn : array
        Quanta of a task without times for which several datasets of one data ID are certified, so that none is meant.
    """

    pairs: Pairs
    torn: Array = field(default_factory=lambda: np.zeros(0, np.int64))


def lookup(joins: Joins, keys: Relation, group: DimensionGroup, connection: Connection, rows: Array | None) -> Found:
    """Find the calibrations that quanta read: of each data ID the one valid at the quantum's time.

    A quantum without a time gets what the first collection that has any certifies, if that is one dataset, in however many
    ranges.

    Parameters
    ----------
    joins : Joins
        Relations of the dimension records.
    keys, group : Relation, DimensionGroup
        The quanta.
    connection : Connection
        The prerequisite.
    rows : array
        Rows of `certified_datasets`.
    """
    assert rows is not None
    certified = joins.sources.calibrations[connection.dataset_type]
    dataset = _dataset_of(certified, rows)
    full = joins.expand(certified.existing.keys, connection.dimensions)
    distinct, series = full.distinct(connection.dimensions.required, connection.dimensions.implied)
    pairs = joins.linked(keys, group, distinct, connection.dimensions)
    time, known = instants(joins, keys, group)
    found = np.full(len(pairs), _NONE, np.int64)
    for rank in np.unique(certified.rank):
        open_ = np.flatnonzero(found == _NONE)
        mine = np.flatnonzero(certified.rank == rank)
        wanted, at, timed = pairs.right[open_], time[pairs.left[open_]], known[pairs.left[open_]]
        hits = _valid(series[mine], certified.begin[mine], certified.end[mine], wanted, at)
        chosen = np.where(timed, hits, _only(series[mine], dataset[mine], wanted))
        found[open_] = np.where(chosen >= 0, mine[chosen], chosen)
    torn = np.zeros(0, np.int64) if group.finest_temporal() else np.unique(pairs.left[found == _SEVERAL])
    kept = pairs.where(found >= 0)
    return Found(Pairs(kept.left, dataset[found[found >= 0]]), torn)


def _valid(series: Array, begin: Array, end: Array, wanted: Array, time: Array) -> Array:
    """Row of the validity range of a series that holds a time, -1 for none; ranges of a series do not overlap."""
    starts = np.unique(begin)
    order = np.lexsort((begin, series))
    radix = len(starts) + 1
    ordered = (series * radix + np.searchsorted(starts, begin) + 1)[order]
    place = np.searchsorted(ordered, wanted * radix + np.searchsorted(starts, time, "right"), "right") - 1
    row = order[np.maximum(place, 0)]
    holds = (place >= 0) & (series[row] == wanted) & (begin[row] <= time) & (time < end[row])
    return np.where(holds, row, -1)


def _only(series: Array, dataset: Array, wanted: Array) -> Array:
    """Row of a series that is all of one dataset; negative if there is none, or several."""
    order = np.lexsort((dataset, series))
    begin = np.searchsorted(series[order], wanted, "left")
    end = np.searchsorted(series[order], wanted, "right")
    first, last = order[np.minimum(begin, len(order) - 1)], order[np.maximum(end - 1, 0)]
    found = np.where(dataset[first] == dataset[last], first, _SEVERAL)
    return np.where(begin < end, found, _NONE)
