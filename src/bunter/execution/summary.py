"""How a run ended, as a value: for people a few sentences, for machines one JSON object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.execution.receipt import Problem
    from bunter.graph import QuantumGraph

__all__ = ["EXIT_CODES", "INVALID", "REPEATABLE", "FailedQuantum", "RunSummary", "TaskCounts", "required_data_id"]

EXIT_CODES = {"succeeded": 0, "nothing to do": 0, "held": 0, "failed": 1, "waiting": 75, "interrupted": 130}
REPEATABLE, INVALID = 20, 21
"""Exit codes of runs of which every failure would happen again, and of runs in which nothing can work."""


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
    partial : int
        Succeeded with flawed outputs that were accepted.
    deprived : int
        Succeeded without some of their inputs, because what should have made these had failed.
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
    partial: int = 0
    deprived: int = 0


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
    kind : str
        Name of the exception's class, or ``killed``, ``timeout``, ``oom``.
    is_transient : bool
        Whether another try may succeed.
    is_fatal : bool
        Whether nothing in this run can work.
    """

    quantum: int
    label: str
    data_id: Mapping[str, Any]
    error: str
    log: str = ""
    blocks: int = 0
    kind: str = ""
    is_transient: bool = True
    is_fatal: bool = False

    @classmethod
    def of(  # noqa: PLR0917 - all that is known of it
        cls, quantum: int, label: str, data_id: Mapping[str, Any], problem: Problem, log: str = "", blocks: int = 0
    ) -> Self:
        """Make one of what its receipt says."""
        return cls(
            quantum, label, data_id, str(problem), log, blocks,
            kind=problem.type, is_transient=problem.transient, is_fatal=problem.fatal,
        )  # fmt: skip

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
        ``succeeded``, ``nothing to do``, ``failed``, ``interrupted``; ``held`` if only a part was asked for and that
        succeeded; ``waiting`` if everything has succeeded but what waits for inputs that are not there yet.
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
        """What a command ends with: see the table of exit codes in the reference of the command line."""
        if self.status == "failed" and self.failures:
            if any(failure.is_fatal for failure in self.failures):
                return INVALID
            if not any(failure.is_transient for failure in self.failures):
                return REPEATABLE
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
        words = {
            "failed": "failed",
            "blocked": "blocked",
            "cancelled": "left" if self.status == "held" else "cancelled",
        }
        others = [f"{count} {word}" for field, word in words.items() if (count := self.total(field))]
        flaws = {"partial": "with flawed outputs", "deprived": "without some of their inputs"}
        others += [f"{count} of them {word}" for field, word in flaws.items() if (count := self.total(field))]
        earlier = f" ({self.total('earlier')} had before)" if self.total("earlier") else ""
        ended = {"interrupted": "interrupted: ", "failed": "failed: "}.get(self.status, "")
        reason = f"; {self.reason}" if self.reason else ""
        again = "; the same command goes on from here" if self.status != "succeeded" else ""
        return f"{ended}{done}{earlier}{''.join(f', {one}' for one in others)} in {self.wall_s:.1f} s, run {self.run!r}{reason}{again}"
