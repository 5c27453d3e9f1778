"""Who holds what is handed over, and which ends of quanta wait for the end of their only reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.execution.handover import HandoverPlan
    from bunter.execution.message import Outcome

__all__ = ["Relay"]


class Relay:
    """Follows objects from worker to worker's next quantum.

    The end of a quantum whose result is written nowhere is committed together with that of its reader: what goes before that
    has never been, and is begun again.

    Parameters
    ----------
    plan : HandoverPlan, optional
        What is handed over to whom; nothing if left out.
    """

    def __init__(self, plan: HandoverPlan | None = None) -> None:
        self._plan = plan
        self._holder: dict[int, int] = {}
        self._bound: dict[int, list[Outcome]] = {}

    def outputs(self, quantum: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Datasets of a quantum that its worker keeps at hand, and those that it does not even write."""
        return ((), ()) if self._plan is None else self._plan.outputs(quantum)

    def worker_for(self, quantum: int) -> int | None:
        """Worker that holds inputs of a quantum; None if there is none."""
        if self._plan is None or not self._holder:
            return None
        rows = self.bound_inputs(quantum) or self._plan.inputs(quantum)
        held = [self._holder[row] for row in rows if row in self._holder]
        return max(held, key=held.count) if held else None

    def bound_inputs(self, quantum: int) -> tuple[int, ...]:
        """Return the inputs of a quantum that one worker holds and that are nowhere else: no other can run it."""
        group = self._bound.get(quantum)
        return () if group is None else group[0].receipt.handed

    def readers(self, outcome: Outcome) -> list[int]:
        """Quanta that read what an outcome has left in the memory of its worker."""
        rows = (*outcome.held, *outcome.receipt.handed)
        return [] if self._plan is None else list(dict.fromkeys(map(self._plan.reader, rows)))

    def finished(self, outcome: Outcome, worker: int) -> list[Outcome]:
        """Take note of a success; return the ends that can be committed now, readers before those who made for them."""
        receipt = outcome.receipt
        group = [outcome, *self.ended(receipt.quantum)]
        self._holder.update(dict.fromkeys((*outcome.held, *receipt.handed), worker))
        if not receipt.handed or self._plan is None:
            return group
        self._bound[self._plan.reader(receipt.handed[0])] = group
        return []

    def ended(self, quantum: int) -> list[Outcome]:
        """Forget what was held for a quantum that has ended; return what waited for that, the nearest first."""
        if self._plan is not None and self._holder:
            self._forget(self._plan.inputs(quantum))
        return self._bound.pop(quantum, [])

    def lost(self, worker: int) -> list[Outcome]:
        """Forget what a worker held that is gone; return the ends that have never been."""
        rows = {row for row, holder in self._holder.items() if holder == worker}
        readers = [one for one, group in self._bound.items() if rows & {*group[0].receipt.handed}]
        self._forget(rows)
        return [outcome for reader in readers for outcome in self._bound.pop(reader)]

    def _forget(self, rows: Iterable[int]) -> None:
        for row in rows:
            self._holder.pop(row, None)
