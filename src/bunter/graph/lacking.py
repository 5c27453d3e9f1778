"""Inputs that may not be missing: which they are, and what to say when they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.graph.closure import Selection
    from bunter.graph.keys import Array
    from bunter.pipeline import Connection, PipelineGraph

__all__ = ["awaited", "indispensable", "refuse_lacking", "refuse_torn"]

_MOST = 20


def indispensable(pipeline: PipelineGraph, profile: str) -> set[tuple[str, str]]:
    """Return the inputs whose lack is an error: those that say so, and in production those that take one dataset."""
    return {
        (task.label, connection.name)
        for task in pipeline.tasks
        for connection in (*task.inputs, *task.prerequisites)
        if connection.minimum and _policy(connection, profile) == "fail"
    }


def awaited(pipeline: PipelineGraph) -> set[tuple[str, str]]:
    """Return the inputs for which quanta wait; what the pipeline makes itself is waited for anyway."""
    made = {connection.dataset_type for task in pipeline.tasks for connection in task.outputs}
    return {
        (task.label, connection.name)
        for task in pipeline.tasks
        for connection in (*task.inputs, *task.prerequisites)
        if connection.minimum and connection.missing == "wait" and connection.dataset_type not in made
    }


def _policy(connection: Connection, profile: str) -> str:
    return connection.missing or ("fail" if profile == "production" and not connection.multiple else "prune")


def refuse_lacking(selection: Selection) -> None:
    """Raise if planned quanta lack an input that may not be missing.

    Raises
    ------
    GraphError
        With the data IDs of up to 20 of them.
    """
    for label, name, kind, rows in _planned(selection, selection.frontier.lacking):
        raise GraphError(
            f"{len(rows):,} quanta of task {label!r} lack their input {name!r} ({kind!r}), which may not be missing; "
            f"provide it, or leave these quanta out by the selection or a veto:"
            f"{_listed(selection, label, rows)}"
        )


def refuse_torn(selection: Selection) -> None:
    """Raise if planned quanta of tasks without times read calibrations of which several are certified.

    Raises
    ------
    GraphError
        With the data IDs of up to 20 of them.
    """
    for label, name, kind, rows in _planned(selection, selection.frontier.torn):
        raise GraphError(
            f"task {label!r} has no time, and for {len(rows):,} of its quanta the first collection with {kind!r} certifies "
            f"several of one data ID, so that input {name!r} means none; let the connection look `through=` an input "
            "that has a time, name the one with an override, or give collections in which there is one:"
            f"{_listed(selection, label, rows)}"
        )


def _planned(selection: Selection, masks: Mapping[tuple[str, str], Array]) -> Iterator[tuple[str, str, str, Array]]:
    """Yield task, connection and dataset type of each mask that holds for planned quanta, and their rows."""
    for (label, name), mask in masks.items():
        rows = np.flatnonzero(mask & (selection.roles[label] > 0))
        if len(rows):
            yield label, name, selection.frontier.tasks[label].task.connection(name).dataset_type, rows


def _listed(selection: Selection, label: str, rows: Array) -> str:
    shown = "".join(f"\n  {text}" for text in _data_ids(selection, label, rows[:_MOST]))
    return shown + (f"\n  and {len(rows) - _MOST:,} more" if len(rows) > _MOST else "")


def _data_ids(selection: Selection, label: str, rows: Array) -> list[str]:
    task = selection.frontier.tasks[label]
    vocabulary = selection.frontier.joins.sources.vocabulary
    names = task.task.dimensions.required
    columns = {name: vocabulary.decode(name, task.keys.columns[name][rows]).tolist() for name in names}
    return [", ".join(f"{name}={columns[name][at]!r}" for name in names) for at in range(len(rows))]
