"""What the quanta of a task may take, and whether a failure is tried again: decisions without processes or clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from bunter.errors import RunError, near

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.execution.receipt import Problem
    from bunter.pipeline import PipelineGraph

__all__ = ["Asked", "Limit", "Limits", "agree"]

Asked: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What a user asks for: by label, ``""`` for all tasks, plain values as `bunter.pipeline.resources` has them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a quantum of a task may take.

    Parameters
    ----------
    timeout_s : float
        Longest time, in seconds; 0 is no limit.
    memory : int
        Greatest resident memory of the process that runs it and of what that starts, in bytes; 0 is no limit.
    retries : int
        How often a failure is tried again.
    retry_on : tuple of str
        Names of exceptions (or of their bases), or ``memory``, ``timeout`` and ``killed``: what is tried again. Empty: all
        that does not say of itself that it would happen again.
    growth : float
        Factor by which memory grows after it has run out.
    """

    timeout_s: float = 0.0
    memory: int = 0
    retries: int = 0
    retry_on: tuple[str, ...] = ()
    growth: float = 2.0

    def may_pass(self, problem: Problem) -> bool:
        """Whether another try is worth while after such a problem."""
        if problem.fatal:
            return False
        return bool({*self.retry_on} & {*problem.names}) if self.retry_on else problem.transient

    def grown(self, problem: Problem, memory: int) -> int:
        """Return the memory that the next try gets after one that had ``memory``, in bytes."""
        return int(memory * self.growth) if problem.is_out_of_memory else memory


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of all tasks of a run.

    Parameters
    ----------
    by_label : mapping of str to Limit
        By label of the task.
    by_quantum : mapping of int to int
        Memory of single quanta, in bytes, where it is not that of their task.
    """

    by_label: Mapping[str, Limit]
    by_quantum: Mapping[int, int] = field(default_factory=dict)

    def __getitem__(self, label: str) -> Limit:
        return self.by_label[label]

    @property
    def bind(self) -> bool:
        """Whether anything has to be watched from outside of the process that does it."""
        return bool(self.by_quantum) or any(one.timeout_s or one.memory for one in self.by_label.values())

    def memory(self, counts: Mapping[str, int]) -> list[int] | None:
        """Memory that each quantum needs, in bytes, tasks one after the other; None if nobody has said anything."""
        if not self.by_quantum and not any(one.memory for one in self.by_label.values()):
            return None
        needs = [need for label, count in counts.items() for need in [self.by_label[label].memory] * count]
        for quantum, need in self.by_quantum.items():
            needs[quantum] = need
        return needs

    def retries(self, counts: Mapping[str, int]) -> list[int]:
        """How often each quantum may be tried again, tasks one after the other."""
        return [number for label, count in counts.items() for number in [self.by_label[label].retries] * count]


def agree(pipeline: PipelineGraph, asked: Asked, resources: Asked | None = None) -> Limits:
    """Put together what tasks, their pipeline and the user say; the user has the last word.

    Parameters
    ----------
    pipeline : PipelineGraph
        The tasks.
    asked : mapping
        What the user says.
    resources : mapping, optional
        What the pipeline says, in place of what its graph has kept.

    Raises
    ------
    RunError
        If a label is unknown.
    """
    _refuse_unknown(asked, [task.label for task in pipeline.tasks])
    general = asked.get("", {})
    told = {}
    for task in pipeline.tasks:
        said = task.resources if resources is None else resources.get(task.label, {})
        told[task.label] = {**said, **general, **asked.get(task.label, {})}
    return Limits({label: _limit(plain) for label, plain in told.items()})


def _refuse_unknown(asked: Iterable[str], labels: list[str]) -> None:
    for label in asked:
        if label and label not in labels:
            raise RunError(f"limits were given for {label!r}, which is no task here{near(label, labels)}")


def _limit(plain: Mapping[str, Any]) -> Limit:
    words = {"timeout": "timeout_s"}
    values: dict[str, Any] = {
        words.get(name, name): tuple(value) if name == "retry_on" else value for name, value in plain.items()
    }
    return Limit(**values)
