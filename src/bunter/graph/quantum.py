"""One quantum and its datasets as objects, made on demand from the columns of a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.dataset import StoredArtifact

__all__ = ["KeyValue", "Quantum", "QuantumRef"]

KeyValue: TypeAlias = int | str


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


@dataclass(frozen=True, slots=True)
class Quantum:
    """One execution of one task.

    Parameters
    ----------
    row : int
        Number of the quantum within the graph, 0 to n - 1, in the order of the tasks; -1 for a task's construction.
    label : str
        Label of the task.
    data_id : mapping of str to int or str
        Values of the task's dimensions, required first, then implied.
    inputs, outputs : mapping of str to tuple of QuantumRef
        Datasets by connection name; an optional input that found none has an empty tuple.
    """

    row: int
    label: str
    data_id: Mapping[str, KeyValue | None]
    inputs: Mapping[str, tuple[QuantumRef, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[QuantumRef, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.label}@{{{', '.join(f'{name}: {value!r}' for name, value in self.data_id.items())}}}"
