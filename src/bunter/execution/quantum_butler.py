"""A butler for one quantum: it knows the datasets of that quantum, where they are, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset import DatasetType, StoredArtifact
from bunter.dataset.deferred import DeferredDataset
from bunter.datastore import MAIN
from bunter.errors import DatasetNotFoundError, QuantumError
from bunter.execution.receipt import Artifact, Output
from bunter.execution.site import staged_copy
from bunter.graph import Quantum, dataset_nonce
from bunter.pipeline.task_node import AUTOMATIC
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.datastore import Datastore, PublishingStore, Staged
    from bunter.dimensions import Universe
    from bunter.execution.message import Made
    from bunter.graph import Edges, QuantumGraph, QuantumRef

_OF_A_QUANTUM = frozenset({"input", "prerequisite", "output"})

__all__ = ["Place", "QuantumButler", "stored_artifact"]


class Place:
    """Where the quanta of a graph read and write: a datastore, an owner in it, and the graph's dataset types.

    Parameters
    ----------
    datastore : Datastore
        Reads and encodes.
    owner : str
        Owner of what is published until it is committed.
    universe : Universe
        The dimensions.
    graph : QuantumGraph
        The graph.
    series : int, optional
        Sets the names of artifacts of this job apart from those of other jobs.
    is_staged : bool, optional
        Whether the datastore is a folder that was filled for a job.
    """

    def __init__(  # noqa: PLR0913 - what a worker must know
        self,
        datastore: Datastore,
        owner: str,
        universe: Universe,
        graph: QuantumGraph,
        *,
        series: int = 0,
        is_staged: bool = False,
    ) -> None:
        self.datastore, self.owner, self.universe, self.graph = datastore, owner, universe, graph
        self._series, self._is_staged = series, is_staged
        self.store: PublishingStore = datastore.stores[MAIN]
        self._types: dict[str, DatasetType] = {}

    def quantum(self, row: int) -> Quantum:
        """Make a quantum of the graph, without the datasets that the executor writes for every quantum."""
        label, own = self.graph.place(row)
        edges = [edge for edge in self.graph.connections(label) if _is_of_a_quantum(edge)]
        return Quantum(row, label, self.graph, edges, own)

    def nonce(self, row: int, number: int) -> str:
        """Nonce of the artifact of a dataset of the graph; ``number`` is that of the try, see `attempt_number`."""
        return dataset_nonce(self.graph.header.graph_id, row, self._series + number)

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
    """

    def __init__(self, place: Place, attempt: int, made: Iterable[Made] = ()) -> None:
        self._place, self._attempt = place, attempt
        self._made = {item.row: item for item in made}
        self.outputs: list[Output] = []
        self.artifacts: list[Artifact] = []
        self.staged: list[Staged] = []

    @property
    def dimensions(self) -> Universe:
        """The universe."""
        return self._place.universe

    def stored(self, ref: QuantumRef) -> bool:
        """Whether an artifact of the dataset is known."""
        return ref.row in self._made or bool(ref.artifacts)

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
        artifacts = self._artifacts(ref)
        wanted = ref.storage_class if component or storage_class is None else storage_class
        return self._place.datastore.read(artifacts, storage_class=wanted, component=component, parameters=parameters)

    def _artifacts(self, ref: QuantumRef) -> tuple[StoredArtifact, ...]:
        if (made := self._made.get(ref.row)) is not None:
            return (self._place.artifact(stored_artifact(ref.id, made.artifact, made.selector)),)
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
        if any(output.row == ref.row for output in self.outputs):
            raise QuantumError(f"{ref} was written twice by one quantum")
        place, dataset_type = self._place, self._place.dataset_type(ref.dataset_type)
        encoded = place.datastore.encode(obj, dataset_type)
        nonce = place.nonce(ref.row, self._attempt)
        key = place.datastore.key_for(dataset_type, ref.data_id, ref.run, nonce, encoded.extension)
        staged = place.store.stage(place.owner, key, encoded.data, sync=False)
        self.staged.append(staged)
        place.store.publish([staged], Durability.none)
        assert staged.digests is not None, "content from memory is digested as it is written"
        self.outputs.append(Output(ref.row, nonce))
        digests = staged.digests
        self.artifacts.append(
            Artifact(nonce, key, MAIN, staged.size, digests.sha256, digests.xxh3, encoded.format, encoded.version)
        )
        return ref

    def discard(self) -> None:
        """Take back everything written."""
        self._place.store.discard(self.staged)
        self.outputs, self.artifacts, self.staged = [], [], []


def stored_artifact(dataset_id: bytes, artifact: Artifact, selector: str = "") -> StoredArtifact:
    """Say where a dataset is that was made in this run."""
    return StoredArtifact(
        dataset_id, "", artifact.key, artifact.datastore, artifact.size, artifact.sha256, artifact.xxh3,
        artifact.format, artifact.version, True, selector,
    )  # fmt: skip
