"""Two runs side by side: configurations, versions, counts, times, and which outputs differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter.execution.told_run import find_run, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.butler import Butler
    from bunter.execution.receipt import Told
    from bunter.execution.told_run import TaskHistory, ToldRun
    from bunter.graph import QuantumGraph

__all__ = ["Comparison", "OutputComparison", "TaskComparison", "compare_runs", "config_differences"]

_BOOKS = ("_metadata", "_log")


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One task in two runs; each pair is the first run's and the second's, None where it does not have the task.

    Parameters
    ----------
    label : str
        The task.
    version, succeeded, failed : pair
        Version of the task, and numbers of quanta.
    wall_s, cpu_s : pair
        Medians of a quantum, in seconds.
    peak_memory : pair
        Greatest resident size, in bytes.
    config : mapping of str to pair
        The configuration values that differ.
    """

    label: str
    version: tuple[str | None, str | None]
    succeeded: tuple[int | None, int | None]
    failed: tuple[int | None, int | None]
    wall_s: tuple[float | None, float | None]
    cpu_s: tuple[float | None, float | None]
    peak_memory: tuple[int | None, int | None]
    config: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputComparison:
    """The datasets of one type in two runs, by data ID.

    Parameters
    ----------
    dataset_type : str
        The type.
    count, size : pair of int
        Numbers and bytes.
    same, different : int
        Data IDs that both have, with equal and with different bytes, stamps left out; members of shared files are not told
        apart.
    only : pair of int
        Data IDs that only one of them has.
    examples : tuple of mapping
        Some data IDs whose bytes differ.
    """

    dataset_type: str
    count: tuple[int, int]
    size: tuple[int, int]
    same: int
    different: int
    only: tuple[int, int]
    examples: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side.

    Parameters
    ----------
    runs : pair of str
        The runs.
    settings : mapping of str to pair
        What differs in selection and inputs.
    tasks : tuple of TaskComparison
        In the order of the pipelines.
    outputs : tuple of OutputComparison
        By dataset type.
    """

    runs: tuple[str, str]
    settings: Mapping[str, tuple[Any, Any]]
    tasks: tuple[TaskComparison, ...]
    outputs: tuple[OutputComparison, ...]

    @property
    def is_same(self) -> bool:
        """Whether both have done the same with the same result."""
        changed = any(t.config or t.version[0] != t.version[1] or t.succeeded[0] != t.succeeded[1] for t in self.tasks)
        return not changed and not any(one.different or any(one.only) for one in self.outputs)


def compare_runs(butler: Butler, first: str, second: str) -> Comparison:
    """Compare two runs, or the newest runs of two chains.

    Raises
    ------
    MissingCollectionError
        If there is no such collection.
    RunError
        If one holds no run that was made by running a pipeline.
    """
    directories = [find_run(butler, name) for name in (first, second)]
    one, other = (tell(directory) for directory in directories)
    told = [directory.told() for directory in directories]
    labels = dict.fromkeys([*one.graph.tasks, *other.graph.tasks])
    settings = {
        name: (getattr(one.graph.header, name), getattr(other.graph.header, name)) for name in ("where", "inputs")
    }
    return Comparison(
        (one.run, other.run),
        {name: pair for name, pair in settings.items() if pair[0] != pair[1]},
        tuple(_task(label, one, other) for label in labels),
        tuple(_outputs(_Written(one.graph, told[0]), _Written(other.graph, told[1]))),
    )


def _task(label: str, one: ToldRun, other: ToldRun) -> TaskComparison:
    plain = [{task["label"]: task for task in run.graph.pipeline["tasks"]}.get(label, {}) for run in (one, other)]
    history = [{task.label: task for task in run.tasks}.get(label) for run in (one, other)]
    return TaskComparison(
        label,
        (plain[0].get("version"), plain[1].get("version")),
        _pair(history, lambda task: task.succeeded),
        _pair(history, lambda task: task.failed),
        _pair(history, lambda task: _median(task.wall_s)),
        _pair(history, lambda task: _median(task.cpu_s)),
        _pair(history, lambda task: task.peak_memory),
        dict(config_differences(plain[0].get("config", {}), plain[1].get("config", {}))) if all(plain) else {},
    )


def _pair(history: list[TaskHistory | None], value: Any) -> Any:
    return tuple(None if task is None else value(task) for task in history)


def _median(values: Any) -> float | None:
    return round(float(np.median(values)), 4) if len(values) else None


def config_differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield the values in which two configurations differ, by dotted name."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            yield from config_differences(one.get(name), other.get(name), f"{path}.{name}" if path else str(name))
    elif one != other:
        yield path, (one, other)


class _Written:
    """What a run has written, by dataset type and data ID.

    Parameters
    ----------
    graph : QuantumGraph
        Its graph.
    told : Told
        Its receipts.
    """

    def __init__(self, graph: QuantumGraph, told: Told) -> None:
        self._graph, self._told = graph, told
        outputs = [output for receipt in told.receipts for output in receipt.outputs]
        self._rows = np.array([output.row for output in outputs], np.int64)
        self._sizes = np.array([told.size_of(output) for output in outputs], np.int64)
        self._digests = [output.plain or told.artifacts[output.nonce].sha256 for output in outputs]
        self._shared = np.array([bool(output.selector) for output in outputs], bool)
        self._components = [output.component for output in outputs]

    @property
    def types(self) -> list[str]:
        """Dataset types that it has written, bookkeeping left out."""
        return [name for name in self._graph.datasets if not name.endswith(_BOOKS) and len(self._mine(name))]

    def _mine(self, name: str) -> Any:
        table = self._graph.datasets.get(name)
        if table is None:
            return np.zeros(0, np.int64)
        return np.flatnonzero((self._rows >= table.first) & (self._rows < table.first + len(table)))

    def of(self, name: str) -> dict[tuple[Any, ...], tuple[int, Any]]:
        """Size of each dataset of a type, and the digests of all its components, by the values of its data ID."""
        mine = self._mine(name)
        if not len(mine):
            return {}
        table = self._graph.datasets[name]
        rows = self._rows[mine] - table.first
        columns = [table.keys.vocabulary.decode(d, table.keys.column(d)[rows]).tolist() for d in table.keys.required]
        keys = zip(*columns, strict=True) if columns else [()] * len(mine)
        found: dict[tuple[Any, ...], tuple[int, Any]] = {}
        for key, at in zip(keys, mine.tolist(), strict=True):
            size, content = found.get(key, (0, ()))
            part = self._components[at], None if self._shared[at] else self._digests[at]
            found[key] = size + int(self._sizes[at]), tuple(sorted((*content, part), key=lambda each: each[0]))
        return found

    def names(self, name: str) -> tuple[str, ...]:
        """Dimensions of a type."""
        return self._graph.datasets[name].keys.required


def _outputs(one: _Written, other: _Written) -> Iterator[OutputComparison]:
    for name in sorted({*one.types, *other.types}):
        mine, theirs = one.of(name), other.of(name)
        both = mine.keys() & theirs.keys()
        differing = sorted(key for key in both if mine[key][1] != theirs[key][1])
        names = (one if mine else other).names(name)
        yield OutputComparison(
            name,
            (len(mine), len(theirs)),
            (sum(size for size, _ in mine.values()), sum(size for size, _ in theirs.values())),
            len(both) - len(differing),
            len(differing),
            (len(mine.keys() - both), len(theirs.keys() - both)),
            tuple(dict(zip(names, key, strict=True)) for key in differing[:5]),
        )
