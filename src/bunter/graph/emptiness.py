"""What to say when there is nothing to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.errors import AllDoneError, EmptyGraphError
from bunter.graph.assembly import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler import Butler
    from bunter.graph.closure import Selection
    from bunter.graph.reading import Reading
    from bunter.graph.rows import TaskRows
    from bunter.pipeline import Connection

__all__ = ["refuse_done", "refuse_empty"]


def refuse_empty(butler: Butler, selection: Selection, inputs: Sequence[str], reading: Reading) -> None:
    """Raise if nothing is planned.

    Raises
    ------
    EmptyGraphError
        Whose first sentence names the task, input or condition to blame, with counts; one line per task follows.
    """
    if any(role.any() for role in selection.roles.values()):
        return
    lines = [task.sentence() for task in explain(selection, {}).tasks.values()]
    raise EmptyGraphError("\n  ".join([_culprit(butler, selection, inputs, reading), *lines]))


def refuse_done(selection: Selection) -> None:
    """Raise if earlier runs have done everything.

    Raises
    ------
    AllDoneError
        With counts and the names of these runs.
    """
    if any(role.any() for role in selection.roles.values()):
        return
    count = sum(int(np.count_nonzero(spared)) for spared in selection.spared.values())
    runs = tuple(dict.fromkeys(run for reused in selection.reused.values() for run in reused.runs))
    raise AllDoneError(
        f"nothing to run: all {count:,} quanta were done before, in {', '.join(runs)}", runs=runs, count=count
    )


def _culprit(butler: Butler, selection: Selection, inputs: Sequence[str], reading: Reading) -> str:
    for label, rows in selection.frontier.tasks.items():
        if not rows.alive.any():
            for connection in (*rows.task.inputs, *rows.task.prerequisites):
                datasets = selection.frontier.datasets.get(connection.dataset_type)
                if connection.minimum and datasets is not None and datasets.maker is None and not len(datasets.keys):
                    return _nothing_found(butler, label, connection, inputs, reading)
            before, (step, _) = next(
                (
                    (left, step)
                    for (_, left), step in zip(rows.steps[:-1], rows.steps[1:], strict=True)
                    if left and not step[1]
                ),
                (0, rows.steps[0]),
            )
            if not before:
                return f"nothing to run: task {label!r} has no candidates, {_no_records(butler, rows, reading)}"
            return f"nothing to run: task {label!r} has {before:,} candidates ({rows.steps[0][0]}) and loses the last: {step}"
    for label, unmet in selection.unmet.items():
        found = unmet[unmet >= 0]
        if len(found):
            text = selection.said[int(np.bincount(found).argmax())]
            return f"nothing to run: none of the {len(found):,} feasible quanta of {label!r} leads to anything where {text}"
    return "nothing to run: the pipeline has no tasks"


def _no_records(butler: Butler, rows: TaskRows, reading: Reading) -> str:
    for name, where in reading.vain.items():
        if set(butler.universe[name].required) <= set(rows.task.dimensions.names):
            count = butler.query_dimension_records(name).count()
            return f"because there is no {name} where {where}; the repository has {count:,}"
    said = " AND ".join(w.text for w in reading.conjuncts if w.speaks_about(rows.task.dimensions))
    return f"because no data ID of {rows.task.dimensions} is linked to its inputs{f' where {said}' if said else ''}"


def _nothing_found(butler: Butler, label: str, connection: Connection, inputs: Sequence[str], reading: Reading) -> str:
    name, where = connection.dataset_type, ", ".join(inputs) or "no collection"
    if name not in {kind.name for kind in butler.dataset_types}:
        return f"nothing to run: task {label!r} reads {name!r}, and the repository has no such dataset type"
    count = butler.query_datasets(name, inputs, find_first=False).count()
    if not count:
        return f"nothing to run: task {label!r} reads {name!r}, and there is none in {where}"
    said = " AND ".join(conjunct.text for conjunct in reading.conjuncts if conjunct.speaks_about(connection.dimensions))
    return (
        f"nothing to run: task {label!r} reads {name!r}; {where} has {count:,}, and none where {said or 'it is needed'}"
    )
