"""One quantum and its datasets as objects, made on demand from the columns of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.dataset import StoredArtifact
    from bunter.graph.keys import KeyValue
    from bunter.graph.quantum_graph import QuantumGraph
    from bunter.graph.tables import Edges

__all__ = ["Quantum", "QuantumRef"]

Refs: TypeAlias = "Mapping[str, tuple[QuantumRef, ...]]"


@dataclass(frozen=True, slots=True, eq=False)
class QuantumRef:
    """A dataset that a quantum reads or writes; equal to another if their ids are equal.

    Parameters
    ----------
    row : int
        Number of the dataset within the graph, over all dataset types.
    id : bytes
        The 16 bytes of its id, predicted if it does not exist yet.
    dataset_type : str
        Name of the dataset type, without a component.
    data_id : mapping of str to int or str
        Values of the dataset type's dimensions, required first, then implied.
    run : str
        The run that holds it or will hold it.
    storage_class : str
        Storage class of the dataset type in the repository.
    exists : bool
        Whether it was there when the graph was built.
    artifacts : tuple of StoredArtifact
        Where it is stored, for datasets that exist and whose records were attached.
    """

    row: int
    id: bytes
    dataset_type: str
    data_id: Mapping[str, KeyValue | None]
    run: str
    storage_class: str
    exists: bool
    artifacts: tuple[StoredArtifact, ...] = ()

    @property
    def uuid(self) -> UUID:
        """The id as a UUID."""
        return UUID(bytes=self.id)

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, QuantumRef) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        keys = ", ".join(f"{name}: {value!r}" for name, value in self.data_id.items())
        return f"{self.dataset_type}@{{{keys}}} in {self.run!r}"


class Quantum:
    """One execution of one task: a view of the columns of a graph, which makes references when they are looked at.

    Parameters
    ----------
    row : int
        Number of the quantum within the graph, 0 to n - 1, in the order of the tasks; -1 for a task's construction.
    label : str
        Label of the task.
    graph : QuantumGraph
        The graph.
    edges : sequence of Edges
        What it reads and writes through.
    own : int
        Its number among the quanta of its task.
    """

    __slots__ = ("_data_id", "_edges", "_graph", "_inputs", "_outputs", "_own", "label", "row")

    def __init__(self, row: int, label: str, graph: QuantumGraph, edges: Sequence[Edges], own: int) -> None:
        self.row, self.label = row, label
        self._graph, self._edges, self._own = graph, edges, own
        self._data_id: Mapping[str, KeyValue | None] | None = None
        self._inputs: Refs | None = None
        self._outputs: Refs | None = None

    @property
    def data_id(self) -> Mapping[str, KeyValue | None]:
        """Values of the task's dimensions, required first, then implied."""
        if self._data_id is None:
            self._data_id = {} if self.row < 0 else self._graph.tasks[self.label].keys.data_id(self._own)
        return self._data_id

    @property
    def inputs(self) -> Refs:
        """Datasets that it reads, by connection name; an optional input that found none has an empty tuple."""
        if self._inputs is None:
            self._inputs = self._refs(writes=False)
        return self._inputs

    @property
    def outputs(self) -> Refs:
        """Datasets that it writes, by connection name."""
        if self._outputs is None:
            self._outputs = self._refs(writes=True)
        return self._outputs

    def _refs(self, *, writes: bool) -> Refs:
        return {
            edge.connection: self._graph.refs_of(edge, self._own)
            for edge in self._edges
            if edge.kind.endswith("output") == writes
        }

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantum):
            return NotImplemented
        return (self.row, self.label, self.data_id, self.inputs, self.outputs) == (
            other.row, other.label, other.data_id, other.inputs, other.outputs,
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.row, self.label))

    def __repr__(self) -> str:
        return f"Quantum({self.row}, {str(self)!r})"

    def __str__(self) -> str:
        return f"{self.label}@{{{', '.join(f'{name}: {value!r}' for name, value in self.data_id.items())}}}"
