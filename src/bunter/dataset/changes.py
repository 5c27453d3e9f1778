"""Changes to a repository, as values.

A repository applies a sequence of them in order within one transaction. They hold names and columns only, so that they
can be sent to another process. Ids are 16 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bunter.dataset.annotations import AnnotationChange
from bunter.dataset.event import TellEvents
from bunter.dataset.record_changes import RemoveRecords, UpdateRecords
from bunter.dataset.repository_changes import ChangeUniverse, DefinePacker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bunter.dataset.artifact import ArtifactLink, ArtifactRow
    from bunter.dataset.collection import CollectionType
    from bunter.dataset.columns import DatasetColumns
    from bunter.dataset.type import DatasetType
    from bunter.dimensions import Records
    from bunter.values import Timespan

RecordConflict = Literal["fail", "skip", "same", "replace"]
DatasetConflict = Literal["fail", "skip"]
ChainEdit = Literal["prepend", "extend", "remove"]


@dataclass(frozen=True, slots=True)
class RegisterCollection:
    """Make a collection; no change if it is there with this type, an error if with another."""

    name: str
    type: CollectionType
    doc: str = ""


@dataclass(frozen=True, slots=True)
class SetChain:
    """Give a chain these children, in the order they are searched."""

    name: str
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EditChain:
    """Put children in front of a chain or at its end, where those that are in it move; or take children out.

    The chain is edited as it stands when the change is applied, so that edits by several users at once add up.
    """

    name: str
    children: tuple[str, ...]
    how: ChainEdit


@dataclass(frozen=True, slots=True)
class SetCollectionDoc:
    """Say what a collection is for."""

    name: str
    doc: str


@dataclass(frozen=True, slots=True)
class RenameCollection:
    """Give a collection another name; it stays in its chains, and its former name is remembered."""

    name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class CreateSnapshot:
    """Give a change a name, by which the repository of then can be read; None means this change itself."""

    name: str
    change: int | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True)
class RemoveSnapshot:
    """Forget the name of a change; nothing else changes."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveCollection:
    """Remove a collection without datasets of its own, first from all chains if asked."""

    name: str
    unlink_from_chains: bool = False


@dataclass(frozen=True, slots=True)
class RegisterDatasetType:
    """Make a dataset type; no change if it is there with this definition, an error if with another."""

    dataset_type: DatasetType


@dataclass(frozen=True, slots=True)
class RegisterDatasetTypes:
    """Make several dataset types, each as `RegisterDatasetType` would."""

    dataset_types: tuple[DatasetType, ...]


@dataclass(frozen=True, slots=True)
class RegisterAlias:
    """Give a dataset type a further name; no change if it has it, an error if the name means something else."""

    alias: str
    dataset_type: str


@dataclass(frozen=True, slots=True)
class RemoveAlias:
    """Take a further name of a dataset type away."""

    alias: str


@dataclass(frozen=True, slots=True)
class RemoveDatasetType:
    """Remove a dataset type that has no datasets."""

    name: str


@dataclass(frozen=True, slots=True)
class InsertRecords:
    """Add dimension records.

    ``on_conflict`` says what happens to one whose key is there: ``fail``; ``skip`` it; ``same``: skip it if it is
    equal and fail if not; ``replace`` the facts that are there.
    """

    records: Records
    on_conflict: RecordConflict = "fail"


@dataclass(frozen=True, slots=True)
class AddDatasets:
    """Add datasets to a run; ``skip`` leaves out those that are there with the same id, type, data ID and run."""

    columns: DatasetColumns
    on_conflict: DatasetConflict = "fail"


@dataclass(frozen=True, slots=True)
class RemoveDatasets:
    """Remove datasets from the registry, and from all tags and calibrations.

    ``keep_days`` says for how long the removal can be undone; None for what the repository's configuration says.
    """

    ids: Sequence[bytes]
    keep_days: float | None = None


@dataclass(frozen=True, slots=True)
class UnstoreDatasets:
    """Remove the artifacts of datasets; the datasets stay registered, without anything to read.

    ``keep_days`` is as for `RemoveDatasets`.
    """

    ids: Sequence[bytes]
    keep_days: float | None = None


@dataclass(frozen=True, slots=True)
class ForgetRemoval:
    """Say that a removal was undone: what it kept is recorded again."""

    change: int


@dataclass(frozen=True, slots=True)
class UndoChange:
    """Take back what a change did, as things stand when this is applied; an error if anything is in the way.

    ``partly`` leaves what is in the way as it is.
    """

    change: int
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Associate:
    """Put datasets into a tagged collection; an error where it has another of the same type and data ID."""

    collection: str
    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Disassociate:
    """Take datasets out of a tagged collection."""

    collection: str
    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Certify:
    """Declare calibrations valid for a time; an error where another of the same type and data ID is valid already."""

    collection: str
    ids: Sequence[bytes]
    timespan: Timespan


@dataclass(frozen=True, slots=True)
class Decertify:
    """Cut a time out of the validity of calibrations of one type.

    ``data_ids`` are required values of the dataset type's dimensions; None means all.
    """

    collection: str
    dataset_type: str
    timespan: Timespan
    data_ids: Sequence[tuple[Any, ...]] | None = None


@dataclass(frozen=True, slots=True)
class AddArtifacts:
    """Record artifacts, and which datasets lie in them."""

    artifacts: Sequence[ArtifactRow]
    links: Sequence[ArtifactLink]


@dataclass(frozen=True, slots=True)
class RelocateFiles:
    """Record that files which stay where their owner keeps them lie below another folder; absolute paths, no final slash."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class AddContents:
    """Bring the content of artifacts, by key, to a sink that alone has them, and so into the database."""

    datastore: str
    contents: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class ChangesAsRead:
    """Changes that are read one after the other as they are applied, so that they are never in memory together.

    ``read`` is called within the transaction, and once more whenever that is done again; what it asks of the repository is
    answered as the changes before have left it. It does not leave this process.
    """

    read: Callable[[], Iterable[Change]]


Change = (
    RegisterCollection
    | SetChain
    | EditChain
    | SetCollectionDoc
    | RenameCollection
    | CreateSnapshot
    | RemoveSnapshot
    | RemoveCollection
    | RegisterDatasetType
    | RemoveDatasetType
    | RegisterDatasetTypes
    | RegisterAlias
    | RemoveAlias
    | InsertRecords
    | UpdateRecords
    | RemoveRecords
    | ChangeUniverse
    | DefinePacker
    | AddContents
    | AddDatasets
    | RemoveDatasets
    | UnstoreDatasets
    | ForgetRemoval
    | UndoChange
    | Associate
    | Disassociate
    | Certify
    | Decertify
    | AddArtifacts
    | RelocateFiles
    | ChangesAsRead
    | AnnotationChange
    | TellEvents
)
