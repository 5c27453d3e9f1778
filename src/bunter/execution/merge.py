"""Receipts into the registry: datasets and their artifacts in one transaction per batch, once, however often it is tried."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from bunter import effects
from bunter.dataset import ArtifactLink, ArtifactRow, DatasetColumns
from bunter.dataset.changes import AddArtifacts, AddDatasets
from bunter.dataset.event import TellEvents
from bunter.datastore.key import split_key
from bunter.execution.apart import apart_stores, contents_of
from bunter.execution.dataset_types import graph_dataset_type
from bunter.execution.outlet import are_there
from bunter.execution.provenance import registering
from bunter.execution.told_events import succeeded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bunter.butler import Butler
    from bunter.dataset import StoredArtifact
    from bunter.dataset.changes import Change
    from bunter.datastore import PublishingStore
    from bunter.execution.apart import ApartStore
    from bunter.execution.ledger import Flushed
    from bunter.execution.receipt import Artifact, Output, Receipt
    from bunter.execution.scratch import Scratch
    from bunter.graph import QuantumGraph

__all__ = ["Merger", "descendants", "merge", "whole"]


class Merger:
    """Registers committed groups as they come, not more often than every ``pause_s`` seconds.

    Parameters
    ----------
    butler : Butler
        A writeable butler of the repository.
    graph : QuantumGraph
        What the receipts are about.
    again : bool, optional
        Whether some of the datasets may be registered already.
    pause_s : float, optional
        Shortest time between two transactions, in seconds.
    scratch : Scratch, optional
        Drops what is not to be kept.
    """

    def __init__(
        self,
        butler: Butler,
        graph: QuantumGraph,
        *,
        again: bool = False,
        pause_s: float = 2.0,
        scratch: Scratch | None = None,
    ) -> None:
        self._butler, self._graph, self._again, self._pause_s = butler, graph, again, pause_s
        self._scratch = scratch
        self._receipts: list[Receipt] = []
        self._artifacts: dict[str, Artifact] = {}
        self._last = effects.monotonic()
        self.datasets = 0

    def add(self, flushed: Flushed) -> None:
        """Take a committed group; register it together with earlier ones if it is time."""
        self._receipts += [receipt for receipt in flushed.receipts if receipt.is_success]
        for receipt in flushed.receipts:
            self._artifacts |= {artifact.nonce: artifact for artifact in receipt.artifacts}
        if flushed.shared is not None:
            self._artifacts[flushed.shared.nonce] = flushed.shared
        if effects.monotonic() - self._last >= self._pause_s:
            self.finish()

    def finish(self) -> None:
        """Register all that is not registered yet."""
        if self._receipts:
            self.datasets += merge(self._butler, self._graph, self._receipts, self._artifacts, again=self._again)
            if self._scratch is not None:
                self._scratch.settle(self._receipts)
        self._receipts, self._artifacts, self._last = [], {}, effects.monotonic()


def merge(
    butler: Butler,
    graph: QuantumGraph,
    receipts: Iterable[Receipt],
    artifacts: Mapping[str, Artifact],
    *,
    again: bool = False,
    recorded: Collection[str] = (),
) -> int:
    """Register the datasets of successful receipts in one transaction.

    Parameters
    ----------
    butler : Butler
        A writeable butler of the repository; dataset types and run are registered.
    graph : QuantumGraph
        What the receipts are about.
    receipts : iterable of Receipt
        One per quantum.
    artifacts : mapping of str to Artifact
        Artifacts by nonce.
    again : bool, optional
        Whether some may be registered already; they are left out.
    recorded : collection of str, optional
        Keys of artifacts that are registered already, with datasets of other receipts.

    Returns
    -------
    int
        Number of datasets that are new in the registry.
    """
    receipts = list(receipts)
    outputs = [output for receipt in receipts for output in receipt.outputs]
    identities = _identities(graph, outputs)
    if again:
        located = butler.locate(identities) if identities else []
        _remove_twins(butler, outputs, located, artifacts)
        outputs = [output for output, there in zip(outputs, located, strict=True) if not there]
        identities = [identity for identity, there in zip(identities, located, strict=True) if not there]
    if outputs:
        with registering(butler, graph):
            files = _files(outputs, identities, artifacts, recorded)
            named = {row.nonce for row in files.artifacts}
            contents = contents_of(butler, graph.header.output_run, (artifacts[nonce] for nonce in named))
            told = _told(butler, graph, receipts, outputs)
            butler.apply(*_datasets(butler, graph, outputs), *contents, files, *told)
    return len({output.row for output in outputs})


def _told(
    butler: Butler, graph: QuantumGraph, receipts: Iterable[Receipt], outputs: Iterable[Output]
) -> tuple[TellEvents, ...]:
    """Say which quanta have made what is new, if anybody wants to know."""
    if not butler.events.is_wanted:
        return ()
    made = {output.row for output in outputs}
    return (TellEvents(succeeded(graph, (one for one in receipts if any(out.row in made for out in one.outputs)))),)


def _identities(graph: QuantumGraph, outputs: Sequence[Output]) -> list[bytes]:
    base = int.from_bytes(graph.header.base, "big")
    return [(base + output.row).to_bytes(16, "big") for output in outputs]


def _remove_twins(
    butler: Butler,
    outputs: Sequence[Output],
    located: Sequence[Sequence[StoredArtifact]],
    artifacts: Mapping[str, Artifact],
) -> None:
    """Remove artifacts of datasets that are registered with another one, which stays."""
    used = {artifact.key for found in located for artifact in found}
    used |= {artifacts[output.nonce].key for output, found in zip(outputs, located, strict=True) if not found}
    made = {artifacts[output.nonce].key for output, found in zip(outputs, located, strict=True) if found}
    if twins := made - used:
        remove_artifacts(butler, sorted(twins))


def remove_artifacts(butler: Butler, keys: Sequence[str]) -> None:
    """Remove artifacts that nobody has registered, whichever stores they were written to."""
    for child in butler.datastore.chain.children:
        if not child.read_only and not child.copies:
            butler.datastore.delete(keys, child.name)


def _datasets(butler: Butler, graph: QuantumGraph, outputs: Sequence[Output]) -> list[Change]:
    """Rows of the registry, as columns for each dataset type."""
    rows = np.unique(np.fromiter((output.row for output in outputs), np.int64, len(outputs)))
    tables = list(graph.datasets.values())
    firsts = np.array([table.first for table in tables])
    numbers = np.searchsorted(firsts, rows, "right") - 1
    base = int.from_bytes(graph.header.base, "big")
    changes: list[Change] = []
    for number in np.unique(numbers).tolist():
        table, mine = tables[number], rows[numbers == number]
        own = mine - table.first
        values: dict[str, Sequence[Any]] = {
            name: table.keys.vocabulary.decode(name, table.keys.column(name)[own]).tolist()
            for name in table.keys.required
        }
        ids = [(base + row).to_bytes(16, "big") for row in mine.tolist()]
        dataset_type = graph_dataset_type(graph, table.name, butler.universe)
        changes.append(AddDatasets(DatasetColumns(dataset_type, graph.header.output_run, ids, values), "skip"))
    return changes


def _files(
    outputs: Sequence[Output], identities: Sequence[bytes], artifacts: Mapping[str, Artifact], recorded: Collection[str]
) -> AddArtifacts:
    used = dict.fromkeys(output.nonce for output in outputs)
    links = [
        ArtifactLink(identity, output.component, output.nonce, output.selector)
        for output, identity in zip(outputs, identities, strict=True)
    ]
    return AddArtifacts(
        [artifact_row(artifacts[nonce]) for nonce in used if artifacts[nonce].key not in recorded], links
    )


def artifact_row(artifact: Artifact) -> ArtifactRow:
    """Say what is recorded of an artifact of a receipt."""
    directory, name = split_key(artifact.key)
    return ArtifactRow(
        artifact.nonce, artifact.datastore, directory, name, artifact.size, artifact.sha256, artifact.xxh3,
        artifact.format, artifact.version,
    )  # fmt: skip


def whole(
    butler: Butler, graph: QuantumGraph, receipts: Sequence[Receipt], artifacts: Mapping[str, Artifact]
) -> tuple[list[Receipt], list[Receipt]]:
    """Sort receipts of dead attempts into those that may be registered and those whose work must be done again.

    A receipt stands if all its artifacts are there and the receipts of all its parents stand.

    Returns
    -------
    standing, fallen : list of Receipt
        In the order given.
    """
    stores: dict[str, PublishingStore | ApartStore] = {
        **butler.datastore.stores,
        **apart_stores(butler, graph.header.output_run),
    }
    there = are_there(stores, list(artifacts.values()))
    bad = {receipt.quantum for receipt in receipts if not all(output.nonce in there for output in receipt.outputs)}
    if bad:
        bad |= descendants(graph, bad)
    sides: defaultdict[bool, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        sides[receipt.quantum in bad].append(receipt)
    return sides[False], sides[True]


def descendants(graph: QuantumGraph, roots: Iterable[int]) -> set[int]:
    """Return the quanta that read what some quanta make, directly or through others."""
    found: set[int] = set()
    stack = [root for root in roots if root >= 0]
    while stack:
        for child in graph.consumers(stack.pop()):
            if child not in found:
                found.add(child)
                stack.append(child)
    return found
