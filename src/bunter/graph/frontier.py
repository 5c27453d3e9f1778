"""Candidates of each task, their edges, and which of them are feasible: steps 1 and 2 of the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.graph.calibrations import Found, certified_datasets, lookup
from bunter.graph.conjuncts import satisfied
from bunter.graph.links import ties
from bunter.graph.lookups import look_up
from bunter.graph.relation import Pairs, Relation, match
from bunter.graph.rows import DatasetRows, TaskRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import DimensionGroup
    from bunter.graph.conjuncts import Conjunct
    from bunter.graph.decisions import Decision
    from bunter.graph.joins import Joins
    from bunter.graph.keys import Array
    from bunter.graph.sources import Existing
    from bunter.graph.terms import Terms
    from bunter.pipeline import Connection, TaskNode

__all__ = ["Frontier"]


class Frontier:
    """Builds candidates task by task, in topological order.

    Parameters
    ----------
    joins : Joins
        Relations of the dimension records.
    tasks : sequence of TaskNode
        Producers before consumers.
    terms : Terms
        What is said about them.
    filters : mapping of str to sequence of Conjunct
        For each label, the conditions on its quanta that need no join.
    meetings : mapping of str to sequence of Conjunct
        For each label, the conditions that hold if some data ID linked to the quantum satisfies them.

    Attributes
    ----------
    lacking : dict of (str, str) to array of bool
        By label and connection of an indispensable input, the candidates that lack it.
    waiting : dict of (str, str) to array of bool
        By label and connection of an awaited input, the candidates that lack it.
    torn : dict of (str, str) to array of bool
        By label and connection of a calibration, the candidates without a time for which several are certified.
    """

    def __init__(
        self,
        joins: Joins,
        tasks: Sequence[TaskNode],
        terms: Terms,
        *,
        filters: Mapping[str, Sequence[Conjunct]],
        meetings: Mapping[str, Sequence[Conjunct]],
    ) -> None:
        self.joins, self.filters, self.meetings = joins, filters, meetings
        self.terms, self.decisions = terms, terms.decisions
        self.lacking: dict[tuple[str, str], Array] = {}
        self.waiting: dict[tuple[str, str], Array] = {}
        self.torn: dict[tuple[str, str], Array] = {}
        self.tasks: dict[str, TaskRows] = {}
        self.datasets: dict[str, DatasetRows] = {}
        self._narrowed: dict[str, Array] = {}
        for task in tasks:
            self.tasks[task.label] = rows = self._candidates(task)
            self._filter(rows)
            self._connect(rows)
            self._produce(rows)

    # Datasets that exist.

    def _existing(self, connection: Connection) -> DatasetRows:
        name = connection.dataset_type
        if name not in self.datasets:
            found = self._found(name, connection.dimensions)
            for one in self.decisions.overrides(name):
                found = self._with_more(found, self.joins.sources.alternatives[name, one.use], connection.dimensions)
            self.datasets[name] = found
        return self.datasets[name]

    def _with_more(self, found: DatasetRows, more: Existing, group: DimensionGroup) -> DatasetRows:
        """Append the datasets of an override to those of a type."""
        keys = self.joins.expand(more.keys, group)
        columns = {name: np.concatenate([column, keys.columns[name]]) for name, column in found.keys.columns.items()}
        joined = Relation(columns, len(found.keys) + len(keys))
        usual = len(found.keys) if found.usual is None else found.usual
        if found.existing is None or found.source is None:
            return DatasetRows(joined, more, np.arange(len(more.ids)), usual=usual)
        source = np.concatenate([found.source, len(found.existing.ids) + np.arange(len(more.ids))])
        return DatasetRows(joined, found.existing.with_more(more), source, usual=usual)

    def _found(self, name: str, group: DimensionGroup) -> DatasetRows:
        sources = self.joins.sources
        if name in sources.calibrations:
            certified = sources.calibrations[name]
            rows = certified_datasets(certified)
            keys = self.joins.expand(certified.existing.keys.take(rows), group)
            return DatasetRows(keys, certified.existing, rows)
        if name not in sources.datasets:
            return DatasetRows(Relation({each: np.zeros(0, np.int64) for each in group.data_id_keys}, 0))
        existing = sources.datasets[name]
        return DatasetRows(self.joins.expand(existing.keys, group), existing, np.arange(len(existing.ids)))

    def _readable(self, connection: Connection) -> Array:
        """Which datasets of an input's type this connection may read."""
        datasets = self._existing(connection)
        usual = np.arange(len(datasets.keys)) < (len(datasets.keys) if datasets.usual is None else datasets.usual)
        if connection.kind != "input" or connection.whole or datasets.maker is not None:
            return usual
        name = connection.dataset_type
        if name not in self._narrowed:
            allowed = usual
            for conjunct in self.terms.conjuncts:
                if conjunct.speaks_about(connection.dimensions):
                    allowed &= satisfied(conjunct, datasets.keys, self.joins)
            self._narrowed[name] = allowed
        return self._narrowed[name]

    # Candidates.

    def _candidates(self, task: TaskNode) -> TaskRows:
        group = task.dimensions
        required = [c for c in task.inputs if c.minimum > 0 and (task.label, c.name) not in self.terms.awaited]
        waived = {
            tie.families
            for connection in required
            for tie in ties(group | connection.dimensions, (group, connection.dimensions))
            if tie.families
        }
        start, origin = Relation.unit(), "all data IDs"
        if required:
            best = max(required, key=lambda connection: self._reach(group, connection.dimensions))
            start, origin = self._seen_from(best, group), f"data IDs of {best.dataset_type!r}"
        keys = self.joins.complete(start, group, waived=waived)
        return TaskRows.of(task, keys.distinct(group.required, group.implied)[0], origin)

    @staticmethod
    def _reach(group: DimensionGroup, other: DimensionGroup) -> tuple[int, int]:
        """How many dimensions of a task follow from a dataset of a connection; fewer joins are better."""
        linked = ties(group | other, (group, other))
        reached = set(other.names).union(*(tie.dimensions for tie in linked)) & set(group.required)
        return len(reached), -len(linked)

    def _seen_from(self, connection: Connection, group: DimensionGroup) -> Relation:
        datasets = self._existing(connection)
        readable = self._readable(connection)
        if datasets.usual is not None:
            readable = readable | (np.arange(len(readable)) >= datasets.usual)  # what an override may give
        relation = datasets.keys.take(np.flatnonzero(readable))
        for step in self.joins.steps(connection.dimensions, group):
            relation = relation.join(step)
        names = [name for name in group.data_id_keys if name in relation]
        return relation.distinct(names)[0]

    def _filter(self, rows: TaskRows) -> None:
        for one in self.decisions.vetoes(rows.task.label):
            rows.keep(~self.decisions.struck(one, rows.keys, self.joins), f"vetoed by {one.author}: {one.reason}")
        for conjunct in self.filters.get(rows.task.label, ()):
            rows.keep(satisfied(conjunct, rows.keys, self.joins), f"where {conjunct.text}")
        for conjunct in self.meetings.get(rows.task.label, ()):
            rows.keep(self._meets(conjunct, rows), f"where {conjunct.text}, by what it is linked to")

    def _meets(self, conjunct: Conjunct, rows: TaskRows) -> Array:
        group = conjunct.dimensions
        domain = self.joins.complete(Relation.unit(), group)
        domain = domain.take(np.flatnonzero(satisfied(conjunct, domain, self.joins)))
        pairs = self.joins.linked(rows.keys, rows.task.dimensions, domain, group)
        return pairs.count_left(len(rows.keys)) > 0

    # Edges.

    def _connect(self, rows: TaskRows) -> None:
        for connection in (*rows.task.inputs, *rows.task.prerequisites):
            pairs = self._decided(self._edges(rows, connection), rows, connection)
            pairs = self._restricted(pairs, rows, connection)
            rows.edges[connection.name] = pairs
            enough = pairs.count_left(len(rows.keys)) >= connection.minimum
            # What is torn stays, so that planning it is refused with a reason.
            enough |= self.torn.get((rows.task.label, connection.name), False)
            if (rows.task.label, connection.name) in self.terms.indispensable:
                self.lacking[rows.task.label, connection.name] = rows.alive & ~enough
            elif (rows.task.label, connection.name) in self.terms.awaited:
                self.waiting[rows.task.label, connection.name] = rows.alive & ~enough
            elif connection.minimum > 0:
                rows.keep(enough, _lack(connection))

    def _edges(self, rows: TaskRows, connection: Connection) -> Pairs:
        datasets = self._existing(connection)
        living = np.flatnonzero(rows.alive)
        keys, group = rows.keys.take(living), rows.task.dimensions
        if connection.lookup:
            readable = np.flatnonzero(self._readable(connection))
            pairs = look_up(rows, living, connection, datasets.keys.take(readable), self.joins.sources.vocabulary)
            return Pairs(pairs.left, readable[pairs.right])
        if connection.through:
            return self._edges_through(rows, connection)
        found = self._found_by(keys, group, connection, datasets)
        self._note_torn(rows, connection, living[found.torn])
        return Pairs(living[found.pairs.left], found.pairs.right)

    def _note_torn(self, rows: TaskRows, connection: Connection, torn: Array) -> None:
        if len(torn):
            self.torn[rows.task.label, connection.name] = mask = np.zeros(len(rows.keys), bool)
            mask[torn] = True

    def _edges_through(self, rows: TaskRows, connection: Connection) -> Pairs:
        """Look for a prerequisite where and when the datasets of another input are, instead of the quantum."""
        carrier = rows.task.connection(connection.through)
        carried = rows.edges[carrier.name]
        used, place = np.unique(carried.right, return_inverse=True)
        keys = self.datasets[carrier.dataset_type].keys.take(used)
        datasets = self._existing(connection)
        found = self._found_by(keys, carrier.dimensions, connection, datasets)
        self._note_torn(rows, connection, carried.left[np.isin(place.reshape(-1), found.torn)])
        steps = match(place.reshape(-1), found.pairs.left)
        left, right = carried.left[steps.left], found.pairs.right[steps.right]
        agree = np.ones(len(left), bool)
        for name in set(rows.keys.columns) & set(datasets.keys.columns):
            agree &= rows.keys.columns[name][left] == datasets.keys.columns[name][right]
        size = max(len(datasets.keys), 1)
        return Pairs(*np.divmod(np.unique(left[agree] * size + right[agree]), size))

    def _found_by(self, keys: Relation, group: DimensionGroup, connection: Connection, datasets: DatasetRows) -> Found:
        """Datasets that belong to some data IDs: for calibrations those valid at their times."""
        if connection.kind == "prerequisite" and connection.dataset_type in self.joins.sources.calibrations:
            return lookup(self.joins, keys, group, connection, _first(datasets.source, datasets.usual))
        readable = np.flatnonzero(self._readable(connection))
        pairs = self.joins.linked(keys, group, datasets.keys.take(readable), connection.dimensions)
        return Found(Pairs(pairs.left, readable[pairs.right]))

    def _decided(self, pairs: Pairs, rows: TaskRows, connection: Connection) -> Pairs:
        """Apply vetoes on what the graph makes, and overrides."""
        name, datasets = connection.dataset_type, self.datasets[connection.dataset_type]
        if datasets.maker is not None and self.decisions.vetoes(name):
            pairs = pairs.where(self.decisions.left(name, datasets.keys, self.joins)[pairs.right])
        begin = datasets.usual
        for one in self.decisions.overrides(name):
            assert begin is not None
            end = begin + len(self.joins.sources.alternatives[name, one.use].ids)
            if self.decisions.tests[one].speaks_about(rows.task.dimensions):
                pairs = self._overridden(pairs, rows, connection, one, np.arange(begin, end))
            begin = end
        return pairs

    def _overridden(
        self, pairs: Pairs, rows: TaskRows, connection: Connection, decision: Decision, others: Array
    ) -> Pairs:
        """Let the quanta of which an override speaks read other datasets, where these have what they need."""
        spoken = rows.alive & self.decisions.struck(decision, rows.keys, self.joins)
        quanta, group = np.flatnonzero(spoken), rows.task.dimensions
        keys = self.datasets[connection.dataset_type].keys.take(others)
        found = self.joins.linked(rows.keys.take(quanta), group, keys, connection.dimensions)
        kept = pairs.where(~spoken[pairs.left])
        if (torn := self.torn.get((rows.task.label, connection.name))) is not None:
            torn &= ~spoken
        return Pairs(np.concatenate([kept.left, quanta[found.left]]), np.concatenate([kept.right, others[found.right]]))

    def _restricted(self, pairs: Pairs, rows: TaskRows, connection: Connection) -> Pairs:
        conjunct = self.terms.restrictions.get((rows.task.label, connection.name))
        if conjunct is None:
            return pairs
        datasets = self.datasets[connection.dataset_type].keys.take(pairs.right)
        columns = {**rows.keys.take(pairs.left).columns, **datasets.columns}
        return pairs.where(satisfied(conjunct, Relation(columns, len(pairs)), self.joins))

    def _produce(self, rows: TaskRows) -> None:
        living = np.flatnonzero(rows.alive)
        for connection in rows.task.outputs:
            keys, makers = self._outputs(rows, living, connection.dimensions)
            self.datasets[connection.dataset_type] = DatasetRows(keys, maker=makers)
            rows.edges[connection.name] = Pairs(makers, np.arange(len(makers)))

    def _outputs(self, rows: TaskRows, living: Array, group: DimensionGroup) -> tuple[Relation, Array]:
        keys, own = rows.keys.take(living), rows.task.dimensions
        if group <= own:
            return keys.only(group.data_id_keys), living
        relation = Relation({**keys.columns, " maker": living}, len(living))
        for step in self.joins.steps(own, group):
            relation = relation.join(step)
        for name in group.names:
            relation = relation.join(self.joins.element(name))
        relation = relation.distinct([" maker", *group.required], group.implied)[0]
        return relation.only(group.data_id_keys), relation.columns[" maker"]


def _first(rows: Array | None, count: int | None) -> Array | None:
    return rows if rows is None or count is None else rows[:count]


def _lack(connection: Connection) -> str:
    few = "no" if connection.minimum == 1 else f"fewer than {connection.minimum}"
    own = f" where {connection.where}" if connection.where else ""
    return f"{few} {connection.dataset_type!r}{own} for input {connection.name!r}"
