"""Selection by closure: targets, what they need, and companions: steps 3 to 6 of the definition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bunter.errors import GraphError
from bunter.graph.frontier import Frontier
from bunter.graph.links import ties

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dimensions import DimensionGroup
    from bunter.graph.conjuncts import Conjunct
    from bunter.graph.joins import Joins
    from bunter.graph.keys import Array
    from bunter.graph.relation import Pairs
    from bunter.graph.reused import Reused
    from bunter.graph.terms import Terms
    from bunter.pipeline import TaskNode

__all__ = ["COMPANION", "NEEDED", "TARGET", "Selection", "Stream", "addressees", "select_closure"]

TARGET, NEEDED, COMPANION = 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Which quanta of one task feed which of another, through one connection.

    Parameters
    ----------
    producer, consumer, connection : str
        Labels, and the consumer's connection.
    pairs : Pairs
        Candidate of the producer, candidate of the consumer.
    """

    producer: str
    consumer: str
    connection: str
    pairs: Pairs


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What is planned.

    Parameters
    ----------
    frontier : Frontier
        Candidates, datasets and edges.
    roles : mapping of str to array
        For each label and candidate 0 (not planned), `TARGET`, `NEEDED` or `COMPANION`.
    asked : int
        How many planned quanta the selection names itself: those of tasks that a condition is about.
    brought : mapping of (str, str) to int
        By consumer and connection, how many quanta come in beyond these because it reads them.
    unmet : mapping of str to array
        For each label and candidate that is feasible but no target, the number of the first condition in ``said`` that it
        does not meet; -1 for the others.
    said : sequence of str
        The conditions that quanta must meet.
    fingerprints : mapping of str to array
        For each label and candidate its fingerprint, ``(n, 16) uint8``.
    spared : mapping of str to array of bool
        For each label and candidate whether it was selected and need not be run, because an earlier run has done it, or all
        that reads it.
    done : mapping of str to array of bool
        For each label and candidate whether an earlier run has done it.
    reused : mapping of str to Reused
        By dataset type, the datasets of earlier runs.
    waits : mapping of str to array
        For each label and candidate the place in ``awaited`` of what it waits for; -1 for those that do not wait.
    awaited : sequence of str
        What is waited for, in words.
    """

    frontier: Frontier
    roles: Mapping[str, Array]
    asked: int
    brought: Mapping[tuple[str, str], int]
    unmet: Mapping[str, Array]
    said: Sequence[str]
    fingerprints: Mapping[str, Array] = field(default_factory=dict)
    spared: Mapping[str, Array] = field(default_factory=dict)
    done: Mapping[str, Array] = field(default_factory=dict)
    reused: Mapping[str, Reused] = field(default_factory=dict)
    waits: Mapping[str, Array] = field(default_factory=dict)
    awaited: Sequence[str] = ()


def addressees(conjunct: Conjunct, tasks: Sequence[TaskNode]) -> tuple[list[str], bool]:
    """Find the tasks that a condition is about.

    Returns
    -------
    labels : list of str
        Tasks whose quanta it filters.
    linked : bool
        Whether it filters them by what they are linked to, not by their own data IDs.

    Raises
    ------
    GraphError
        If the condition has nothing to do with the pipeline.
    """
    direct = [task.label for task in tasks if conjunct.speaks_about(task.dimensions)]
    if direct or conjunct.is_governing:
        return direct, False
    related = [task for task in tasks if _related(conjunct.dimensions, task.dimensions)]
    if last := _most_downstream(related, tasks):
        return last, True
    readers = [task.label for task in tasks if _reads_overall(conjunct, task, tasks)]
    if readers:
        return [], False
    raise GraphError(
        f"`{conjunct.text}` says nothing about this pipeline: no task or overall input has {conjunct.dimensions}, and none "
        "shares a dimension or the sky with it. Leave it out, or add the task that it was meant for"
    )


def _related(mine: DimensionGroup, other: DimensionGroup) -> bool:
    shared = (set(mine.names) & set(other.names)) - set(mine.governors)
    return bool(shared) or any(tie.families for tie in ties(mine | other, (mine, other)))


def _made(tasks: Sequence[TaskNode]) -> dict[str, str]:
    return {connection.dataset_type: task.label for task in tasks for connection in task.outputs}


def _reads_overall(conjunct: Conjunct, task: TaskNode, tasks: Sequence[TaskNode]) -> bool:
    made = _made(tasks)
    return any(
        conjunct.speaks_about(connection.dimensions) and not connection.whole and connection.dataset_type not in made
        for connection in task.inputs
    )


def _most_downstream(related: Sequence[TaskNode], tasks: Sequence[TaskNode]) -> list[str]:
    """Those of the related tasks that have no related task downstream."""
    made = _made(tasks)
    below: dict[str, set[str]] = {task.label: set() for task in tasks}
    for task in reversed(tasks):
        for connection in task.inputs:
            if connection.dataset_type in made:
                below[made[connection.dataset_type]] |= {task.label} | below[task.label]
    labels = {task.label for task in related}
    return [task.label for task in related if not below[task.label] & labels]


def select_closure(joins: Joins, tasks: Sequence[TaskNode], terms: Terms) -> Selection:
    """Select by the definition of `closure`.

    Parameters
    ----------
    joins : Joins
        Relations of the dimension records.
    tasks : sequence of TaskNode
        Producers before consumers.
    terms : Terms
        What is said about them.
    """
    filters: dict[str, list[Conjunct]] = {task.label: [] for task in tasks}
    meetings: dict[str, list[Conjunct]] = {task.label: [] for task in tasks}
    spoken: list[tuple[Conjunct, list[str]]] = []
    for conjunct in terms.conjuncts:
        labels, linked = addressees(conjunct, tasks)
        for label in labels:
            (meetings if linked else filters)[label].append(conjunct)
        if not conjunct.is_governing:
            about = labels or [task.label for task in tasks if _reads_overall(conjunct, task, tasks)]
            spoken.append((conjunct, about))
    frontier = Frontier(joins, tasks, terms, filters=filters, meetings=meetings)
    streams = _streams(frontier)
    targets, unmet = _targets(frontier, streams, spoken)
    roles = {label: np.where(mask, TARGET, 0).astype(np.int8) for label, mask in targets.items()}
    _need(roles, streams)
    named = {label for _, labels in spoken for label in labels} or set(roles)
    asked = {label: (role == TARGET) & (label in named) for label, role in roles.items()}
    count = sum(int(np.count_nonzero(mask)) for mask in asked.values())
    brought = _bring(asked, streams)
    _accompany(frontier, roles, streams)
    return Selection(frontier, roles, count, brought, unmet, [conjunct.text for conjunct, _ in spoken])


def _streams(frontier: Frontier) -> list[Stream]:
    """Feasible edges between quanta, consumers in topological order."""
    made = _made([rows.task for rows in frontier.tasks.values()])
    found = []
    for label, rows in frontier.tasks.items():
        for connection in rows.task.inputs:
            producer = made.get(connection.dataset_type)
            if producer is not None:
                makers = frontier.datasets[connection.dataset_type].maker
                assert makers is not None
                pairs = rows.edges[connection.name]
                pairs = type(pairs)(makers[pairs.right], pairs.left).where(rows.alive[pairs.left])
                found.append(Stream(producer, label, connection.name, pairs))
    return found


def _targets(
    frontier: Frontier, streams: Sequence[Stream], spoken: Sequence[tuple[Conjunct, Sequence[str]]]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Which feasible quanta meet every condition, and which condition the others fail first."""
    targets = {label: rows.alive.copy() for label, rows in frontier.tasks.items()}
    unmet = {label: np.full(len(mask), -1, np.int16) for label, mask in targets.items()}
    for number, (_, labels) in enumerate(spoken):
        for label, mask in _meeting(frontier, streams, labels).items():
            unmet[label][targets[label] & ~mask] = number
            targets[label] &= mask
    return targets, unmet


def _meeting(frontier: Frontier, streams: Sequence[Stream], labels: Sequence[str]) -> dict[str, Array]:
    """Which feasible quanta are of these tasks, or joined to one that is by a directed path."""
    start = {
        label: rows.alive if label in labels else np.zeros_like(rows.alive) for label, rows in frontier.tasks.items()
    }
    below = {label: mask.copy() for label, mask in start.items()}
    for stream in streams:
        reached = stream.pairs.right[below[stream.producer][stream.pairs.left]]
        below[stream.consumer][reached] = True
    above = {label: mask.copy() for label, mask in start.items()}
    for stream in reversed(streams):
        reached = stream.pairs.left[above[stream.consumer][stream.pairs.right]]
        above[stream.producer][reached] = True
    return {label: below[label] | above[label] for label in start}


def _need(roles: dict[str, Array], streams: Sequence[Stream]) -> None:
    """Mark what the planned quanta read, backwards."""
    for stream in reversed(streams):
        role = roles[stream.producer]
        read = stream.pairs.left[roles[stream.consumer][stream.pairs.right] > 0]
        role[read] = np.where(role[read] > 0, role[read], NEEDED)


def _bring(asked: Mapping[str, Array], streams: Sequence[Stream]) -> dict[tuple[str, str], int]:
    """Walk backwards from what the selection names, and count what each connection is the first to bring in."""
    reached = {label: mask.copy() for label, mask in asked.items()}
    brought = {}
    for stream in reversed(streams):
        mask = reached[stream.producer]
        before = int(np.count_nonzero(mask))
        mask[stream.pairs.left[reached[stream.consumer][stream.pairs.right]]] = True
        brought[stream.consumer, stream.connection] = int(np.count_nonzero(mask)) - before
    return brought


def _accompany(frontier: Frontier, roles: dict[str, Array], streams: Sequence[Stream]) -> None:
    """Add the quanta of tasks without targets all of whose feasible producers are planned."""
    idle = [label for label, role in roles.items() if not (role == TARGET).any()]
    for label in idle:
        own = [stream for stream in streams if stream.consumer == label]
        fed, starved = np.zeros_like(frontier.tasks[label].alive), np.zeros_like(frontier.tasks[label].alive)
        for stream in own:
            fed[stream.pairs.right] = True
            starved[stream.pairs.right[roles[stream.producer][stream.pairs.left] == 0]] = True
        added = frontier.tasks[label].alive & fed & ~starved & (roles[label] == 0)
        roles[label][added] = COMPANION
