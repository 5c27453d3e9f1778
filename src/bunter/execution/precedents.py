"""What earlier runs have done, as far as their journals and the repository can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.dataset import CollectionType
from bunter.execution.merge import descendants
from bunter.execution.run_directory import RunDirectory, runs_root
from bunter.graph.arrow import identities
from bunter.graph.precedents import Precedent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.butler import Butler
    from bunter.execution.receipt import Told
    from bunter.graph import QuantumGraph
    from bunter.graph.keys import Array

__all__ = ["find_precedents", "reused_runs"]


def find_precedents(butler: Butler, collections: Sequence[str]) -> list[Precedent]:
    """Find what the runs in some collections have done.

    Parameters
    ----------
    butler : Butler
        The repository.
    collections : sequence of str
        Runs, and chains of runs, in order; runs that no pipeline has made count for nothing.

    Returns
    -------
    list of Precedent
        In the order of the search.

    Raises
    ------
    MissingCollectionError
        If there is no such collection.
    """
    runs = [run for name in collections for run in _runs(butler, name)]
    root = runs_root(butler)
    found = [one for run in dict.fromkeys(runs) for one in RunDirectory.parts(root, run)]
    return [_precedent(butler, one.graph(), one.told()) for one in found if one.has_graph()]


def _runs(butler: Butler, name: str) -> list[str]:
    butler.collections.info(name)  # raises if there is none of that name
    return butler.collections.query(name, types=[CollectionType.RUN], flatten_chains=True)


def _precedent(butler: Butler, graph: QuantumGraph, told: Told) -> Precedent:
    succeeded = np.zeros(len(graph), bool)
    succeeded[[receipt.quantum for receipt in told.receipts if receipt.quantum >= 0]] = True
    written = np.zeros(sum(map(len, graph.datasets.values())), bool)
    written[[output.row for receipt in told.receipts for output in receipt.outputs]] = True
    written[[row for receipt in told.receipts for row in receipt.handed]] = True
    succeeded[sorted(_deprived(graph, told))] = False
    return Precedent(graph, succeeded, written, written & _present(butler, graph, len(written)))


def _deprived(graph: QuantumGraph, told: Told) -> set[int]:
    """Quanta that did without some of their inputs, and all that rest on them: their fingerprints promise more."""
    found = {receipt.quantum for receipt in told.receipts if receipt.is_deprived}
    return found | descendants(graph, found)


def _present(butler: Butler, graph: QuantumGraph, size: int) -> Array:
    """Which of the datasets that a graph predicted are registered: their ids are its base plus their rows."""
    present = np.zeros(size, bool)
    base = np.frombuffer(graph.header.base, ">u8").astype(np.uint64)
    known = {kind.name for kind in butler.dataset_types.query()}
    for edge in graph.edges.values():
        if edge.kind == "output" and edge.dataset_type in known:
            table = butler.query_datasets(edge.dataset_type, graph.header.output_run, find_first=False).to_arrow()
            words = np.ascontiguousarray(identities(table)).view(">u8").reshape(-1, 2).astype(np.uint64)
            rows = words[words[:, 0] == base[0], 1] - base[1]
            present[rows[rows < size].astype(np.int64)] = True
    return present


def reused_runs(graph: QuantumGraph) -> list[str]:
    """Return the runs whose datasets this run reads where its own pipeline could have made them."""
    made = {edge.dataset_type for edge in graph.edges.values() if edge.kind == "output"}
    runs = [run for name in made for run in graph.datasets[name].runs]
    return [run for run in dict.fromkeys(runs) if run != graph.header.output_run]
