"""Selection `strict`: one join of everything, every condition everywhere; kept for comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bunter.graph.closure import TARGET, Selection
from bunter.graph.conjuncts import satisfied
from bunter.graph.frontier import Frontier
from bunter.graph.relation import Pairs, Relation, match
from bunter.graph.rows import TaskRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import DimensionGroup
    from bunter.graph.conjuncts import Conjunct
    from bunter.graph.joins import Joins
    from bunter.graph.terms import Terms
    from bunter.pipeline import Connection, TaskNode

__all__ = ["joint_groups", "select_strict"]


def select_strict(joins: Joins, tasks: Sequence[TaskNode], terms: Terms) -> Selection:
    """Select the data IDs that occur in one join of all dimensions and required inputs under all conditions.

    Parameters
    ----------
    joins : Joins
        Relations of the dimension records.
    tasks : sequence of TaskNode
        Producers before consumers; tasks of which none makes what another reads are joined apart.
    terms : Terms
        What is said about them.
    """
    rows: dict[str, Relation] = {}
    for connected in _components(tasks):
        joined = _everything(joins, connected, terms)
        rows |= {task.label: joined for task in connected}
    frontier = _StrictFrontier(joins, tasks, rows, terms)
    roles = {label: np.where(found.alive, TARGET, 0).astype(np.int8) for label, found in frontier.tasks.items()}
    unmet = {label: np.full(len(role), -1, np.int16) for label, role in roles.items()}
    return Selection(frontier, roles, sum(map(len, roles.values())), {}, unmet, [])


def joint_groups(tasks: Sequence[TaskNode], conjuncts: Sequence[Conjunct]) -> list[DimensionGroup]:
    """Return the dimensions of each join that the strict selection makes; records of all their elements take part."""
    return [_group(connected, conjuncts) for connected in _components(tasks)]


def _components(tasks: Sequence[TaskNode]) -> list[list[TaskNode]]:
    """Tasks that are joined by what one of them makes, together; to read the same does not join them."""
    made = {c.dataset_type for task in tasks for c in task.outputs}
    groups: list[tuple[set[str], list[TaskNode]]] = []
    for task in tasks:
        names = {c.dataset_type for c in task.connections if not c.is_init} & made
        members = [task]
        for group in [group for group in groups if group[0] & names]:
            groups.remove(group)
            names |= group[0]
            members = group[1] + members
        groups.append((names, members))
    return [sorted(members, key=list(tasks).index) for _, members in groups]


def _group(tasks: Sequence[TaskNode], conjuncts: Sequence[Conjunct]) -> DimensionGroup:
    groups = [task.dimensions for task in tasks]
    groups += [c.dimensions for task in tasks for c in (*task.inputs, *task.outputs)]
    groups += [conjunct.dimensions for conjunct in conjuncts]
    found = groups[0]
    for group in groups[1:]:
        found = found | group
    return found


def _everything(joins: Joins, tasks: Sequence[TaskNode], terms: Terms) -> Relation:
    made = {c.dataset_type for task in tasks for c in task.outputs}
    wanted: dict[str, Connection] = {}
    for task in tasks:
        for connection in task.inputs:
            searched = connection.minimum and (task.label, connection.name) not in terms.awaited
            if connection.dataset_type not in made and searched and connection.dimensions.names:
                wanted[connection.dataset_type] = connection
    group = _group(tasks, terms.conjuncts)
    joined = Relation.unit()
    for connection in wanted.values():
        joined = joined.join(_existing(joins, connection))
    joined = joins.complete(joined, group)
    for conjunct in terms.conjuncts:
        joined = joined.take(np.flatnonzero(satisfied(conjunct, joined, joins)))
    return joined


def _existing(joins: Joins, connection: Connection) -> Relation:
    existing = joins.sources.datasets.get(connection.dataset_type)
    group = connection.dimensions
    if existing is None:
        return Relation({name: np.zeros(0, np.int64) for name in group.required}, 0)
    return existing.keys.only(group.required)


class _StrictFrontier(Frontier):
    """Candidates and edges are projections of the one join."""

    def __init__(self, joins: Joins, tasks: Sequence[TaskNode], rows: Mapping[str, Relation], terms: Terms) -> None:
        self.rows = rows
        super().__init__(joins, tasks, replace(terms, conjuncts=()), filters={}, meetings={})

    def _candidates(self, task: TaskNode) -> TaskRows:
        group = task.dimensions
        keys, _ = self.rows[task.label].distinct(group.required, group.implied)
        return TaskRows.of(task, keys, "data IDs of one join of everything")

    def _edges(self, rows: TaskRows, connection: Connection) -> Pairs:
        if connection.kind == "prerequisite":
            return super()._edges(rows, connection)
        own, other = rows.task.dimensions, connection.dimensions
        datasets = self._existing(connection)
        twigs, _ = self.rows[rows.task.label].distinct((own | other).required, (own | other).implied)
        left = self._matched(rows.keys, twigs, own)
        right = self._matched(datasets.keys, twigs, other)
        found = match(left.right, right.right)
        pairs = Pairs(left.left[found.left], right.left[found.right])
        pairs = pairs.where(rows.alive[pairs.left])
        keys = np.unique(pairs.left * max(len(datasets.keys), 1) + pairs.right)
        return Pairs(*np.divmod(keys, max(len(datasets.keys), 1)))

    @staticmethod
    def _matched(keys: Relation, twigs: Relation, group: DimensionGroup) -> Pairs:
        if not group.required:
            return Pairs(np.repeat(np.arange(keys.size), twigs.size), np.tile(np.arange(twigs.size), keys.size))
        return keys.only(group.required).matches(twigs.only(group.required))
