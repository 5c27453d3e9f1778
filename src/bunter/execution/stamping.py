"""Stamps for what a quantum writes: who it is, and what it has read so far."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from bunter.dataset.stamp import Stamp
from bunter.datastore.format import TakesStamp, format_of
from bunter.values.program import code_of_program

if TYPE_CHECKING:
    from bunter.datastore.datastore import Encoded
    from bunter.execution.quantum_butler import Place
    from bunter.graph import Quantum, QuantumRef
    from bunter.pipeline import TaskNode

__all__ = ["Stamping", "stamping_of"]


class Stamping:
    """Stamps the files of one quantum whose formats take a stamp.

    Parameters
    ----------
    place : Place
        Where it runs.
    quantum : Quantum
        The quantum.
    task : TaskNode
        Its task.
    """

    def __init__(self, place: Place, quantum: Quantum, task: TaskNode) -> None:
        self._place, self._quantum, self._task = place, quantum, task
        self._read: dict[bytes, QuantumRef] = {}

    def note(self, ref: QuantumRef) -> None:
        """Remember that a dataset was read."""
        self._read.setdefault(ref.id, ref)

    def on(self, encoded: Encoded, ref: QuantumRef) -> Encoded:
        """Return what is written for an output, with its stamp."""
        form = format_of(encoded.format)
        return (
            replace(encoded, data=form.stamped(encoded.data, self._of(ref)))
            if isinstance(form, TakesStamp)
            else encoded
        )

    def _of(self, ref: QuantumRef) -> Stamp:
        return Stamp(
            ref.uuid,
            ref.dataset_type,
            ref.run,
            {name: value for name, value in ref.data_id.items() if value is not None},
            self._task.label,
            self._task.class_name,
            self._task.version,
            self._place.graph.header.graph_id,
            self._quantum.row,
            _code(),
            tuple((read.uuid, read.dataset_type) for read in self._read.values()),
        )


def stamping_of(place: Place, quantum: Quantum, task: TaskNode) -> Stamping | None:
    """Return what stamps the files of a quantum, None where the configuration wants none."""
    config = place.datastore.config
    return Stamping(place, quantum, task) if config is None or config.stamps else None


@cache
def _code() -> dict[str, str]:
    return {name: value for name, value in code_of_program().items() if not name.startswith("program")}
