"""Quanta whose inputs are still to come: they are set aside, with all that would read what they make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bunter.errors import WaitingError

if TYPE_CHECKING:
    from bunter.graph.closure import Selection
    from bunter.graph.keys import Array
    from bunter.graph.rows import TaskRows

__all__ = ["refuse_waiting", "set_aside", "waiting_counts"]


def set_aside(selection: Selection) -> Selection:
    """Take what waits for inputs out of what is planned.

    A quantum waits if it lacks an input that says so, or reads what one that waits would make: a gather waits for all its
    parts. What it needs beside stays planned.
    """
    frontier = selection.frontier
    if not frontier.waiting:
        return selection
    waits = {label: np.full(len(rows.keys), -1, np.int16) for label, rows in frontier.tasks.items()}
    awaited: list[str] = []
    for label, rows in frontier.tasks.items():
        planned = selection.roles[label] > 0
        for mask, text in [*_own(selection, rows), *_inherited(selection, rows, waits)]:
            mine = planned & mask & (waits[label] < 0)
            if mine.any():
                awaited.append(text)
                waits[label][mine] = len(awaited) - 1
    roles = {label: np.where(waits[label] >= 0, 0, role).astype(np.int8) for label, role in selection.roles.items()}
    return replace(selection, roles=roles, waits=waits, awaited=awaited)


def _own(selection: Selection, rows: TaskRows) -> list[tuple[Array, str]]:
    return [
        (mask, f"wait for {rows.task.connection(name).dataset_type!r}, input {name!r}")
        for (label, name), mask in selection.frontier.waiting.items()
        if label == rows.task.label
    ]


def _inherited(selection: Selection, rows: TaskRows, waits: dict[str, Array]) -> list[tuple[Array, str]]:
    makers = {c.dataset_type: label for label, other in selection.frontier.tasks.items() for c in other.task.outputs}
    found = []
    for connection in rows.task.inputs:
        producer = makers.get(connection.dataset_type)
        if producer is not None:
            maker = selection.frontier.datasets[connection.dataset_type].maker
            assert maker is not None
            pairs = rows.edges[connection.name]
            mask = np.zeros(len(rows.keys), bool)
            mask[pairs.left[waits[producer][maker[pairs.right]] >= 0]] = True
            found.append((mask, f"wait for quanta of {producer!r} that wait themselves, through {connection.name!r}"))
    return found


def waiting_counts(selection: Selection, label: str) -> tuple[tuple[str, int], ...]:
    """Say what quanta of a task wait for, and how many do."""
    if label not in selection.waits:
        return ()
    waits = selection.waits[label]
    counts = np.bincount(waits[waits >= 0], minlength=len(selection.awaited))
    return tuple((text, int(count)) for text, count in zip(selection.awaited, counts, strict=True) if count)


def refuse_waiting(selection: Selection) -> None:
    """Raise if all that is left to run waits.

    Raises
    ------
    WaitingError
        With counts per task.
    """
    if not selection.waits or any(role.any() for role in selection.roles.values()):
        return
    told = {label: waiting_counts(selection, label) for label in selection.waits}
    count = sum(number for counts in told.values() for _, number in counts)
    if count:
        lines = [f"{label}: {number:,} {text}" for label, counts in told.items() for text, number in counts]
        raise WaitingError(
            "\n  ".join([f"nothing to run yet: {count:,} quanta wait for their inputs", *lines]), count=count
        )
