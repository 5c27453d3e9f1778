"""Why a dataset was made anew: what differs from the last time that its quantum ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.errors import RunError
from bunter.execution.comparison import config_differences
from bunter.execution.lineage import History, TracedDataset, TracedQuantum, Tracks
from bunter.execution.run_directory import runs_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler import Butler
    from bunter.dataset import DatasetRef

__all__ = ["Reason", "why_made"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a quantum ran, though its task had run on that data ID before.

    Parameters
    ----------
    work : TracedQuantum
        The quantum that made the dataset.
    before : TracedQuantum or None
        The last one before it of the same task and data ID, in another run; None if it was the first.
    is_same : bool
        Whether both have the same fingerprint: it need not have run.
    version : pair of str, optional
        Versions of the task, before and now, if they differ.
    config : mapping of str to pair
        Configuration values that differ.
    inputs : tuple of str
        What differs in the inputs, a sentence each.
    """

    work: TracedQuantum
    before: TracedQuantum | None
    is_same: bool = False
    version: tuple[str, str] | None = None
    config: Mapping[str, tuple[Any, Any]] | None = None
    inputs: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Say it, one reason a line."""
        if self.before is None:
            first = f"{self.work} ran in {self.work.run} for the first time"
            return [first, *(f"  {text}" for text in self.work.decisions)]
        found = [f"{self.work} ran in {self.work.run}, and before in {self.before.run}"]
        if self.is_same:
            return [*found, f"  nothing differs: --skip-existing-in {self.before.run} would have spared it"]
        if self.version:
            found.append("  version {} -> {}".format(*self.version))
        found += [
            f"  configuration {name} = {one!r} -> {other!r}" for name, (one, other) in (self.config or {}).items()
        ]
        found += [f"  {text}" for text in (*self.inputs, *self.work.decisions)]
        return found if len(found) > 1 else [*found, "  something upstream differs; ask the same of its inputs"]


def why_made(butler: Butler, ref: DatasetRef) -> Reason:
    """Find out what differs between the quantum that made a dataset and the last one before it.

    Raises
    ------
    RunError
        If no pipeline has made the dataset here.
    """
    tracks = Tracks(runs_root(butler), butler.universe)
    made = tracks.maker(TracedDataset.of(ref))
    if not made:
        raise RunError(f"no pipeline has made {ref} here; `bunter origin` tells where it came from")
    history, quantum = made[0]
    before = _before(tracks, history, quantum)
    if before is None:
        return Reason(history.work(quantum), None)
    return _compared(history, quantum, *before)


def _before(tracks: Tracks, history: History, quantum: int) -> tuple[History, int] | None:
    """Find the last run before this one that has done the same task at the same data ID."""
    label, own = history.graph.place(quantum)
    data_id = history.graph.tasks[label].keys.data_id(own)
    for other in tracks.all:
        if other.graph.header.created_ns < history.graph.header.created_ns and label in other.graph.tasks:
            rows = other.graph.find(label, data_id)
            if rows and other.has_succeeded(rows[0]):
                return other, rows[0]
    return None


def _compared(history: History, quantum: int, other: History, earlier: int) -> Reason:
    now, then = history.work(quantum), other.work(earlier)
    return Reason(
        now,
        then,
        history.fingerprint(quantum) == other.fingerprint(earlier) is not None,
        (then.version, now.version) if then.version != now.version else None,
        dict(config_differences(other.config(now.task), history.config(now.task))),
        tuple(_differing_inputs(other.inputs(earlier), history.inputs(quantum))),
    )


def _differing_inputs(then: Mapping[str, Mapping[str, object]], now: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Compare what was read, by connection and data ID."""
    found = []
    for name in dict.fromkeys([*then, *now]):
        one, other = then.get(name, {}), now.get(name, {})
        found += [f"input {name} has no {key} any more" for key in one if key not in other]
        found += [f"input {name} has {key}, which it had not" for key in other if key not in one]
        found += [f"input {name} is another {key}" for key in one if key in other and one[key] != other[key]]
    return found
