"""A butler for one quantum: it knows the datasets of that quantum, where they are, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset.deferred import DeferredDataset
from bunter.errors import DatasetNotFoundError, QuantumError
from bunter.execution.hands import Hands
from bunter.execution.receipt import Output
from bunter.execution.stored import stored_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.dataset import StoredArtifact
    from bunter.dimensions import Universe
    from bunter.execution.message import Made
    from bunter.execution.place import Place
    from bunter.execution.receipt import Artifact
    from bunter.execution.stamping import Stamping
    from bunter.graph import QuantumRef

__all__ = ["QuantumButler"]


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
