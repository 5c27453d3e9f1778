"""Who looks on while a run goes: progress bars, logs, tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.execution.message import Outcome
    from bunter.execution.scheduling import State
    from bunter.execution.summary import FailedQuantum
    from bunter.graph import QuantumGraph

__all__ = ["Silent", "Watcher", "WatchesTries"]


class Watcher(Protocol):
    """Is told what happens, in the thread of the run; must be quick."""

    def begun(self, run: str, totals: Mapping[str, tuple[int, int]]) -> None:
        """Hear how many quanta each task has, and how many of them succeeded before."""

    def ended(self, label: str, state: State) -> None:
        """Hear that a quantum of a task has reached a final state."""

    def failed(self, failure: FailedQuantum, *, again: bool) -> None:
        """Hear that a quantum has failed; ``again`` if it will be tried again."""


@runtime_checkable
class WatchesTries(Protocol):
    """A watcher who wants to see each try of a quantum, with what it took and what it said."""

    def tried(self, graph: QuantumGraph, outcome: Outcome) -> None:
        """Hear how a try of a quantum ended, before anything of it is durable; must be quick."""


class Silent:
    """Looks on and says nothing."""

    def begun(self, run: str, totals: Mapping[str, tuple[int, int]]) -> None:
        """See `Watcher`."""

    def ended(self, label: str, state: State) -> None:
        """See `Watcher`."""

    def failed(self, failure: FailedQuantum, *, again: bool) -> None:
        """See `Watcher`."""
