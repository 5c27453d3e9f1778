"""How long the quanta of a task take and how much memory, as runs remember it for runs to come."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter import effects
from bunter.execution.run_directory import run_directories
from bunter.values import new_nonce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bunter.execution.receipt import Resources
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumGraph

__all__ = ["Pace", "PaceKeeper", "durations_of", "foretold_memory", "known_paces", "remember_pace", "task_classes"]

_FILE = "pace.json"
_MOST_RUNS, _MOST_LOOKS = 5, 50
_MOST_SAMPLES = 1000
_SHORTEST_S = 1e-4  # a path of quanta that take no time is still a path


@dataclass(frozen=True, slots=True)
class Pace:
    """What the quanta of one task took.

    Parameters
    ----------
    quanta : int
        How many.
    wall_s : float
        Mean elapsed time of one, in seconds.
    peak_memory : int
        Resident size of a process that ran one, in bytes; 0 if nothing is known.
    """

    quanta: int
    wall_s: float
    peak_memory: int


class PaceKeeper:
    """Takes the quanta of a run together as they end."""

    def __init__(self) -> None:
        self._wall_s: defaultdict[str, float] = defaultdict(float)
        self._quanta: Counter[str] = Counter()
        self._memory: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, label: str, spent: Resources) -> None:
        """Take a quantum that has succeeded."""
        self._wall_s[label] += spent.wall_s
        self._quanta[label] += 1
        # What this very process holds says nothing of a worker.
        if spent.process != os.getpid() and len(self._memory[label]) < _MOST_SAMPLES:
            self._memory[label].append(spent.peak_memory)

    def found(self) -> dict[str, Pace]:
        """Return what the tasks took, by label.

        A process tells the most it ever held, for a larger quantum perhaps, so that the median of them is nearest to one's own.
        """
        return {
            label: Pace(count, self._wall_s[label] / count, int(median(self._memory[label] or [0])))
            for label, count in self._quanta.items()
        }


def task_classes(graph: QuantumGraph) -> dict[str, str]:
    """Return the class of each task of a graph, by label."""
    return {task["label"]: task["class"] for task in graph.pipeline["tasks"]}


def remember_pace(directory: RunDirectory, graph: QuantumGraph, found: Mapping[str, Pace]) -> None:
    """Write down in the folder of a run what its tasks took; what rests on more quanta stays."""
    if not found:
        return
    classes, before = task_classes(graph), _read(directory)
    told = {label: {"class": classes[label], **asdict(one)} for label, one in found.items()}
    kept = {label: one for label, one in before.items() if one["quanta"] >= told.get(label, {"quanta": 0})["quanta"]}
    staged = directory.path / f".pace-{new_nonce()}"
    effects.write_new(staged, json.dumps({**told, **kept}).encode(), sync=False)
    effects.rename(staged, directory.path / _FILE)


def _read(directory: RunDirectory) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(effects.read_bytes(directory.path / _FILE))
    except (OSError, ValueError):
        return {}  # nobody has written it, or a power cut has torn it: a run goes on without
    return found if isinstance(found, dict) else {}


def known_paces(root: Path, graph: QuantumGraph) -> dict[str, Pace]:
    """Return what is known of the tasks of a graph from the newest five runs of the same classes.

    Parameters
    ----------
    root : Path
        Folder that holds the folders of runs.
    graph : QuantumGraph
        The graph.
    """
    classes, found = task_classes(graph), dict[str, list[Pace]]()
    for number, directory in enumerate(run_directories(root)):
        if number == _MOST_LOOKS:
            break
        for label, one in _read(directory).items():
            if classes.get(label) == one.get("class") and len(found.setdefault(label, [])) < _MOST_RUNS:
                found[label].append(Pace(one["quanta"], one["wall_s"], one["peak_memory"]))
    return {label: _together(paces) for label, paces in found.items() if paces}


def _together(paces: Sequence[Pace]) -> Pace:
    quanta = sum(one.quanta for one in paces)
    return Pace(quanta, sum(one.quanta * one.wall_s for one in paces) / quanta, max(one.peak_memory for one in paces))


def durations_of(graph: QuantumGraph, paces: Mapping[str, Pace]) -> NDArray[np.float64] | None:
    """Say how long each quantum will probably take, in seconds; None if nothing is known of any.

    A task of which nothing is known takes as long as the others in the mean.
    """
    known = {label: max(one.wall_s, _SHORTEST_S) for label, one in paces.items() if label in graph.counts}
    if not known:
        return None
    mean = sum(known.values()) / len(known)
    counts = graph.counts
    return np.repeat([known.get(label, mean) for label in counts], list(counts.values()))


def foretold_memory(graph: QuantumGraph, paces: Mapping[str, Pace]) -> list[int] | None:
    """Say how much memory each quantum will probably take, in bytes, 0 where nothing is known; None if nothing is at all."""
    if not any(one.peak_memory for one in paces.values()):
        return None
    counts = graph.counts
    return [paces[label].peak_memory if label in paces else 0 for label, count in counts.items() for _ in range(count)]
