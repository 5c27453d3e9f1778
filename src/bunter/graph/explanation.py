"""Why a graph is what it is: counts before and after each step, and the reason of each candidate that is not planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.graph.keys import Array, KeyTable
    from bunter.graph.quantum_graph import QuantumGraph

__all__ = ["Absent", "Explanation", "TaskExplanation", "why"]


@dataclass(frozen=True, slots=True)
class TaskExplanation:
    """What became of the candidates of one task.

    Parameters
    ----------
    label : str
        The task.
    steps : tuple of (str, int)
        What was done, and how many candidates were left; the first is where they come from.
    unmet : tuple of (str, int)
        Conditions that feasible quanta fail (each counted under the first that it fails), and how many of these nothing
        needs either.
    targets, needed, companions : int
        Quanta that the selection asks for, that these read from, and that came along.
    spared : tuple of (str, int)
        Why selected quanta need not be run, and how many.
    waiting : tuple of (str, int)
        What selected quanta wait for before they can be planned, and how many.
    """

    label: str
    steps: tuple[tuple[str, int], ...]
    unmet: tuple[tuple[str, int], ...]
    targets: int
    needed: int
    companions: int
    spared: tuple[tuple[str, int], ...] = ()
    waiting: tuple[tuple[str, int], ...] = ()

    @property
    def candidates(self) -> int:
        """How many there were at first."""
        return self.steps[0][1]

    @property
    def feasible(self) -> int:
        """How many had all that they require."""
        return self.steps[-1][1]

    @property
    def planned(self) -> int:
        """How many are in the graph."""
        return self.targets + self.needed + self.companions

    @property
    def removed(self) -> list[tuple[str, int]]:
        """Reasons why candidates are not in the graph, and how many each removed; the counts add up."""
        falls = [
            (text, before - left) for (_, before), (text, left) in zip(self.steps[:-1], self.steps[1:], strict=True)
        ]
        return [(text, count) for text, count in [*falls, *self.unmet, *self.spared, *self.waiting] if count]

    def sentence(self) -> str:
        """Say it in one line."""
        parts = [f"{self.candidates:,} {self.steps[0][0]}"]
        parts += [
            f"{count:,} fail {text}" if text.startswith("where") else f"{count:,}: {text}"
            for text, count in self.removed
        ]
        return f"{self.label}: {self.planned:,} quanta ({'; '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a graph came about.

    Parameters
    ----------
    tasks : mapping of str to TaskExplanation
        By label, in topological order.
    inputs : mapping of str to (int, int)
        For each overall input, how many datasets were found, and how many are read.
    brought : tuple of (str, str, str, int)
        Consumer, connection, producer, and how many quanta of the producer come in beyond those that the selection names
        itself, because the consumer reads them.
    """

    tasks: Mapping[str, TaskExplanation] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    brought: tuple[tuple[str, str, str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        names = ("label", "steps", "unmet", "targets", "needed", "companions", "spared", "waiting")
        return {
            "tasks": [{name: getattr(task, name) for name in names} for task in self.tasks.values()],
            "inputs": {name: list(counts) for name, counts in self.inputs.items()},
            "brought": [list(one) for one in self.brought],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Explanation:
        """Make the explanation that `to_dict` wrote."""
        tasks = {}
        for one in plain.get("tasks", ()):
            counted = ("steps", "unmet", "spared", "waiting")
            pairs = {name: tuple((text, n) for text, n in one.get(name, ())) for name in counted}
            tasks[one["label"]] = TaskExplanation(**{**one, **pairs})
        inputs = {name: (found, read) for name, (found, read) in plain.get("inputs", {}).items()}
        return cls(tasks, inputs, tuple((a, b, c, n) for a, b, c, n in plain.get("brought", ())))

    @property
    def waiting(self) -> int:
        """How many quanta wait for inputs that were not there when the graph was built."""
        return sum(count for task in self.tasks.values() for _, count in task.waiting)

    def lines(self) -> list[str]:
        """Say for each task and input what happened, one line each."""
        found = [task.sentence() for task in self.tasks.values()]
        found += [f"input {name}: {n:,} found, {read:,} read" for name, (n, read) in self.inputs.items()]
        found += [
            f"{label} pulls in {count:,} quanta of {producer} through `{connection}`"
            for label, connection, producer, count in self.brought
            if count
        ]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Absent:
    """Candidates of one task that are not in the graph.

    Parameters
    ----------
    keys : KeyTable
        Their data IDs.
    reason : array
        Place of each one's reason in ``reasons``.
    reasons : tuple of str
        Sentences.
    """

    keys: KeyTable
    reason: Array
    reasons: tuple[str, ...]


def why(graph: QuantumGraph, label: str, data_id: Mapping[str, object]) -> str:
    """Say why a quantum is in the graph, or why it is not.

    Parameters
    ----------
    graph : QuantumGraph
        The graph.
    label : str
        The task.
    data_id : mapping
        Values of some of the task's dimensions; the answer is about all quanta that have them.
    """
    from bunter.graph.decided import decision_sentence, decisions_about

    shown = ", ".join(f"{name}={value}" for name, value in data_id.items()) or "any data ID"
    planned = graph.find(label, data_id)
    lines = [f"{label} at {shown}: {_how_many(len(planned), 'planned')}"]
    lines += [f"  {text}" for text in _roles(graph, label, planned)]
    absent = graph.absent.get(label)
    if absent is not None:
        rows = absent.keys.find(data_id)
        counts = {reason: int((absent.reason[rows] == i).sum()) for i, reason in enumerate(absent.reasons)}
        lines += [f"  {count:,} not planned: {reason}" for reason, count in counts.items() if count]
    if len(lines) == 1:
        lines.append(f"  {_never(graph, label, data_id)}")
    lines += [
        f"  decided: {decision_sentence(one)}; applied {one['hits']} times" for one in decisions_about(graph, label)
    ]
    return "\n".join(lines)


def _how_many(count: int, word: str) -> str:
    return f"{'no quantum' if not count else '1 quantum' if count == 1 else f'{count:,} quanta'} {word}"


def _roles(graph: QuantumGraph, label: str, rows: list[int]) -> list[str]:
    """How many of the planned ones are targets, needed, companions."""
    table = graph.tasks[label]
    if table.roles is None or not rows:
        return []
    words = {1: "asked for by the selection", 2: "needed by what reads them", 3: "all of whose inputs are made anyway"}
    own = [int(table.roles[row - table.first] if table.roles.ndim else table.roles) for row in rows]
    return [f"{own.count(role):,} {text}" for role, text in words.items() if role in own]


def _never(graph: QuantumGraph, label: str, data_id: Mapping[str, object]) -> str:
    """Say what can be said of a data ID that was not among the candidates."""
    task = graph.explanation.tasks.get(label)
    unknown = [name for name in data_id if name not in graph.tasks[label].keys.vocabulary.values]
    if unknown:
        return f"the task has no dimension {unknown[0]!r}"
    if task is None:
        return "the graph keeps no record of its candidates"
    under = f" under the selection `{graph.header.where}`" if graph.header.where else ""
    return f"it was never a candidate: candidates are {task.steps[0][0]}{under}, and none of these has it"
