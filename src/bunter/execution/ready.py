"""Which of the quanta that could run now does: the most urgent one for which there is memory."""

from __future__ import annotations

import heapq

__all__ = ["ReadyQuanta"]

_PATIENCE = 100


class ReadyQuanta:
    """Quanta whose inputs are there, ordered by urgency, and the memory that running ones have taken.

    One that does not fit lets smaller ones pass, but not more than a hundred; then all wait until it fits. Alone, every
    quantum fits.

    Parameters
    ----------
    budget : int, optional
        Memory for all running quanta, in bytes.
    """

    def __init__(self, budget: int | None = None) -> None:
        self._budget = budget
        self._heaps: dict[int, list[tuple[float, int]]] = {}
        self._used = self._running = self._passed = 0

    def __bool__(self) -> bool:
        return any(self._heaps.values())

    def push(self, quantum: int, height: float, memory: int) -> None:
        """Let a quantum wait for its turn; ``height`` is its urgency, ``memory`` what it needs in bytes."""
        heap = self._heaps.get(memory)
        if heap is None:
            heap = self._heaps[memory] = []
        heapq.heappush(heap, (-height, quantum))

    def pop(self) -> int | None:
        """Take out the quantum that is next; None if none fits."""
        order = sorted((heap[0], memory) for memory, heap in self._heaps.items() if heap)
        for place, (_, memory) in enumerate(order):
            if place and self._passed >= _PATIENCE:
                return None
            if self.fits(memory):
                self._passed = self._passed + 1 if place else 0
                return heapq.heappop(self._heaps[memory])[1]
        return None

    def upcoming(self, most: int) -> list[int]:
        """Return quanta near the front, the most urgent first, without taking them out."""
        near = sorted(entry for heap in self._heaps.values() for entry in heap[:most])
        return [quantum for _, quantum in near[:most]]

    def fits(self, memory: int) -> bool:
        """Whether there is memory for a quantum that needs so much, in bytes."""
        return self._budget is None or not self._running or self._used + memory <= self._budget

    def began(self, memory: int) -> None:
        """Count the memory of a quantum that runs from now on."""
        self._used += memory
        self._running += 1

    def ended(self, memory: int) -> None:
        """Give back the memory of a quantum that no longer runs."""
        self._used -= memory
        self._running -= 1

    def clear(self) -> None:
        """Forget all that wait."""
        self._heaps.clear()
