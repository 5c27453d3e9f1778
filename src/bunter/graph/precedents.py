"""What earlier runs have done already, and how a selection spares it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bunter.graph.closure import COMPANION, TARGET
from bunter.graph.fingerprints import fingerprints
from bunter.graph.relation import Relation, joint_keys, single
from bunter.graph.reused import Reused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.graph.closure import Selection
    from bunter.graph.frontier import Frontier
    from bunter.graph.keys import Array, KeyTable
    from bunter.graph.quantum_graph import QuantumGraph
    from bunter.pipeline import Connection

__all__ = ["Precedent", "spare"]


@dataclass(frozen=True, slots=True, eq=False)
class Precedent:
    """An earlier run.

    Parameters
    ----------
    graph : QuantumGraph
        Its graph, with fingerprints.
    succeeded : array of bool
        For each quantum of that graph whether it has succeeded.
    written : array of bool
        For each dataset of that graph whether the run has written it.
    present : array of bool
        For each dataset of that graph whether the run wrote it and the repository still has it.
    """

    graph: QuantumGraph
    succeeded: Array
    written: Array
    present: Array


def spare(selection: Selection, precedents: Sequence[Precedent]) -> Selection:
    """Take from a selection what earlier runs have done, and what only that needs.

    A quantum is done if one with its fingerprint has succeeded, unless the repository no longer has something that it wrote
    and that no task reads. If something that is planned reads a dataset that is gone, what makes it is planned again, and so
    on backwards.

    Parameters
    ----------
    selection : Selection
        What was asked for and what that needs.
    precedents : sequence of Precedent
        Earlier runs; of two that did the same the first counts.

    Returns
    -------
    Selection
        With fingerprints, and roles for what is still to be run.
    """
    prints = fingerprints(selection.frontier)
    if not precedents:
        return replace(selection, fingerprints=prints)
    past = _Past(selection.frontier, prints)
    for precedent in precedents:
        past.add(precedent)
    roles = _left(selection, past)
    spared = {label: (role > 0) & (roles[label] == 0) for label, role in selection.roles.items()}
    reused = {name: past.reused(name) for name in past.present}
    return replace(selection, roles=roles, fingerprints=prints, spared=spared, done=past.done, reused=reused)


class _Past:
    """What precedents say about the candidates of a frontier.

    Parameters
    ----------
    frontier : Frontier
        Candidates and the datasets that they would make.
    prints : mapping of str to array
        Fingerprints of the candidates.
    """

    def __init__(self, frontier: Frontier, prints: Mapping[str, Array]) -> None:
        self._frontier, self._prints = frontier, prints
        tasks = [rows.task for rows in frontier.tasks.values()]
        sizes = {c.dataset_type: len(frontier.datasets[c.dataset_type].keys) for task in tasks for c in task.outputs}
        self._read = {c.dataset_type for task in tasks for c in task.inputs}
        self.done = {label: np.zeros(len(rows.keys), bool) for label, rows in frontier.tasks.items()}
        self.present = {name: np.zeros(size, bool) for name, size in sizes.items()}
        self.gone = {name: np.zeros(size, bool) for name, size in sizes.items()}
        self._ids = {name: np.zeros((size, 16), np.uint8) for name, size in sizes.items()}
        self._run = {name: np.zeros(size, np.int64) for name, size in sizes.items()}
        self._runs: list[str] = []

    def reused(self, name: str) -> Reused:
        """Return what is there of a type."""
        return Reused(self._ids[name], self._run[name], self.present[name], self.gone[name], tuple(self._runs))

    def add(self, precedent: Precedent) -> None:
        """Look at one more run."""
        self._runs.append(precedent.graph.header.output_run)
        for label, rows in self._frontier.tasks.items():
            theirs = self._twins(label, precedent)
            left = []
            for connection in rows.task.outputs:
                found = _Left.of(self._frontier, precedent, label, connection, theirs)
                if connection.dataset_type not in self._read and not connection.is_automatic:
                    maker = self._frontier.datasets[connection.dataset_type].maker
                    assert maker is not None
                    theirs[maker[found.mine[found.gone]]] = -1
                left.append((connection, found))
            self.done[label] |= theirs >= 0
            for connection, found in left:
                self._take(connection.dataset_type, found, theirs, precedent)

    def _twins(self, label: str, precedent: Precedent) -> Array:
        """For each candidate that is not done yet, the quantum of a run that did the same; -1 for none."""
        none = np.full(len(self.done[label]), -1, np.int64)
        table = precedent.graph.tasks.get(label)
        if table is None or table.fingerprints is None or not len(table):
            return none
        succeeded = np.flatnonzero(precedent.succeeded[table.first : table.first + len(table)])
        theirs = np.ascontiguousarray(table.fingerprints)[succeeded].view("V16").reshape(-1)
        mine = np.ascontiguousarray(self._prints[label]).view("V16").reshape(-1)
        _, numbers = np.unique(np.concatenate([mine, theirs]), return_inverse=True)
        places = single(numbers[: len(mine)], numbers[len(mine) :])
        return np.where((places >= 0) & ~self.done[label], succeeded[places] if len(succeeded) else none, -1)

    def _take(self, name: str, found: _Left, theirs: Array, precedent: Precedent) -> None:
        maker = self._frontier.datasets[name].maker
        assert maker is not None
        counts = theirs[maker[found.mine]] >= 0
        self.gone[name][found.mine[counts & found.gone]] = True
        chosen = counts & ~found.gone
        mine = found.mine[chosen]
        if not len(mine):
            return
        self.present[name][mine] = True
        self._ids[name][mine] = _predicted_ids(precedent.graph, name, found.rows[chosen])
        self._run[name][mine] = len(self._runs) - 1


@dataclass(frozen=True, slots=True, eq=False)
class _Left:
    """What the twins of candidates have written through one connection.

    Parameters
    ----------
    mine : array
        Row of each dataset in this graph.
    rows : array
        Its row in the table of the earlier graph.
    gone : array of bool
        Whether the repository no longer has it.
    """

    mine: Array
    rows: Array
    gone: Array

    @classmethod
    def of(cls, frontier: Frontier, precedent: Precedent, label: str, connection: Connection, theirs: Array) -> _Left:
        """Find the datasets by data ID."""
        edge = precedent.graph.edges.get((label, connection.name))
        nothing = np.zeros(0, np.int64)
        if edge is None or edge.dataset_type != connection.dataset_type:
            return cls(nothing, nothing, nothing.astype(bool))
        table = precedent.graph.datasets[connection.dataset_type]
        twin = np.zeros(edge.size, bool)
        twin[theirs[theirs >= 0]] = True
        rows = edge.datasets[twin[edge.quanta]]
        rows = rows[precedent.written[rows + table.first]]
        mine = _same_keys(frontier, connection.dataset_type, table.keys, rows)
        rows, mine = rows[mine >= 0], mine[mine >= 0]
        return cls(mine, rows, ~precedent.present[rows + table.first])


def _same_keys(frontier: Frontier, name: str, keys: KeyTable, rows: Array) -> Array:
    """Find for rows of an earlier graph's table the dataset of this one that has the data ID; -1 for none."""
    vocabulary, known = frontier.joins.sources.vocabulary, frontier.datasets[name].keys
    codes = {d: vocabulary.encode(d, keys.vocabulary.values[d])[keys.column(d)[rows]] for d in keys.required}
    told = np.all([np.ones(len(rows), bool), *(column >= 0 for column in codes.values())], axis=0)
    old = Relation(codes, len(rows)).take(told)
    joint = joint_keys(old, known, keys.required)
    found = np.full(len(rows), -1, np.int64)
    found[told] = single(joint[: len(old)], joint[len(old) :])
    return found


def _predicted_ids(graph: QuantumGraph, name: str, rows: Array) -> Array:
    """Ids of datasets that a graph has predicted, ``(n, 16) uint8``."""
    high, low = np.frombuffer(graph.header.base, ">u8").astype(np.uint64)
    lows = low + (rows + graph.datasets[name].first).astype(np.uint64)
    pairs = np.stack([np.full(len(rows), high, np.uint64), lows], axis=1)
    return pairs.astype(">u8").view(np.uint8).reshape(-1, 16)


def _left(selection: Selection, past: _Past) -> dict[str, Array]:
    """Roles of what is still to be run: what is wanted for itself and not done, and backwards what that needs."""
    frontier = selection.frontier
    roles = {}
    for label, role in selection.roles.items():
        wanted = ((role == TARGET) | (role == COMPANION)) & ~past.done[label]
        roles[label] = np.where(wanted, role, 0).astype(np.int8)
    makers = {c.dataset_type: label for label, rows in frontier.tasks.items() for c in rows.task.outputs}
    for label in reversed(frontier.tasks):
        rows = frontier.tasks[label]
        for connection in rows.task.inputs:
            producer = makers.get(connection.dataset_type)
            if producer is not None:
                pairs = rows.edges[connection.name]
                read = pairs.right[roles[label][pairs.left] > 0]
                maker = frontier.datasets[connection.dataset_type].maker
                assert maker is not None
                quanta = maker[read]
                again = quanta[~past.done[producer][quanta] | past.gone[connection.dataset_type][read]]
                roles[producer][again] = selection.roles[producer][again]
    return roles
