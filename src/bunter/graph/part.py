"""A part of a graph: some of its quanta with what they read and write, under the numbers that they have in the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bunter.graph.artifacts import spread
from bunter.graph.keys import KeyTable, Vocabulary, smallest_unsigned
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.tables import DatasetTable, Edges, QuantumTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.graph.keys import Array

__all__ = ["part_of"]

_INIT = ("init_input", "init_output")


def part_of(graph: QuantumGraph, quanta: Array, *, labels: Sequence[str] = ()) -> QuantumGraph:
    """Return the graph of some quanta.

    Parameters
    ----------
    graph : QuantumGraph
        The whole, or a part.
    quanta : (N,) int64
        Their numbers, in any order.
    labels : sequence of str, optional
        Keep only these tasks, and nothing of how tasks are constructed or of who makes what the quanta read; without it, all tasks
        stay, even those without quanta, and all that they are constructed with.

    Returns
    -------
    QuantumGraph
        Quanta and datasets keep their numbers; predicted ids and names of artifacts therefore are those of the whole.
    """
    numbers = np.unique(quanta)
    chosen = {label: graph.tasks[label].rows_of(numbers) for label in labels or graph.tasks}
    edges = {key: edge for key, edge in graph.edges.items() if key[0] in chosen and not (labels and edge.kind in _INIT)}
    pairs = {key: _pairs(edge, chosen[key[0]]) for key, edge in edges.items()}
    rows: dict[str, list[Array]] = {}
    for key, edge in edges.items():
        rows.setdefault(edge.dataset_type, []).append(pairs[key][1])
    used = {name: _distinct(rows[name]) for name in graph.datasets if name in rows}
    makers = {} if labels else graph.producers
    keys = _Keys(graph)
    tasks = {label: _task(graph.tasks[label], own, keys) for label, own in chosen.items()}
    tables = {name: _table(graph.datasets[name], mine, makers.get(name), keys) for name, mine in used.items()}
    coded = keys.narrowed()
    return QuantumGraph(
        graph.header,
        tasks={label: replace(table, keys=coded[id(table.keys)]) for label, table in tasks.items()},
        datasets={name: replace(table, keys=coded[id(table.keys)]) for name, table in tables.items()},
        edges={key: _narrowed(edges[key], *pairs[key], used[edges[key].dataset_type]) for key in edges},
        documents={"pipeline": {}, "explanation": {}} if labels else {**graph.documents, "explanation": {}},
        totals=graph.totals,
    )


def _pairs(edge: Edges, own: Array) -> tuple[Array | None, Array]:
    """Return how many datasets each quantum has, None for one each, and their rows."""
    if edge.kind in _INIT:
        own = np.arange(edge.size)
    if edge.begin is None:
        return None, own if edge.dataset is None else edge.dataset[own].astype(np.int64)
    assert edge.dataset is not None
    begins = edge.begin[own].astype(np.int64)
    counts = edge.begin[own + 1] - begins
    return counts, edge.dataset[spread(begins, counts)].astype(np.int64)


def _distinct(rows: list[Array]) -> Array:
    first = rows[0]
    if len(rows) == 1 and (first[1:] > first[:-1]).all():
        return first
    return np.unique(np.concatenate(rows))


def _narrowed(edge: Edges, counts: Array | None, rows: Array, used: Array) -> Edges:
    places = np.searchsorted(used, rows).astype(np.uint32)
    size = len(rows) if counts is None else len(counts)
    if counts is not None:
        begin = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
        return replace(edge, size=size, begin=begin, dataset=places)
    same = bool((places == np.arange(size)).all())
    return replace(edge, size=size, begin=None, dataset=None if same else places)


def _task(table: QuantumTable, own: Array, keys: _Keys) -> QuantumTable:
    return QuantumTable(
        table.label,
        table.first,
        keys.take(table.keys, own),
        None if table.fingerprints is None else table.fingerprints[own],
        table.roles if table.roles is None or not table.roles.ndim else table.roles[own],
        rows=table.numbers(own),
    )


def _table(table: DatasetTable, own: Array, makers: Array | None, keys: _Keys) -> DatasetTable:
    return replace(
        table,
        keys=keys.take(table.keys, own),
        run=None if table.run is None else table.run[own],
        ids=None if table.ids is None else table.ids[own],
        exists=None if table.exists is None else table.exists[own],
        artifacts=None if table.artifacts is None else table.artifacts.take(own),
        rows=table.numbers(own),
        makers=None if makers is None else makers[own],
    )


class _Keys:
    """Data IDs of a part, which share one vocabulary of the values that occur in it."""

    def __init__(self, graph: QuantumGraph) -> None:
        self._graph = graph
        self._taken: dict[int, list[tuple[Array, KeyTable]]] = {}
        self._tables: list[KeyTable] = []

    def take(self, keys: KeyTable, own: Array) -> KeyTable:
        """Return some rows; the same ones again are the same table, so that they are kept once."""
        known = self._taken.setdefault(id(keys), [])
        for rows, table in known:
            if len(rows) == len(own) and (rows == own).all():
                return table
        codes = {name: _short(column, own) for name, column in keys.codes.items()}
        table = KeyTable(keys.required, keys.implied, len(own), codes, keys.vocabulary)
        known.append((own, table))
        self._tables.append(table)
        return table

    def narrowed(self) -> Mapping[int, KeyTable]:
        """Return the tables with codes of the one vocabulary, by the identity of those that were taken."""
        columns: dict[str, list[Array]] = {}
        for table in self._tables:
            for name, codes in table.codes.items():
                columns.setdefault(name, []).append(codes.reshape(-1))
        used = {name: np.unique(np.concatenate(found)) for name, found in columns.items()}
        whole = next((table.keys.vocabulary.values for table in self._graph.tasks.values()), {})
        # The code that follows the last value is null and has no value.
        vocabulary = Vocabulary({name: whole[name][codes[codes < len(whole[name])]] for name, codes in used.items()})
        return {
            id(table): replace(
                table,
                codes={
                    name: np.searchsorted(used[name], codes).astype(smallest_unsigned(len(used[name])))
                    for name, codes in table.codes.items()
                },
                vocabulary=vocabulary,
                _columns={},
                _last={},
            )
            for table in self._tables
        }


def _short(column: Array, own: Array) -> Array:
    """Return some rows of a column; a 0-d one if they are all alike."""
    if not column.ndim or not len(own):
        return column if not column.ndim else column[own]
    found = column[own]
    return found[:1].reshape(()) if (found == found[0]).all() else found
