"""From a selection to a graph: planned rows renumbered, codes made compact, datasets and edges in their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.errors import GraphError
from bunter.graph.artifacts import ArtifactTable
from bunter.graph.explanation import Absent, Explanation, TaskExplanation
from bunter.graph.keys import KeyTable, Vocabulary, smallest_unsigned
from bunter.graph.quantum_graph import QuantumGraph
from bunter.graph.relation import Pairs
from bunter.graph.tables import DatasetTable, Edges, QuantumTable
from bunter.graph.waiting import waiting_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.dimensions import DimensionGroup
    from bunter.graph.closure import Selection
    from bunter.graph.header import Header
    from bunter.graph.keys import Array
    from bunter.graph.relation import Relation
    from bunter.graph.rows import DatasetRows, TaskRows
    from bunter.graph.sources import Existing, Sources
    from bunter.pipeline import Connection, PipelineGraph

__all__ = ["Assembly", "explain"]

_SPARED = (
    "done before: the same task, version and configuration on the same inputs",
    "not needed: all that reads it was done before",
)
_MOST_ABSENT = 2_000_000  # beyond this many, only counts of what is not planned are kept


class Assembly:
    """Makes the tables of a graph.

    Parameters
    ----------
    selection : Selection
        What is planned.
    sources : Sources
        What it was selected from.
    pipeline : PipelineGraph
        The pipeline.
    header : Header
        Where the graph comes from and where results go.
    locate : callable, optional
        From ids to the artifacts of each; None attaches none.
    """

    def __init__(
        self,
        selection: Selection,
        sources: Sources,
        pipeline: PipelineGraph,
        header: Header,
        locate: Callable[[list[bytes]], Sequence[Sequence[StoredArtifact]]] | None = None,
    ) -> None:
        self.selection, self.sources, self.pipeline, self.header = selection, sources, pipeline, header
        self.locate = locate
        self.frontier = selection.frontier
        self.quanta = {label: np.flatnonzero(role) for label, role in selection.roles.items()}
        self._number = {label: _numbers(self.quanta[label], len(role)) for label, role in selection.roles.items()}
        self._made = {c.dataset_type: task.label for task in pipeline.tasks for c in task.outputs}
        self.pairs = {
            (label, name): self._planned(label, name, pairs)
            for label, rows in self.frontier.tasks.items()
            for name, pairs in rows.edges.items()
        }
        self.used = {name: self._used(name) for name in self.frontier.datasets}

    def graph(self) -> QuantumGraph:
        """Make the graph."""
        absent = {label: found for label, rows in self.frontier.tasks.items() if len(found := self._absent_rows(rows))}
        few = {label: found for label, found in absent.items() if len(found) <= _MOST_ABSENT}
        codes = _Codes(self.sources.vocabulary, self._relations(few))
        tasks = self._tasks(codes)
        datasets = self._datasets(codes, tasks)
        documents = {
            "pipeline": self.pipeline.to_dict(),
            "explanation": explain(self.selection, self._input_counts()).to_dict(),
        }
        return QuantumGraph(
            self.header,
            tasks=tasks,
            datasets=datasets,
            edges=self._edges(datasets),
            documents=documents,
            absent={label: self._absent(label, found, codes) for label, found in few.items()},
        )

    # Rows.

    def _planned(self, label: str, name: str, pairs: Pairs) -> Pairs:
        """Edges of planned quanta, which are renumbered."""
        planned = pairs.where(self._number[label][pairs.left] >= 0)
        planned = Pairs(self._number[label][planned.left], planned.right)
        connection = self.pipeline[label].connection(name)
        if connection.kind != "output" and not connection.multiple:
            self._refuse_many(label, connection, planned)
        return planned

    def _refuse_many(self, label: str, connection: Connection, pairs: Pairs) -> None:
        counts = pairs.count_left(len(self.quanta[label]))
        if (many := np.flatnonzero(counts > 1)).size:
            keys = self.frontier.tasks[label].keys
            row = int(self.quanta[label][many[0]])
            names = self.pipeline[label].dimensions.required
            found = {name: self.sources.vocabulary.value(name, int(keys.columns[name][row])) for name in names}
            raise GraphError(
                f"input {connection.name!r} of task {label!r} takes one {connection.dataset_type!r}, but {len(many):,} quanta "
                f"find more, the first at {found} finds {counts[many[0]]}; declare it with multiple=True, or narrow it "
                "with where="
            )

    def _used(self, name: str) -> Array:
        """Rows of the datasets that planned quanta read or write, ascending."""
        rows = [
            pairs.right
            for (label, connection), pairs in self.pairs.items()
            if self.pipeline[label].connection(connection).dataset_type == name
        ]
        used: Array = np.unique(np.concatenate([np.zeros(0, np.int64), *rows]))
        return used

    def _absent_rows(self, rows: TaskRows) -> Array:
        return np.flatnonzero(self.selection.roles[rows.task.label] == 0)

    def _relations(self, absent: Mapping[str, Array]) -> Iterable[Relation]:
        for label, rows in self.frontier.tasks.items():
            yield rows.keys.take(self.quanta[label])
            if label in absent:
                yield rows.keys.take(absent[label]).only(rows.task.dimensions.required)
        for name, used in self.used.items():
            if name not in self._made or name in self.selection.reused:
                yield self.frontier.datasets[name].keys.take(used)

    # Tables.

    def _tasks(self, codes: _Codes) -> dict[str, QuantumTable]:
        tables, first = {}, 0
        for label, rows in self.frontier.tasks.items():
            chosen = self.quanta[label]
            roles = _constant(self.selection.roles[label][chosen].astype(np.uint8))
            keys = codes.table(rows.keys.take(chosen), rows.task.dimensions)
            prints = self.selection.fingerprints[label][chosen]
            tables[label] = QuantumTable(label, first, keys, prints, roles)
            first += len(chosen)
        return tables

    def _datasets(self, codes: _Codes, tasks: Mapping[str, QuantumTable]) -> dict[str, DatasetTable]:
        tables: dict[str, DatasetTable] = {}
        first = 0
        for name in [*self.frontier.datasets, *self._init_types()]:
            if name in self.frontier.datasets:
                table = self._dataset_table(name, first, codes, tasks)
            else:
                table = self._init_table(name, first, codes)
            tables[name] = table
            first += len(table)
        return tables

    def _init_types(self) -> list[str]:
        names = (c.dataset_type for task in self.pipeline.tasks for c in task.connections if c.is_init)
        return list(dict.fromkeys(names))

    def _storage(self, name: str) -> tuple[str, bool]:
        kind = self.pipeline.dataset_types[name]
        return kind.storage_class, kind.is_calibration

    def _dataset_table(self, name: str, first: int, codes: _Codes, tasks: Mapping[str, QuantumTable]) -> DatasetTable:
        datasets, used = self.frontier.datasets[name], self.used[name]
        group = self.pipeline.dataset_types[name].dimensions
        if datasets.maker is None:
            keys = codes.table(datasets.keys.take(used), group)
            return self._existing_table(name, first, keys, datasets.existing, _source(datasets, used))
        label = self._made[name]
        planned = self._number[label][datasets.maker[used]] >= 0
        if not planned.all():
            return self._reused_table(name, first, codes.table(datasets.keys.take(used), group), used, planned)
        if group is self.pipeline[label].dimensions and len(used) == len(self.quanta[label]):
            return DatasetTable(name, first, tasks[label].keys, *self._storage(name), (self.header.output_run,))
        keys_of_used = datasets.keys.take(used)
        if len(keys_of_used.distinct(group.required)[0]) < len(used):
            raise GraphError(
                f"several quanta of task {label!r} would write the same {name!r}: its dimensions {group} tell fewer apart "
                f"than the task's {self.pipeline[label].dimensions}"
            )
        keys = codes.table(keys_of_used, group)
        return DatasetTable(name, first, keys, *self._storage(name), (self.header.output_run,))

    def _reused_table(self, name: str, first: int, keys: KeyTable, used: Array, planned: Array) -> DatasetTable:
        """Datasets some of which earlier runs have made; what these never wrote is neither made nor there."""
        reused = self.selection.reused[name]
        exists = reused.present[used] & ~planned
        ids = np.where(exists[:, None], reused.ids[used], np.uint8(0))
        found, run = np.unique(np.where(exists, reused.run[used] + 1, 0), return_inverse=True)
        names = (self.header.output_run, *reused.runs)
        return DatasetTable(
            name,
            first,
            keys,
            *self._storage(name),
            tuple(names[int(one)] for one in found),
            run.reshape(-1).astype(smallest_unsigned(len(found))) if len(found) > 1 else None,
            ids,
            exists,
            self._located(ids, exists),
        )

    def _located(self, ids: Array, exists: Array | None = None) -> ArtifactTable | None:
        """Where datasets are stored."""
        if self.locate is None or not len(ids):
            return None
        chosen = ids if exists is None else ids[exists]
        joined = np.ascontiguousarray(chosen).tobytes()
        found = self.locate([joined[at : at + 16] for at in range(0, len(joined), 16)])
        if exists is None:
            return ArtifactTable.of(found)
        places = np.cumsum(exists) - 1
        return ArtifactTable.of([found[place] if there else () for place, there in zip(places, exists, strict=True)])

    def _existing_table(
        self, name: str, first: int, keys: KeyTable, existing: Existing | None, source: Array
    ) -> DatasetTable:
        ids = existing.ids[source] if existing is not None else np.zeros((0, 16), np.uint8)
        run = existing.run[source] if existing is not None else np.zeros(0, np.int64)
        found, run = np.unique(run, return_inverse=True)
        runs = tuple(existing.runs[int(one)] for one in found) if existing is not None else ()
        codes = None if len(runs) <= 1 else run.reshape(-1).astype(smallest_unsigned(len(runs)))
        return DatasetTable(name, first, keys, *self._storage(name), runs, codes, ids, artifacts=self._located(ids))

    def _init_table(self, name: str, first: int, codes: _Codes) -> DatasetTable:
        keys = KeyTable((), (), 1, {}, codes.vocabulary)
        written = any(c.dataset_type == name for task in self.pipeline.tasks for c in task.of_kind("init_output"))
        if written and name not in self.sources.datasets:
            return DatasetTable(name, first, keys, *self._storage(name), (self.header.output_run,))
        existing = self.sources.datasets.get(name)
        if existing is None or not len(existing.ids):
            raise GraphError(
                f"there is no {name!r} in {', '.join(self.header.inputs) or 'no collection'}, which a task needs to be "
                "constructed; add the collection that has it to the inputs"
            )
        return self._existing_table(name, first, keys, existing, np.zeros(1, np.int64))

    # Edges.

    def _edges(self, datasets: Mapping[str, DatasetTable]) -> dict[tuple[str, str], Edges]:
        found = {}
        numbers = {name: _numbers(used, len(self.frontier.datasets[name].keys)) for name, used in self.used.items()}
        for task in self.pipeline.tasks:
            for connection in task.connections:
                begin, dataset, size = None, None, 1
                if not connection.is_init:
                    size = len(self.quanta[task.label])
                    pairs = self.pairs[task.label, connection.name]
                    rows = numbers[connection.dataset_type][pairs.right]
                    begin, dataset = Edges.compact(pairs.left, rows, size)
                found[task.label, connection.name] = _edge(task.label, connection, size, begin, dataset)
        del datasets
        return found

    # Explanation.

    def _input_counts(self) -> dict[str, tuple[int, int]]:
        return {
            name: (len(self.frontier.datasets[name].keys), len(used))
            for name, used in self.used.items()
            if name not in self._made
        }

    def _absent(self, label: str, rows: Array, codes: _Codes) -> Absent:
        task = self.frontier.tasks[label]
        steps = [text for text, _ in task.steps]
        reasons = [*steps, *(f"does not meet {text}, nor does anything that reads it" for text in self.selection.said)]
        reason = np.where(task.lost[rows] >= 0, task.lost[rows], len(steps) + self.selection.unmet[label][rows])
        if self.selection.spared:
            spared = np.where(self.selection.done[label], len(reasons), len(reasons) + 1)[rows]
            reason = np.where(self.selection.spared[label][rows], spared, reason)
            reasons += _SPARED
        if self.selection.waits:
            waits = self.selection.waits[task.task.label][rows]
            reason = np.where(waits >= 0, len(reasons) + waits, reason)
            reasons += [f"they {text}" for text in self.selection.awaited]
        keys = codes.table(task.keys.take(rows).only(task.task.dimensions.required), task.task.dimensions)
        return Absent(keys, reason.astype(np.uint8), tuple(reasons))


class _Codes:
    """A vocabulary of the values in use only.

    Parameters
    ----------
    vocabulary : Vocabulary
        All values.
    relations : iterable of Relation
        Those whose values are in use.
    """

    def __init__(self, vocabulary: Vocabulary, relations: Iterable[Relation]) -> None:
        seen: dict[str, Array] = {}
        for relation in relations:
            for name, column in relation.columns.items():
                mask = seen.setdefault(name, np.zeros(vocabulary.size(name) + 1, bool))
                mask[column] = True  # null is -1, the last
        self.vocabulary = Vocabulary({name: vocabulary.values[name][mask[:-1]] for name, mask in seen.items()})
        self._new = {}
        for name, mask in seen.items():
            new = np.cumsum(mask) - 1
            new[-1] = self.vocabulary.size(name)
            self._new[name] = new.astype(smallest_unsigned(self.vocabulary.size(name) + int(mask[-1])))

    def table(self, relation: Relation, group: DimensionGroup) -> KeyTable:
        """Write the data IDs of a relation in the new codes."""
        columns = {name: _constant(self._new[name][column]) for name, column in relation.columns.items()}
        return KeyTable(group.required, group.implied, relation.size, columns, self.vocabulary)


def _constant(column: Array) -> Array:
    """Put a 0-d array in place of a column of one value."""
    return column[0].copy().reshape(()) if len(column) and (column == column[0]).all() else column


def _numbers(rows: Array, size: int) -> Array:
    """Give numbers to those of ``size`` rows that are kept; -1 to the others."""
    numbers = np.full(size, -1, np.int64)
    numbers[rows] = np.arange(len(rows))
    return numbers


def _source(datasets: DatasetRows, used: Array) -> Array:
    return used if datasets.source is None else datasets.source[used]


def _edge(label: str, connection: Connection, size: int, begin: Array | None, dataset: Array | None) -> Edges:
    kind: Any = connection.kind
    return Edges(
        label=label,
        connection=connection.name,
        kind=kind,
        dataset_type=connection.dataset_type,
        component=connection.component,
        storage_class=connection.storage_class,
        size=size,
        multiple=connection.multiple,
        deferred=connection.deferred,
        begin=begin,
        dataset=dataset,
    )


def _spared(selection: Selection, label: str) -> tuple[int, int]:
    """How many selected quanta an earlier run has done, and how many only these would read."""
    if label not in selection.spared:
        return 0, 0
    spared, done = selection.spared[label], selection.done[label]
    return int(np.count_nonzero(spared & done)), int(np.count_nonzero(spared & ~done))


def explain(selection: Selection, inputs: Mapping[str, tuple[int, int]]) -> Explanation:
    """Count what was kept and what went."""
    tasks = {}
    for label, rows in selection.frontier.tasks.items():
        role, unmet = selection.roles[label], selection.unmet[label]
        idle_rows = (role == 0) & ~selection.spared.get(label, np.zeros(len(role), bool))
        if label in selection.waits:  # what waits would be planned
            idle_rows &= selection.waits[label] < 0
        idle = [int(np.count_nonzero(idle_rows & (unmet == number))) for number in range(len(selection.said))]
        tasks[label] = TaskExplanation(
            label=label,
            steps=tuple(rows.steps),
            unmet=tuple(
                (f"where {text}, itself and through all it is joined to", count)
                for text, count in zip(selection.said, idle, strict=True)
            ),
            targets=int(np.count_nonzero(role == 1)),
            needed=int(np.count_nonzero(role == 2)),
            companions=int(np.count_nonzero(role == 3)),
            spared=tuple(zip(_SPARED, _spared(selection, label), strict=True)),
            waiting=waiting_counts(selection, label),
        )
    made = {c.dataset_type: label for label, rows in selection.frontier.tasks.items() for c in rows.task.outputs}
    brought = tuple(
        (label, name, made[selection.frontier.tasks[label].task.connection(name).dataset_type], count)
        for (label, name), count in selection.brought.items()
    )
    return Explanation(tasks, inputs, brought)
