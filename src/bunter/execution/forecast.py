"""What a run will probably take, from what the same tasks took before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bunter.execution.pace import task_classes
from bunter.execution.run_directory import run_directories, runs_root
from bunter.execution.told_run import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.butler import Butler
    from bunter.execution.told_run import ToldRun
    from bunter.graph import QuantumGraph
    from bunter.graph.keys import Array

__all__ = ["Forecast", "TaskForecast", "forecast_run"]

_MOST_RUNS = 5


@dataclass(frozen=True, slots=True)
class TaskForecast:
    """What the quanta of one task will probably take; None where nothing is known.

    Parameters
    ----------
    label : str
        The task.
    quanta : int
        How many.
    inputs, outputs : int
        Datasets that they read and write, bookkeeping left out.
    input_bytes : int or None
        Bytes of the files of the inputs that exist; a file that several quanta read counts once.
    output_bytes : float or None
        Bytes that they will write.
    cpu_s, wall_s : float or None
        Sum over all quanta, in seconds.
    peak_memory : int or None
        Greatest resident size of a process that ran the task, in bytes.
    runs : int
        How many earlier runs this rests on.
    """

    label: str
    quanta: int
    inputs: int
    outputs: int
    input_bytes: int | None
    output_bytes: float | None
    cpu_s: float | None
    wall_s: float | None
    peak_memory: int | None
    runs: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will probably take.

    Parameters
    ----------
    tasks : tuple of TaskForecast
        In the order of the pipeline.
    """

    tasks: tuple[TaskForecast, ...]

    def total(self, name: str) -> float | None:
        """Sum over the tasks; None if something is not known of one of them that has quanta."""
        values = [getattr(task, name) for task in self.tasks if task.quanta]
        return None if None in values else sum(values)


def forecast_run(butler: Butler, graph: QuantumGraph) -> Forecast:
    """Foretell what a run of a graph will take, from the newest five runs of each task with the same class.

    Parameters
    ----------
    butler : Butler
        The repository.
    graph : QuantumGraph
        The graph.
    """
    past = list(_past(butler, graph))
    return Forecast(tuple(_task(label, graph, past) for label in graph.tasks))


def _past(butler: Butler, graph: QuantumGraph) -> Iterator[ToldRun]:
    """Newest runs that share a task with the graph."""
    wanted, found = task_classes(graph), 0
    for directory in run_directories(runs_root(butler)):
        if found == _MOST_RUNS:
            return
        if directory.has_graph() and set(task_classes(directory.graph()).items()) & set(wanted.items()):
            found += 1
            yield tell(directory)


def _task(label: str, graph: QuantumGraph, past: Sequence[ToldRun]) -> TaskForecast:
    same = [run for run in past if task_classes(run.graph).get(label) == task_classes(graph)[label]]
    histories = [task for run in same for task in run.tasks if task.label == label and len(task.cpu_s)]
    count = len(graph.tasks[label])
    edges = [edge for edge in graph.connections(label) if not edge.connection.startswith("_")]
    reads = [edge for edge in edges if edge.is_read]
    writes = [edge for edge in edges if edge.kind == "output"]
    return TaskForecast(
        label,
        count,
        sum(map(len, reads)),
        sum(map(len, writes)),
        _bytes_of(graph, [edge.dataset_type for edge in reads]),
        _bytes_to_come([(edge.dataset_type, len(edge)) for edge in writes], same),
        _times(count, [history.cpu_s for history in histories]),
        _times(count, [history.wall_s for history in histories]),
        max((history.peak_memory for history in histories), default=None),
        len(histories),
    )


def _times(count: int, parts: Sequence[Array]) -> float | None:
    return round(count * float(np.mean(np.concatenate(parts))), 3) if parts else None


def _bytes_of(graph: QuantumGraph, names: Sequence[str]) -> int | None:
    """Bytes of the files of datasets that exist."""
    total, known = 0, False
    for name in dict.fromkeys(names):
        artifacts = graph.datasets[name].artifacts
        if artifacts is not None:
            total, known = total + int(artifacts.columns["size"].astype(np.int64).sum()), True
    return total if known else None


def _bytes_to_come(counts: Sequence[tuple[str, int]], past: Sequence[ToldRun]) -> float | None:
    """Bytes that quanta will write, by the mean size of each dataset type."""
    total = 0.0
    for name, count in counts:
        written = [run.written[name] for run in past if name in run.written]
        if not written:
            return None
        total += count * sum(size for _, size in written) / sum(number for number, _ in written)
    return total
