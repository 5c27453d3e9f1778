"""How a run ended, as a value: for people a few sentences, for machines one JSON object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.graph import QuantumGraph

__all__ = ["EXIT_CODES", "FailedQuantum", "RunSummary", "TaskCounts", "required_data_id"]

EXIT_CODES = {"succeeded": 0, "nothing to do": 0, "failed": 1, "interrupted": 130}


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Quanta of one task.

    Parameters
    ----------
    total : int
        All in the graph.
    succeeded : int
        Succeeded in this attempt, those without work among them.
    no_work : int
        Succeeded because there was nothing to do.
    earlier : int
        Succeeded in earlier attempts.
    failed, blocked, cancelled : int
        Failed themselves; waited for one that failed; did not end because the run was stopped.
    cpu_s : float
        CPU time of the succeeded quanta of this attempt, in seconds.
    """

    total: int
    succeeded: int = 0
    no_work: int = 0
    earlier: int = 0
    failed: int = 0
    blocked: int = 0
    cancelled: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FailedQuantum:
    """A quantum that failed, and what that blocks.

    Parameters
    ----------
    quantum : int
        Number in the graph.
    label : str
        Label of its task.
    data_id : mapping
        Its data ID.
    error : str
        What happened, in one sentence.
    log : str
        File with its log, empty if there is none.
    blocks : int
        Number of quanta that could not run because of it.
    """

    quantum: int
    label: str
    data_id: Mapping[str, Any]
    error: str
    log: str = ""
    blocks: int = 0

    def __str__(self) -> str:
        keys = ", ".join(f"{name}: {value!r}" for name, value in self.data_id.items())
        blocks = f"; blocks {self.blocks} more" if self.blocks else ""
        log = f"; log: {self.log}" if self.log else ""
        return f"{self.label}@{{{keys}}} failed: {self.error}{blocks}{log}"


def required_data_id(graph: QuantumGraph, label: str, own: int) -> dict[str, Any]:
    """Return what people need to know a quantum among those of its task: the required dimensions."""
    keys = graph.tasks[label].keys
    data_id = keys.data_id(own)
    return {name: data_id[name] for name in keys.required}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How one attempt at a run ended.

    Parameters
    ----------
    run : str
        The run.
    output : str
        The chain that shows its results; empty if there is none.
    status : str
        ``succeeded``, ``nothing to do``, ``failed`` or ``interrupted``.
    attempt : int
        Number of the attempt, from 0.
    tasks : mapping of str to TaskCounts
        By label.
    failures : tuple of FailedQuantum
        In order of their numbers.
    datasets : int
        New in the registry.
    wall_s, cpu_s : float
        Time of the attempt, and CPU time of this process and its workers, in seconds.
    reason : str
        Why it ended early, if it did.
    """

    run: str
    output: str
    status: str
    attempt: int
    tasks: Mapping[str, TaskCounts]
    failures: tuple[FailedQuantum, ...]
    datasets: int
    wall_s: float
    cpu_s: float
    reason: str = ""

    @property
    def exit_code(self) -> int:
        """What a command ends with: 0 if everything has succeeded, 1 if not, 130 if it was interrupted."""
        return EXIT_CODES[self.status]

    def total(self, field: str) -> int:
        """Sum of one of the counts over all tasks."""
        return sum(getattr(counts, field) for counts in self.tasks.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"exit_code": self.exit_code}

    def __str__(self) -> str:
        if self.status == "nothing to do":
            if self.reason:
                return self.reason
            return f"nothing to do: all {self.total('earlier')} quanta of {self.run!r} have succeeded before"
        done = f"{self.total('succeeded')} of {self.total('total') - self.total('earlier')} quanta succeeded"
        others = [f"{count} {word}" for word in ("failed", "blocked", "cancelled") if (count := self.total(word))]
        earlier = f" ({self.total('earlier')} had before)" if self.total("earlier") else ""
        ended = {"interrupted": "interrupted: ", "failed": "failed: ", "succeeded": ""}[self.status]
        reason = f"; {self.reason}" if self.reason else ""
        again = "; the same command goes on from here" if self.status != "succeeded" else ""
        return f"{ended}{done}{earlier}{''.join(f', {one}' for one in others)} in {self.wall_s:.1f} s, run {self.run!r}{reason}{again}"
