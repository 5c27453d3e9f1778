"""Tasks that want to have a say in their quanta are asked, and what follows from their answers is worked out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError
from bunter.graph.predicted import new_base, predicted_id
from bunter.graph.quantum import QuantumRef
from bunter.graph.relation import Pairs
from bunter.pipeline.connections import Connections
from bunter.pipeline.planned import PlannedEdges, PlannedQuanta
from bunter.pipeline.signals import NoWorkFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.graph.closure import Selection
    from bunter.graph.keys import Array, Vocabulary
    from bunter.graph.relation import Relation
    from bunter.graph.rows import DatasetRows, TaskRows
    from bunter.pipeline import Connection, PipelineGraph

__all__ = ["adjust"]


def adjust(selection: Selection, pipeline: PipelineGraph) -> Selection:
    """Ask the tasks that override ``adjust_quantum`` or ``adjust_quanta``, in order.

    What a dropped quantum would have made is not there for its readers; a quantum that is left with too little goes too.

    Raises
    ------
    GraphError
        If a hook fails, or keeps what it was not given.
    """
    if not any(task.adjusts_quanta for task in pipeline.tasks):
        return selection
    return _Adjustment(selection, pipeline).result()


class _Adjustment:
    """Goes through the tasks, producers first.

    Parameters
    ----------
    selection : Selection
        What is planned so far.
    pipeline : PipelineGraph
        The pipeline.
    """

    def __init__(self, selection: Selection, pipeline: PipelineGraph) -> None:
        self._selection, self._pipeline = selection, pipeline
        self._frontier, self._vocabulary = selection.frontier, selection.frontier.joins.sources.vocabulary
        self._roles = {label: role.copy() for label, role in selection.roles.items()}
        self._unmet = {label: unmet.copy() for label, unmet in selection.unmet.items()}
        self._gone: dict[str, Array] = {}

    def result(self) -> Selection:
        """Return what is left."""
        for task in self._pipeline.tasks:
            rows = self._frontier.tasks[task.label]
            self._follow(rows)
            if task.adjusts_quanta:
                connections = task.task_class().Connections(task.config)
                self._ask(rows, connections)
                self._follow(rows)
            self._unmake(rows)
        return replace(self._selection, roles=self._roles, unmet=self._unmet)

    def _planned(self, rows: TaskRows) -> Array:
        return np.flatnonzero(self._roles[rows.task.label] > 0)

    def _drop(self, rows: TaskRows, mask: Array, reason: str) -> None:
        if mask.any():
            rows.keep(~mask, reason)
            self._roles[rows.task.label][mask] = 0
            self._unmet[rows.task.label][mask] = -1

    def _follow(self, rows: TaskRows) -> None:
        """Unlink what is no longer made, and drop quanta that are left with too little."""
        for connection in rows.task.inputs:
            pairs = rows.edges[connection.name]
            if connection.dataset_type in self._gone:
                rows.edges[connection.name] = pairs = pairs.where(~self._gone[connection.dataset_type][pairs.right])
            short = pairs.count_left(len(rows.keys)) < connection.minimum
            self._drop(rows, short & (self._roles[rows.task.label] > 0), f"too few {connection.name!r} are left")

    def _unmake(self, rows: TaskRows) -> None:
        """Note which datasets are not made after all."""
        role, spared = self._roles[rows.task.label], self._selection.spared.get(rows.task.label)
        before = self._selection.roles[rows.task.label] > 0
        dropped = before & (role == 0) if spared is None else before & (role == 0) & ~spared
        for connection in rows.task.outputs:
            datasets = self._frontier.datasets[connection.dataset_type]
            assert datasets.maker is not None
            pairs = rows.edges[connection.name]
            written = np.zeros(len(datasets.keys), bool)
            written[pairs.right] = True
            gone = dropped[datasets.maker] | ~written
            if gone.any():
                self._gone[connection.dataset_type] = gone

    # Asking.

    def _ask(self, rows: TaskRows, connections: Connections) -> None:
        kind = type(connections)
        if kind.adjust_quantum is not Connections.adjust_quantum:
            self._ask_each(rows, connections)
        if kind.adjust_quanta is not Connections.adjust_quanta:
            self._ask_all(rows, connections)

    def _ask_all(self, rows: TaskRows, connections: Connections) -> None:
        planned = self._planned(rows)
        number = np.full(len(rows.keys), -1, np.int64)
        number[planned] = np.arange(len(planned))
        mine, edges = {}, {}
        for connection in _own(rows):
            pairs = rows.edges[connection.name]
            mine[connection.name] = at = np.flatnonzero(number[pairs.left] >= 0)
            keys = self._frontier.datasets[connection.dataset_type].keys.take(pairs.right[at])
            edges[connection.name] = PlannedEdges(number[pairs.left[at]], _decoded(self._vocabulary, keys))
        quanta = PlannedQuanta(
            rows.task.label, _decoded(self._vocabulary, rows.keys.take(planned)), edges, len(planned)
        )
        try:
            connections.adjust_quanta(quanta)
        except Exception as error:
            raise GraphError(
                f"adjust_quanta of task {rows.task.label!r} failed: {type(error).__name__}: {error}"
            ) from error
        for name, at in mine.items():
            kept = np.ones(len(rows.edges[name]), bool)
            kept[at[quanta.unlinked[name]]] = False
            rows.edges[name] = rows.edges[name].where(kept)
        for reason, mask in quanta.reasons.items():
            dropped = np.zeros(len(rows.keys), bool)
            dropped[planned[mask]] = True
            self._drop(rows, dropped, f"dropped by the task: {reason}")

    def _ask_each(self, rows: TaskRows, connections: Connections) -> None:
        readers = {connection.name: _Refs(self._vocabulary, self._frontier.datasets[connection.dataset_type], connection)
                   for connection in _own(rows)}  # fmt: skip
        found = {name: _by_quantum(rows.edges[name]) for name in readers}
        kept: dict[str, list[Array]] = {name: [] for name in readers}
        reasons: dict[str, list[int]] = {}
        columns = _decoded(self._vocabulary, rows.keys)
        for quantum in self._planned(rows).tolist():
            data_id = {name: column[quantum].item() for name, column in columns.items()}
            given = {name: readers[name].refs(found[name].get(quantum, ())) for name in readers}
            try:
                left = _adjusted(connections, given, rows, data_id)
            except NoWorkFound as refusal:
                reasons.setdefault(str(refusal) or "it has no work", []).append(quantum)
                continue
            for name, refs in left.items():
                pairs = np.array([ref.row for ref in refs], np.int64)
                kept[name].append(np.stack([np.full(len(pairs), quantum), pairs]))
        for name, parts in kept.items():
            left_pairs = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.int64)
            others = rows.edges[name].where(self._roles[rows.task.label][rows.edges[name].left] == 0)
            rows.edges[name] = Pairs(
                np.concatenate([others.left, left_pairs[0]]), np.concatenate([others.right, left_pairs[1]])
            )
        for reason, quanta in reasons.items():
            dropped = np.zeros(len(rows.keys), bool)
            dropped[quanta] = True
            self._drop(rows, dropped, f"dropped by the task: {reason}")


def _own(rows: TaskRows) -> list[Connection]:
    """Return the connections of each quantum that the task itself declares."""
    task = rows.task
    return [c for c in (*task.inputs, *task.prerequisites, *task.outputs) if not c.is_automatic]


def _decoded(vocabulary: Vocabulary, keys: Relation) -> dict[str, Array]:
    return {name: vocabulary.decode(name, column) for name, column in keys.columns.items() if (column >= 0).all()}


def _by_quantum(pairs: Pairs) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for quantum, dataset in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        found.setdefault(quantum, []).append(dataset)
    return found


def _adjusted(
    connections: Connections, given: Mapping[str, list[QuantumRef]], rows: TaskRows, data_id: Mapping[str, Any]
) -> dict[str, list[QuantumRef]]:
    """Call the hook for one quantum, and check what it gives back."""
    writes = {connection.name for connection in rows.task.outputs}
    inputs = {name: refs for name, refs in given.items() if name not in writes}
    outputs = {name: refs for name, refs in given.items() if name in writes}
    try:
        left_inputs, left_outputs = connections.adjust_quantum(inputs, outputs, data_id)
    except NoWorkFound:
        raise
    except Exception as error:
        raise GraphError(
            f"adjust_quantum of task {rows.task.label!r} failed at {dict(data_id)}: {type(error).__name__}: {error}"
        ) from error
    left = {name: list({**left_inputs, **left_outputs}.get(name, ())) for name in given}
    for name, refs in left.items():
        if not set(refs) <= set(given[name]):
            raise GraphError(
                f"adjust_quantum of task {rows.task.label!r} gave back {name!r} with datasets it was not given"
            )
    return left


class _Refs:
    """Makes references to the datasets of a connection.

    Parameters
    ----------
    vocabulary : Vocabulary
        Values of the data IDs.
    datasets : DatasetRows
        The datasets.
    connection : Connection
        The connection.
    """

    def __init__(self, vocabulary: Vocabulary, datasets: DatasetRows, connection: Connection) -> None:
        self._columns = _decoded(vocabulary, datasets.keys)
        self._datasets, self._connection, self._base = datasets, connection, new_base()

    def refs(self, rows: Any) -> list[QuantumRef]:
        """Make references to some rows; a row is one among the datasets of the type, not yet one of a graph."""
        return [self._ref(row) for row in rows]

    def _ref(self, row: int) -> QuantumRef:
        existing, source = self._datasets.existing, self._datasets.source
        identity, run = predicted_id(self._base, row), ""
        if existing is not None and source is not None:
            identity = existing.ids[source[row]].tobytes()
            run = existing.runs[int(existing.run[source[row]])]
        data_id = {name: column[row].item() for name, column in self._columns.items()}
        name, kind = self._connection.dataset_type, self._connection.storage_class
        return QuantumRef(row, identity, name, data_id, run, kind, exists=existing is not None)
