"""The scheduler of a part of a graph: of a job, which runs some quanta of a run and knows nothing of the others."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.execution.scheduler import Scheduler
from bunter.execution.scheduling import Event, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from bunter.execution.scheduling import Assignment
    from bunter.graph import QuantumGraph

__all__ = ["PartScheduler"]


class PartScheduler(Scheduler):
    """Schedules the quanta of a part of a graph, by their numbers in the whole; what it takes grows with the part alone.

    Parameters
    ----------
    part : QuantumGraph
        The part.
    done : iterable of int
        Quanta that are not to be run.
    partial : tuple of two integer arrays, optional
        See `Scheduler`.
    deprived : iterable of int, optional
        Quanta whose inputs are lacking because what should have made them has failed in another job.
    **options
        See `Scheduler`.
    """

    def __init__(
        self,
        part: QuantumGraph,
        *,
        done: Iterable[int],
        partial: tuple[NDArray[np.integer], NDArray[np.integer]] | None = None,
        deprived: Iterable[int] = (),
        **options: Any,
    ) -> None:
        self._numbers = part.numbers
        self._places = {number: place for place, number in enumerate(self._numbers.tolist())}
        self._whole = part.totals[0]
        super().__init__(
            len(self._numbers),
            self._inside(*part.quantum_edges()),
            done=[self._places[quantum] for quantum in done],
            partial=None if partial is None else self._inside(*partial),
            **options,
        )
        self._deprived.update(self._places[quantum] for quantum in deprived)

    def _inside(
        self, parents: NDArray[np.integer], children: NDArray[np.integer]
    ) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Return the edges between quanta of the part, by their places in it."""
        both = np.isin(parents, self._numbers) & np.isin(children, self._numbers)
        return np.searchsorted(self._numbers, parents[both]), np.searchsorted(self._numbers, children[both])

    def _numbered(self, places: Iterable[int]) -> list[int]:
        return [int(self._numbers[place]) for place in places]

    def take(self, free: int = 1) -> list[Assignment]:
        """Assign quanta, see `Scheduler.take`."""
        return [replace(one, quantum=int(self._numbers[one.quantum])) for one in super().take(free)]

    def take_this(self, quantum: int) -> Assignment | None:
        """Assign one quantum before its turn, see `Scheduler.take_this`."""
        one = super().take_this(self._places[quantum])
        return None if one is None else replace(one, quantum=quantum)

    def upcoming(self, most: int) -> list[int]:
        """Return quanta that will probably be assigned next, the most urgent first."""
        return self._numbered(super().upcoming(most))

    def state(self, quantum: int) -> State:
        """Where a quantum stands; those of other jobs are done."""
        return super().state(self._places[quantum]) if quantum in self._places else State.SUCCEEDED

    def states(self) -> list[State]:
        """Where each quantum of the whole stands, by number."""
        found = [State.SUCCEEDED] * self._whole
        for number, state in zip(self._numbers.tolist(), super().states(), strict=True):
            found[number] = state
        return found

    def cause(self, quantum: int) -> int | None:
        """Quantum whose failure blocks this one, see `Scheduler.cause`."""
        found = super().cause(self._places[quantum])
        return None if found is None else int(self._numbers[found])

    def tell(self, event: Event) -> list[int]:
        """Take note of an event, see `Scheduler.tell`."""
        return self._numbered(super().tell(self._placed(event)))

    def _placed(self, event: Event) -> Event:
        names = {field.name for field in fields(event)}
        changes: dict[str, Any] = {}
        if "quantum" in names:
            changes["quantum"] = self._places[event.quantum]  # type: ignore[union-attr]
        if "quanta" in names:
            changes["quanta"] = tuple(self._places[quantum] for quantum in event.quanta)  # type: ignore[union-attr]
        return replace(event, **changes)
