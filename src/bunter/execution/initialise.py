"""Before the first quantum: dataset types, the run, what tasks write once, and what earlier attempts left."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.dataset.changes import RegisterCollection, RegisterDatasetType
from bunter.datastore.memory import MemoryStore
from bunter.datastore.store import LocalPaths
from bunter.execution.dataset_types import graph_dataset_type
from bunter.execution.merge import merge, remove_artifacts, whole
from bunter.execution.message import Made, Request, made_from
from bunter.execution.remake import makers_of_gone
from bunter.execution.worker import attempt_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler import Butler
    from bunter.dataset.changes import Change
    from bunter.execution.message import Outcome
    from bunter.execution.place import Place
    from bunter.execution.receipt import Artifact, Receipt, Told
    from bunter.execution.worker import Worker
    from bunter.graph import QuantumGraph

__all__ = ["Before", "construct", "recover", "register", "sweep"]

_log = logging.getLogger(__name__)


def register(butler: Butler, graph: QuantumGraph) -> None:
    """Register the run and the dataset types that the graph makes; nothing changes if they are there."""
    made = {edge.dataset_type for edge in graph.edges.values() if edge.kind in {"output", "init_output"}}
    changes: list[Change] = [RegisterCollection(graph.header.output_run, CollectionType.RUN)]
    changes += [RegisterDatasetType(graph_dataset_type(graph, name, butler.universe)) for name in sorted(made)]
    butler.apply(*changes)


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier attempts at a run have achieved.

    Parameters
    ----------
    receipts : tuple of Receipt
        Successes that stand, all of them in the registry.
    artifacts : dict of str to Artifact
        Artifacts by nonce.
    datasets : int
        Datasets that were registered only now.
    """

    receipts: tuple[Receipt, ...] = ()
    artifacts: dict[str, Artifact] | None = None
    datasets: int = 0

    def made(self) -> list[Made]:
        """Every dataset they made."""
        artifacts = self.artifacts or {}
        return made_from([output for receipt in self.receipts for output in receipt.outputs], artifacts)


def recover(butler: Butler, graph: QuantumGraph, told: Told) -> Before:
    """Register what earlier attempts committed, remove what they published without committing."""
    if not told.receipts and not told.orphans:
        return Before()
    rows = [output.row for receipt in told.receipts for output in receipt.outputs]
    base = int.from_bytes(graph.header.base, "big")
    located = butler.locate([(base + row).to_bytes(16, "big") for row in rows]) if rows else []
    registered = {row for row, found in zip(rows, located, strict=True) if found} | told.discarded
    loose = [r for r in told.receipts if not all(output.row in registered for output in r.outputs)]
    used = {output.nonce for receipt in loose for output in receipt.outputs}
    standing, fallen = whole(butler, graph, loose, {n: a for n, a in told.artifacts.items() if n in used})
    gone = {receipt.quantum for receipt in fallen}
    todo = set(range(len(graph))) - {receipt.quantum for receipt in told.receipts} | gone
    dropped = told.discarded - {row for row, found in zip(rows, located, strict=True) if found}
    gone |= makers_of_gone(graph, dropped, (quantum for quantum in todo if quantum >= 0))
    if fallen:
        _log.warning("%d quanta are done again: what they made is no longer there", len(fallen))
    datasets = merge(butler, graph, standing, told.artifacts, again=True) if standing else 0
    _sweep(butler, graph, told, fallen)
    return Before(tuple(r for r in told.receipts if r.quantum not in gone), told.artifacts, datasets)


def _sweep(butler: Butler, graph: QuantumGraph, told: Told, fallen: Sequence[Receipt]) -> None:
    """Remove artifacts that no receipt names and no dataset uses."""
    sweep(butler, graph, {*told.orphans, *(artifact.key for receipt in fallen for artifact in receipt.artifacts)})


def sweep(butler: Butler, graph: QuantumGraph, keys: set[str]) -> int:
    """Remove artifacts among keys that no dataset of a graph uses, and return their number."""
    if not keys:
        return 0
    base = int.from_bytes(graph.header.base, "big")
    made = [
        (base + row).to_bytes(16, "big")
        for table in graph.datasets.values()
        for row in range(table.first, table.first + len(table))
        if not table.has(row - table.first)
    ]
    loose = sorted(keys - {artifact.key for found in butler.locate(made) for artifact in found})
    remove_artifacts(butler, loose)
    return len(loose)


def sweep_unreported(place: Place, told: Told, attempt: int) -> None:
    """Remove what earlier attempts may have sent to storage services and not told of; names are known from the graph.

    Where artifacts are files, the store itself knows what a dead owner left.
    """
    remote = {
        name for name in place.outlet.owners if not isinstance(place.outlet.stores[name], LocalPaths | MemoryStore)
    }
    if not attempt or not remote:
        return
    done = {receipt.quantum for receipt in told.receipts}
    tries = {attempt_number(number, 0) for number in range(attempt)}
    tries |= {attempt_number(failed.attempt, failed.retry + 1) for failed in told.failures}
    refs = [
        ref
        for quantum in range(len(place.graph))
        if quantum not in done
        for found in place.quantum(quantum).outputs.values()
        for ref in found
    ]
    names = [one for ref in refs for number in tries for one in place.names(ref, number)]
    place.outlet.discard([one for one in names if remote & {one.datastore, *one.copies}])


def construct(worker: Worker, graph: QuantumGraph, before: Before, attempt: int) -> list[Outcome]:
    """Write what the tasks write once for the run, unless an earlier attempt has."""
    done = {receipt.quantum for receipt in before.receipts}
    made = {item.row: item for item in before.made()}
    outcomes: list[Outcome] = []
    for number, label in enumerate(graph.tasks):
        if -1 - number in done:
            continue
        outcome = worker.construct(Request(-1 - number, attempt, 0, tuple(made.values())), label)
        artifacts = {artifact.nonce: artifact for artifact in outcome.receipt.artifacts}
        made |= {one.row: one for one in made_from(outcome.receipt.outputs, artifacts)}
        outcomes.append(outcome)
    return outcomes
