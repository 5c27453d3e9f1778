"""Candidates of tasks, and the datasets that they may read or write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bunter.graph.keys import Array
    from bunter.graph.relation import Pairs, Relation
    from bunter.graph.sources import Existing
    from bunter.pipeline import TaskNode

__all__ = ["DatasetRows", "TaskRows"]


@dataclass(slots=True, eq=False)
class TaskRows:
    """Candidates of one task.

    Parameters
    ----------
    task : TaskNode
        The task.
    keys : Relation
        Their data IDs, required and implied dimensions.
    alive : array
        Which are still there.
    lost : array
        For those that are not, the number of the step that removed them; -1 for the others.
    steps : list of (str, int)
        What was done, and how many were left.
    edges : dict of str to Pairs
        By connection: candidate, and row among the datasets of the type.
    """

    task: TaskNode
    keys: Relation
    alive: Array
    lost: Array
    steps: list[tuple[str, int]] = field(default_factory=list)
    edges: dict[str, Pairs] = field(default_factory=dict)

    @classmethod
    def of(cls, task: TaskNode, keys: Relation, origin: str) -> TaskRows:
        """Start with all candidates."""
        size = len(keys)
        return cls(task, keys, np.ones(size, bool), np.full(size, -1, np.int16), [(origin, size)])

    def keep(self, mask: Array, reason: str) -> None:
        """Remove the candidates for which the mask does not hold, and remember why."""
        gone = self.alive & ~mask
        self.alive = self.alive & mask
        self.lost[gone] = len(self.steps)
        self.steps.append((reason, int(np.count_nonzero(self.alive))))


@dataclass(frozen=True, slots=True, eq=False)
class DatasetRows:
    """Datasets of one type that candidates may read or write.

    Parameters
    ----------
    keys : Relation
        Their data IDs, required and implied dimensions.
    existing : Existing or None
        Where the existing ones come from.
    source : array or None
        Row of each in ``existing``.
    maker : array or None
        For datasets that the graph makes, the candidate that makes each.
    usual : int or None
        How many, from the first, any quantum may read; the others are for those of which an operator says so.
    """

    keys: Relation
    existing: Existing | None = None
    source: Array | None = None
    maker: Array | None = None
    usual: int | None = None
