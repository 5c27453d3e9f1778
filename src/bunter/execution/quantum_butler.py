"""A butler for one quantum: it knows the datasets of that quantum, where they are, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.dataset import DatasetType, StoredArtifact
from bunter.dataset.deferred import DeferredDataset
from bunter.datastore import MAIN
from bunter.errors import DatasetNotFoundError, QuantumError
from bunter.execution.hands import Hands
from bunter.execution.receipt import Artifact, Output
from bunter.execution.record_fields import RecordFields
from bunter.execution.site import staged_copy
from bunter.graph import Quantum, dataset_nonce
from bunter.pipeline.task_node import AUTOMATIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.datastore import Format, PublishingStore
    from bunter.datastore.chain import Route
    from bunter.dimensions import Universe
    from bunter.execution.message import Made
    from bunter.execution.outlet import Outlet
    from bunter.execution.stamping import Stamping
    from bunter.graph import Edges, QuantumGraph, QuantumRef

_OF_A_QUANTUM = frozenset({"input", "prerequisite", "output"})

__all__ = ["Place", "QuantumButler", "graph_dataset_type", "stored_artifact", "stored_artifacts"]


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


def graph_dataset_type(graph: QuantumGraph, name: str, universe: Universe) -> DatasetType:
    """Return a dataset type of a graph as a repository knows it."""
    table = graph.datasets[name]
    return DatasetType(name, universe.conform(table.keys.required), table.storage_class, table.is_calibration)


class QuantumButler:
    """Reads the inputs and writes the outputs of one quantum.

    What is written is visible under its final, never repeated name at once, so that the next quantum on this machine can
    read it; the datastore's owner keeps it undoable until it is committed.

    Parameters
    ----------
    place : Place
        Where to read and write.
    attempt : int
        Decides the names of new artifacts.
    made : iterable of Made
        Inputs that were made in this run.
    hands : Hands, optional
        What it gets from, and leaves to, quanta of the same process in memory.
    """

    def __init__(self, place: Place, attempt: int, made: Iterable[Made] = (), *, hands: Hands | None = None) -> None:
        self._place, self._attempt = place, attempt
        self._made = {item.row: item for item in made}
        self._hands = hands or Hands()
        self.stamping: Stamping | None = None
        self.outputs: list[Output] = []
        self.artifacts: list[Artifact] = []

    @property
    def dimensions(self) -> Universe:
        """The universe."""
        return self._place.universe

    def stored(self, ref: QuantumRef) -> bool:
        """Whether an artifact of the dataset is known."""
        return ref.row in self._made or bool(ref.artifacts) or ref.row in self._hands

    def get(
        self,
        ref: QuantumRef,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        storage_class: str | None = None,
    ) -> Any:
        """Read an input.

        Raises
        ------
        DatasetNotFoundError
            If it was not there when the graph was made, and no earlier quantum made it.
        """
        if self.stamping is not None:
            self.stamping.note(ref)
        if self._hands.has(ref, is_plain=not component and not parameters, storage_class=storage_class):
            return self._hands.give(ref)
        artifacts = self._artifacts(ref)
        wanted = ref.storage_class if component or storage_class is None else storage_class
        datastore = self._place.datastore
        keeps = datastore.keeps(self._place.dataset_type(ref.dataset_type))
        return datastore.read(artifacts, storage_class=wanted, component=component, parameters=parameters, keeps=keeps)

    def _artifacts(self, ref: QuantumRef) -> tuple[StoredArtifact, ...]:
        if (made := self._made.get(ref.row)) is not None:
            return tuple(map(self._place.artifact, stored_artifacts(ref.id, made)))
        if not ref.artifacts:
            raise DatasetNotFoundError(f"{ref} was not made by any quantum before this one")
        return tuple(map(self._place.artifact, ref.artifacts))

    def get_deferred(self, ref: QuantumRef) -> DeferredDataset:
        """Return a handle that reads the input when asked."""
        return DeferredDataset(self.get, ref)

    def put(self, obj: Any, ref: QuantumRef) -> QuantumRef:
        """Write an output.

        Raises
        ------
        QuantumError
            If the quantum has written it before.
        """
        if ref.row in self.written:
            raise QuantumError(f"{ref} was written twice by one quantum")
        place, dataset_type = self._place, self._place.dataset_type(ref.dataset_type)
        route = place.route(ref)
        if self._hands.take(ref, obj, route.choice.storage_class):
            return ref
        for component, encoded in place.datastore.encode_parts(obj, dataset_type, route).items():
            nonce = place.nonce(ref.row, self._attempt, component)
            key = place.key(ref, nonce, encoded.extension, component)
            stamped = self.stamping.on(encoded, ref) if self.stamping is not None else None
            self.artifacts.append(place.outlet.publish(nonce, key, stamped.encoded if stamped else encoded, route))
            plain = stamped.plain_digest if stamped else ""
            self.outputs.append(Output(ref.row, nonce, component=component, plain=plain))
        return ref

    @property
    def written(self) -> set[int]:
        """Rows of the datasets that it has made, stored or not."""
        return {output.row for output in self.outputs} | {*self._hands.handed}

    def discard(self) -> None:
        """Take back everything written."""
        self._place.outlet.discard(self.artifacts)
        self.outputs, self.artifacts = [], []
        self._hands.empty()

    def succeed(self) -> None:
        """Leave what was written to the run."""
        self._place.outlet.forget(self.artifacts)


def stored_artifacts(dataset_id: bytes, made: Made) -> list[StoredArtifact]:
    """Say where a dataset is that was made in this run, all its components."""
    return [stored_artifact(dataset_id, one.artifact, one.selector, one.component) for one in (made, *made.others)]


def stored_artifact(dataset_id: bytes, artifact: Artifact, selector: str = "", component: str = "") -> StoredArtifact:
    """Say where an artifact of a dataset is that was made in this run."""
    return StoredArtifact(
        dataset_id, component, artifact.key, artifact.datastore, artifact.size, artifact.sha256, artifact.xxh3,
        artifact.format, artifact.version, True, selector,
    )  # fmt: skip
