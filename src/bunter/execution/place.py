"""Where the quanta of a graph read and write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from bunter.datastore import MAIN
from bunter.execution.dataset_types import graph_dataset_type
from bunter.execution.receipt import Artifact
from bunter.execution.record_fields import RecordFields
from bunter.execution.site import staged_copy
from bunter.graph import Quantum, dataset_nonce
from bunter.pipeline.task_node import AUTOMATIC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.dataset import DatasetType, StoredArtifact
    from bunter.datastore import Format, PublishingStore
    from bunter.datastore.chain import Route
    from bunter.dimensions import Universe
    from bunter.execution.outlet import Outlet
    from bunter.graph import Edges, QuantumGraph, QuantumRef


__all__ = ["Place"]

_OF_A_QUANTUM = frozenset({"input", "prerequisite", "output"})


class Place:
    """Where the quanta of a graph read and write: a datastore, an owner in it, and the graph's dataset types.

    Parameters
    ----------
    outlet : Outlet
        The datastore, and where in it is written.
    universe : Universe
        The dimensions.
    graph : QuantumGraph
        The graph.
    series : int, optional
        Sets the names of artifacts of this job apart from those of other jobs.
    is_staged : bool, optional
        Whether the datastore is a folder that was filled for a job.
    fields : RecordFields, optional
        What names of files ask for beyond data IDs.
    """

    def __init__(
        self,
        outlet: Outlet,
        universe: Universe,
        graph: QuantumGraph,
        *,
        series: int = 0,
        is_staged: bool = False,
        fields: RecordFields | None = None,
    ) -> None:
        self.outlet, self.datastore, self.universe, self.graph = outlet, outlet.datastore, universe, graph
        self._series, self._is_staged, self._fields = series, is_staged, fields or RecordFields()
        self.store: PublishingStore = outlet.stores[MAIN]
        self._types: dict[str, DatasetType] = {}

    def quantum(self, row: int) -> Quantum:
        """Make a quantum of the graph, without the datasets that the executor writes for every quantum."""
        label, own = self.graph.place(row)
        edges = [edge for edge in self.graph.connections(label) if _is_of_a_quantum(edge)]
        return Quantum(row, label, self.graph, edges, own)

    def nonce(self, row: int, number: int, component: str = "") -> str:
        """Nonce of the artifact of a dataset of the graph; ``number`` is that of the try, see `attempt_number`."""
        graph = self.graph.header.graph_id
        return dataset_nonce(f"{graph}/{component}" if component else graph, row, self._series + number)

    def route(self, ref: QuantumRef) -> Route:
        """Say which stores take an output."""
        return self.outlet.route(self.dataset_type(ref.dataset_type), ref.data_id)

    def shared_route(self) -> Route | None:
        """Say which stores take what many quanta share: ``main``, and copies wherever those of any log or metadata go."""
        names = {edge.dataset_type for edge in self.graph.edges.values() if edge.connection in {"_log", "_metadata"}}
        routes = [self.outlet.route(self.dataset_type(name), {}) for name in sorted(names)]
        copies = tuple(sorted({copy for route in routes for copy in route.copies}))
        return replace(routes[0], store=MAIN, copies=copies) if copies else None

    def key(self, ref: QuantumRef, nonce: str, extension: str, component: str = "") -> str:
        """Make the key of an artifact of an output."""
        dataset_type, route = self.dataset_type(ref.dataset_type), self.route(ref)
        fields = self._fields.of(route.choice.template.sought, ref.data_id)
        more: dict[str, object] = {**fields, "id": UUID(bytes=ref.id), "component": component or None}
        return self.datastore.key_for(dataset_type, ref.data_id, ref.run, nonce, extension, route=route, **more)

    def names(self, ref: QuantumRef, number: int) -> list[Artifact]:
        """Name what a try writes for an output, whether it has written it or not; without sizes and digests."""
        route = self.route(ref)
        forms: Mapping[str, Format] = route.choice.components or {"": route.choice.format}
        nonces = {component: self.nonce(ref.row, number, component) for component in forms}
        return [
            Artifact(
                nonces[component], self.key(ref, nonces[component], form.extension, component), route.store, 0, b"", b"",
                form.name, form.version, route.copies,
            )
            for component, form in forms.items()
        ]  # fmt: skip

    def artifact(self, stored: StoredArtifact) -> StoredArtifact:
        """Say where an artifact is for the quanta of this place."""
        return staged_copy(stored) if self._is_staged else stored

    def dataset_type(self, name: str) -> DatasetType:
        """Dataset type of the graph by name."""
        if name not in self._types:
            self._types[name] = graph_dataset_type(self.graph, name, self.universe)
        return self._types[name]


def _is_of_a_quantum(edge: Edges) -> bool:
    return edge.kind in _OF_A_QUANTUM and edge.connection not in AUTOMATIC
