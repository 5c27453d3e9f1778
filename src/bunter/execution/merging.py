"""What jobs have committed becomes visible in the registry: at any time, as often as one likes, by any number of attempts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.errors import RunError
from bunter.execution.apart import clear
from bunter.execution.following import Following
from bunter.execution.initialise import register, sweep
from bunter.execution.merge import merge, whole
from bunter.execution.provenance import running
from bunter.execution.receipt import Closed, encode_lines
from bunter.execution.scratch import Scratch
from bunter.execution.summary import RunSummary, TaskCounts
from bunter.execution.told_events import ended, failed_receipts
from bunter.execution.told_run import find_run, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.butler import Butler
    from bunter.execution.receipt import Discarded, Receipt, Told
    from bunter.execution.run_directory import RunDirectory
    from bunter.graph import QuantumGraph

__all__ = ["Merged", "merge_run"]

_TOGETHER = 5000
_JOB = "merge"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge has done, and where the run stands.

    Parameters
    ----------
    run : str
        The run.
    datasets : int
        Datasets that are new in the registry.
    removed : int
        Artifacts that were removed, because dead attempts had left them.
    total, succeeded, failed : int
        Quanta of the run.
    lost : int
        Quanta that have succeeded and whose artifacts are gone before they were registered; their jobs are to be run again.
    open_jobs : int
        Attempts of jobs that have not said that they are over.
    waiting : int
        Quanta that were not planned, since inputs that they wait for were not there.
    """

    run: str
    datasets: int
    removed: int
    total: int
    succeeded: int
    failed: int
    lost: int
    open_jobs: int
    waiting: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every quantum has succeeded."""
        return self.succeeded == self.total and not self.lost

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"complete": self.is_complete}

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        failed += f", {self.lost} lost their outputs" if self.lost else ""
        rest = f"; {self.open_jobs} jobs are not over" if self.open_jobs else ""
        rest += f"; {self.waiting:,} more quanta wait for inputs that are not there yet" if self.waiting else ""
        removed = f", {self.removed} left-over artifacts removed" if self.removed else ""
        return (
            f"{self.succeeded} of {self.total} quanta of {self.run!r} succeeded{failed}; {self.datasets} datasets registered"
            f"{removed}{rest}"
        )


def merge_run(
    butler: Butler,
    collection: str,
    *,
    follow: bool = False,
    final: bool = False,
    pause_s: float = 2.0,
    on_merged: Callable[[Merged], None] | None = None,
) -> Merged:
    """Register what the jobs of a run have committed.

    What is registered stays as it is, and nothing is registered twice, so a merge may be killed, repeated, and run beside the
    jobs. Artifacts that no receipt names are removed once their attempt is over.

    Parameters
    ----------
    butler : Butler
        A writeable butler of the repository.
    collection : str
        The run, or a chain whose newest run is meant.
    follow : bool, optional
        Whether to go on until all quanta have succeeded, or all jobs are over.
    final : bool, optional
        Whether all jobs are known to have ended, so that what was left by those that did not say so is removed too.
    pause_s : float, optional
        Time between two looks, in seconds.
    on_merged : callable, optional
        Is told after each look that found something.

    Raises
    ------
    RunError
        If there is no such run, or somebody else merges it.
    """
    directory = find_run(butler, collection)
    lease = effects.flock(directory.path / "merge.lock", blocking=False)
    if lease is None:
        raise RunError(f"another process merges the run {directory.run!r}; one is enough")
    graph = directory.graph()
    with lease, running(butler, graph):
        register(butler, graph)
        merging = _Merging(butler, graph, directory)
        found = merging.look()
        while follow and not found.is_complete and (found.open_jobs or not merging.has_seen_jobs):
            effects.sleep(pause_s)
            before, found = found, merging.look()
            if on_merged is not None and found != before:
                on_merged(found)
        return merging.conclude(is_final=final)


class _Merging:
    """Looks at the journals of a run, again and again."""

    def __init__(self, butler: Butler, graph: QuantumGraph, directory: RunDirectory) -> None:
        self._butler, self._graph, self._directory = butler, graph, directory
        self._settled: set[int] = set()
        self._lost: set[int] = set()
        self._failed: set[tuple[int, int]] = set()
        self._datasets = self._removed = 0
        self._recorded: set[str] = set()  # keys of artifacts that a part of the receipts has brought to the registry
        self._scratch = Scratch(butler, graph, self._announce)
        self._following = Following(directory)
        self._scratch.remember((), self._following.look().discarded)

    def _announce(self, line: Discarded) -> None:
        """Tell in a journal of the merge's own what is dropped."""
        number = sum(job == _JOB for _, job, _ in self._directory.journals())
        with self._directory.job_journal(_JOB, number) as journal:
            journal.append(encode_lines([line, Closed(effects.now_ns())]))
            journal.sync()

    @property
    def has_seen_jobs(self) -> bool:
        """Whether any job has begun."""
        return any(job not in {"local", _JOB} for _, job, _ in self._directory.journals())

    def look(self) -> Merged:
        """Register what is new."""
        return self._merge(self._following.look())

    def _merge(self, told: Told) -> Merged:
        before = self._lost.copy()
        new = [receipt for receipt in told.receipts if receipt.quantum not in self._settled]
        self._lost.clear()
        new += [receipt for receipt in told.receipts if receipt.quantum in before]
        for begin in range(0, len(new), _TOGETHER):
            self._register(new[begin : begin + _TOGETHER], told)
        self._tell_failures(told)
        return self._merged(told)

    def _tell_failures(self, told: Told) -> None:
        """Tell of failures that this merge has not told of; each is told once, by whichever merge."""
        new = [one for one in told.failures if (one.quantum, one.attempt) not in self._failed]
        self._failed |= {(one.quantum, one.attempt) for one in new}
        self._butler.events.tell(*failed_receipts(self._graph, new))

    def _register(self, receipts: list[Receipt], told: Told) -> None:
        base = int.from_bytes(self._graph.header.base, "big")
        rows = [output.row for receipt in receipts for output in receipt.outputs]
        located = self._butler.locate([(base + row).to_bytes(16, "big") for row in rows]) if rows else []
        self._recorded |= {artifact.key for found in located for artifact in found}
        there = {row for row, found in zip(rows, located, strict=True) if found} | told.discarded
        loose = [one for one in receipts if not all(output.row in there for output in one.outputs)]
        used = {output.nonce for receipt in loose for output in receipt.outputs}
        standing, fallen = whole(
            self._butler, self._graph, loose, {n: a for n, a in told.artifacts.items() if n in used}
        )
        if standing:
            self._datasets += merge(
                self._butler, self._graph, standing, told.artifacts, again=bool(there), recorded=self._recorded
            )
            self._recorded |= {told.artifacts[output.nonce].key for one in standing for output in one.outputs}
        self._lost |= {one.quantum for one in fallen}
        self._settled |= {one.quantum for one in receipts}
        self._scratch.settle([one for one in receipts if one.quantum not in self._lost])

    def conclude(self, *, is_final: bool) -> Merged:
        """Remove what dead attempts have left, and say how the run stands."""
        told = self._following.look()
        awaited = set() if is_final else self._following.awaited()
        self._removed += sweep(self._butler, self._graph, set(told.orphans) - awaited)
        merged = self._merge(told)
        self._scratch.settle((), is_complete=merged.is_complete)
        if merged.is_complete:
            clear(self._butler, self._directory)
        if merged.is_complete or (is_final and merged.failed):
            summary = _summary(self._directory, self._datasets)
            self._directory.write_summary(summary.to_dict())
            self._butler.events.tell(ended(self._graph, summary))
        return merged

    def _merged(self, told: Told) -> Merged:
        return Merged(
            run=self._graph.header.output_run,
            datasets=self._datasets,
            removed=self._removed,
            total=len(self._graph),
            succeeded=sum(receipt.quantum >= 0 for receipt in told.receipts),
            failed=len(told.failures),
            lost=len(self._lost),
            open_jobs=self._following.open_jobs,
            waiting=self._graph.explanation.waiting,
        )


def _summary(directory: RunDirectory, datasets: int) -> RunSummary:
    """Say how a run has ended that was run by jobs."""
    run = tell(directory)
    tasks = {
        task.label: TaskCounts(
            total=task.total,
            succeeded=task.succeeded,
            no_work=task.no_work,
            failed=task.failed,
            blocked=task.total - task.succeeded - task.failed,
            cpu_s=round(float(task.cpu_s.sum()), 3),
        )
        for task in run.tasks
    }
    status = "succeeded" if all(one.succeeded == one.total for one in tasks.values()) else "failed"
    return RunSummary(
        run=run.run,
        output=run.output,
        status=status,
        attempt=run.attempts - 1,
        tasks=tasks,
        failures=run.failures,
        datasets=datasets,
        wall_s=round(run.span_s, 3),
        cpu_s=round(run.cpu_s, 3),
    )
