"""Prerequisites that a task finds with a function of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.errors import GraphError
from bunter.graph.relation import Pairs

if TYPE_CHECKING:
    from bunter.graph.keys import Array, Vocabulary
    from bunter.graph.relation import Relation
    from bunter.graph.rows import TaskRows
    from bunter.pipeline import Connection

__all__ = ["look_up"]


def look_up(rows: TaskRows, living: Array, connection: Connection, datasets: Relation, vocabulary: Vocabulary) -> Pairs:
    """Ask the function that a prerequisite names which quanta read which datasets; it is called once.

    Parameters
    ----------
    rows : TaskRows
        The task and its quanta.
    living : (N,) int64
        The quanta that there are so far.
    connection : Connection
        The prerequisite.
    datasets : Relation
        Data IDs of the datasets that there are.
    vocabulary : Vocabulary
        Values of the data IDs.

    Returns
    -------
    Pairs
        Rows of the task's quanta and of the datasets.

    Raises
    ------
    GraphError
        If the function fails, or gives back what are no rows.
    """
    task = rows.task
    place = f"{connection.lookup} of task {task.label!r}, which finds {connection.name!r},"
    function = getattr(task.task_class().Connections(task.config), connection.lookup)
    try:
        found = function(_decoded(vocabulary, rows.keys.take(living)), _decoded(vocabulary, datasets))
        quanta, found_rows = (np.asarray(one, np.int64).reshape(-1) for one in found)
    except Exception as error:
        raise GraphError(f"{place} failed: {type(error).__name__}: {error}") from error
    if len(quanta) != len(found_rows) or _outside(quanta, len(living)) or _outside(found_rows, len(datasets)):
        raise GraphError(f"{place} must give back two columns of equal length: rows of the quanta and of the datasets")
    size = max(len(datasets), 1)
    left, right = np.divmod(np.unique(quanta * size + found_rows), size)
    return Pairs(living[left], right)


def _outside(rows: Array, size: int) -> bool:
    return bool(len(rows)) and bool(rows.min() < 0 or rows.max() >= size)


def _decoded(vocabulary: Vocabulary, keys: Relation) -> dict[str, Array]:
    return {name: vocabulary.decode(name, column) for name, column in keys.columns.items() if (column >= 0).all()}
