"""Quanta of a run once more: those that failed, with more memory perhaps; or any, whatever they have made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bunter import effects
from bunter.dataset.changes import RemoveDatasets
from bunter.errors import RunError
from bunter.execution.merge import descendants
from bunter.execution.receipt import Opened, Voided, encode_lines
from bunter.execution.remake import makers_of_gone
from bunter.execution.run_options import RunOptions
from bunter.execution.start import resume
from bunter.execution.told_run import find_run
from bunter.pipeline import PipelineGraph
from bunter.values import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.butler import Butler
    from bunter.execution.receipt import Receipt, Told
    from bunter.execution.run_directory import RunDirectory
    from bunter.execution.summary import RunSummary
    from bunter.execution.watch import Watcher
    from bunter.graph import QuantumGraph

__all__ = ["Again", "plan_rerun", "plan_retry"]


@dataclass(frozen=True, slots=True)
class Again:
    """What would be run again.

    Parameters
    ----------
    directory : RunDirectory
        Folder of the run.
    quanta : tuple of int
        Those that were chosen, by number.
    following : tuple of int
        Those that read what they make, and run after them.
    void : tuple of int
        Those among both that have succeeded; what they made is removed first.
    memory_of : mapping of int to int
        Memory that some of them get, in bytes.
    """

    directory: RunDirectory
    quanta: tuple[int, ...]
    following: tuple[int, ...]
    void: tuple[int, ...]
    memory_of: Mapping[int, int]

    def carry_out(
        self, butler: Butler, *, options: RunOptions | None = None, watcher: Watcher | None = None
    ) -> RunSummary:
        """Run them; the stored graph says what they are.

        Raises
        ------
        RunError
            If another process works on the run.
        """
        only = tuple(sorted({*self.quanta, *self.following}))
        options = replace(options or RunOptions(), only=only, memory_of=self.memory_of)
        with self.directory.lock():
            if self.void:
                self.directory.write_summary({**(self.directory.summary() or {}), "status": "cut short"})
                _void(butler, self.directory, self.void)
            return resume(butler, self.directory, options=options, watcher=watcher)


def plan_retry(
    butler: Butler,
    collection: str,
    *,
    kinds: Iterable[str] = (),
    growth: Mapping[str, float] | None = None,
    options: RunOptions | None = None,
) -> Again:
    """Choose what has failed and what has not run yet, or only failures of some kinds and what waits for these.

    Parameters
    ----------
    butler : Butler
        The repository.
    collection : str
        The run, or a chain whose newest run is meant.
    kinds : iterable of str
        Names of exceptions, or ``oom``, ``timeout``, ``killed``; none for all that is left.
    growth : mapping of str to float, optional
        Factors by which the memory of failed quanta grows, by label, ``""`` for all tasks. It grows from the limit that was
        in force, or from what the quantum took.
    options : RunOptions, optional
        Say what limits the tasks have.

    Raises
    ------
    RunError
        If nothing has failed in that way, or nothing is known of the memory that should grow.
    """
    directory, graph, told = _open(butler, collection)
    wanted = set(kinds)
    failures = [one for one in told.failures if one.quantum >= 0 and (not wanted or wanted & set(_names(one)))]
    if wanted and not failures:
        seen = sorted({name for one in told.failures for name in _names(one)}) or ["none"]
        raise RunError(
            f"no quantum of {directory.run!r} failed with {', '.join(sorted(wanted))}; seen: {', '.join(seen)}"
        )
    done = {receipt.quantum for receipt in told.receipts}
    chosen = {one.quantum for one in failures} if wanted else set(range(len(graph))) - done
    chosen |= makers_of_gone(graph, _dropped(butler, graph, told), chosen)
    following = descendants(graph, chosen) - chosen - done
    memory_of = _grown(graph, failures, growth or {}, options or RunOptions(), butler)
    return Again(directory, tuple(sorted(chosen)), tuple(sorted(following)), (), memory_of)


def plan_rerun(butler: Butler, collection: str, quanta: Sequence[int] | None = None, *, failed: bool = False) -> Again:
    """Choose quanta of a run to be run again, with all that follows from them, whether they have succeeded or not.

    Parameters
    ----------
    butler : Butler
        The repository.
    collection : str
        The run, or a chain whose newest run is meant.
    quanta : sequence of int, optional
        Numbers in the graph; all if left out.
    failed : bool
        Whether only those among them that failed are meant.

    Raises
    ------
    RunError
        If there are none.
    """
    directory, graph, told = _open(butler, collection)
    chosen = set(range(len(graph)) if quanta is None else quanta)
    if failed:
        chosen &= {receipt.quantum for receipt in told.failures}
    if not chosen:
        raise RunError(f"no quantum of {directory.run!r} is meant{' that failed' if failed else ''}; nothing is run")
    following = descendants(graph, chosen) - chosen
    done = {receipt.quantum for receipt in told.receipts}
    void = sorted((chosen | following) & done)
    chosen |= makers_of_gone(graph, _dropped(butler, graph, told), chosen | following)
    return Again(directory, tuple(sorted(chosen)), tuple(sorted(following)), tuple(void), {})


def _open(butler: Butler, collection: str) -> tuple[RunDirectory, QuantumGraph, Told]:
    directory = find_run(butler, collection)
    if not directory.has_graph():
        raise RunError(f"the run {directory.run!r} has not been planned yet; give its command again")
    return directory, directory.graph(), directory.told()


def _dropped(butler: Butler, graph: QuantumGraph, told: Told) -> set[int]:
    """Datasets that were made and not kept, by row in the graph."""
    rows, base = sorted(told.discarded), int.from_bytes(graph.header.base, "big")
    located = butler.locate([(base + row).to_bytes(16, "big") for row in rows]) if rows else []
    return {row for row, found in zip(rows, located, strict=True) if not found}


def _names(receipt: Receipt) -> tuple[str, ...]:
    return () if receipt.problem is None else receipt.problem.names


def _grown(
    graph: QuantumGraph, failures: Sequence[Receipt], growth: Mapping[str, float], options: RunOptions, butler: Butler
) -> dict[int, int]:
    """Memory that failed quanta get now, in bytes."""
    if not growth:
        return {}
    limits = options.agreed(PipelineGraph.from_dict(graph.pipeline, butler.universe))
    found: dict[int, int] = {}
    for receipt in failures:
        label, _ = graph.place(receipt.quantum)
        factor = growth.get(label, growth.get("", 1.0))
        took = receipt.resources.peak_memory if receipt.resources else 0
        before = (receipt.problem.limit if receipt.problem else 0) or limits[label].memory or took
        if not before:
            raise RunError(f"nobody knows how much memory {label} had; say how much it gets: --memory {label}=4GB")
        found[receipt.quantum] = int(before * factor)
    return found


def _void(butler: Butler, directory: RunDirectory, quanta: Sequence[int]) -> None:
    """Remove what quanta have made, and let their receipts count no longer.

    The datasets go first: a receipt without datasets and files is done again by itself, if we should be stopped here.
    """
    graph, told = directory.graph(), directory.told()
    gone, base = set(quanta), int.from_bytes(graph.header.base, "big")
    rows = [output.row for receipt in told.receipts if receipt.quantum in gone for output in receipt.outputs]
    ids = [(base + row).to_bytes(16, "big") for row in rows]
    there = [one for one, found in zip(ids, butler.locate(ids), strict=True) if found] if ids else []
    if there:
        butler.apply(RemoveDatasets(there, 0.0))
    who, header = Principal.current(), graph.header
    attempt, journal = directory.new_journal()
    with journal:
        opened = Opened(header.graph_id, header.output_run, "local", attempt, effects.now_ns(), who.user, who.host, 0)
        journal.append(encode_lines([opened, Voided(tuple(quanta))]))
        journal.sync()
