"""Which artifact becomes which file: surveyed as a whole before the first is written, then told batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bunter.butler.transfers.met_names import MetNames
from bunter.datastore.members import is_member, member_of
from bunter.datastore.outward import Outgoing
from bunter.errors import ConfigurationError, DatasetNotFoundError, KeyTakenError
from bunter.values.rows import unhindered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bunter.butler.session import Session
    from bunter.butler.transfers.file_naming import FileNaming
    from bunter.butler.transfers.parcel import Batch, Parcel
    from bunter.dataset import DatasetRef, StoredArtifact

__all__ = ["FilePlan", "NamedFile", "Place"]

Place = tuple[str, str, str]
"""Where an artifact is: its store, its key, and its member if it is an archive's."""


class NamedFile(NamedTuple):
    """An artifact of a dataset, and the name of the file that it becomes."""

    place: Place
    stored: StoredArtifact
    name: str


class FilePlan:
    """Says which files datasets become; what it keeps of each of them is 24 bytes, and more only of files that hold several.

    Parameters
    ----------
    session : Session
        The repository.
    parcel : Parcel
        Its datasets.
    naming : FileNaming
        Names the files.
    root : Path
        The folder of the files.

    Attributes
    ----------
    files, size : int
        How many files, and their bytes, once they are surveyed.
    """

    def __init__(self, session: Session, parcel: Parcel, naming: FileNaming, root: Path) -> None:
        self._datastore = session.repository.datastore
        self._parcel = parcel
        self._naming = naming
        self._root = root
        self._met = MetNames()
        self._names: dict[Place, str] = {}
        self.files = self.size = 0

    def survey(self, check: Callable[[str], None]) -> None:
        """Look through all datasets, and refuse what cannot become files.

        Parameters
        ----------
        check : callable
            Refuses names that the folder has for itself.

        Raises
        ------
        DatasetNotFoundError
            If a dataset has no artifact.
        KeyTakenError
            If two artifacts would be one file.
        """
        datasets, missing = 0, _Missing()
        for batch in self._parcel.batches():
            with unhindered():
                datasets += sum(map(len, batch.columns))
                missing.look(batch)
                named = self._named(batch)
                for each in named:
                    _refuse_outside(each.name)
                    check(each.name)
                sizes = self._sizes([each.stored for each in named])
                self._met.add([each.name for each in named], [each.place for each in named], sizes)
        missing.refuse(datasets)
        taken, renamed = self._met.settle()
        self.files, self.size = self._met.total()
        if taken or renamed:
            self._settle(taken, renamed)

    def _settle(self, taken: set[int], renamed: set[int]) -> None:
        """Look again at what is doubtful: a file of several datasets has the name of the first of them."""
        owners: dict[str, NamedFile] = {}
        for batch in self._parcel.batches():
            for each in self._named(batch):
                if self._met.place_is_among(renamed, each.place):
                    self._names.setdefault(each.place, each.name)
            for each in self._named(batch):
                if not self._met.is_among(taken, each.name):
                    continue
                other = owners.setdefault(each.name, each)
                if other.place != each.place:
                    raise KeyTakenError(
                        f"{other.stored.key} and {each.stored.key} would both become {self._root}/{each.name}; keep their "
                        "folders (preserve_path, --preserve-path), or give a template that tells them apart"
                    )

    def of(self, batch: Batch) -> list[NamedFile]:
        """Name the artifacts of a batch, without those that have come since the survey."""
        named = self._named(batch)
        known = self._met.are_known([each.place for each in named])
        return [each for each, is_known in zip(named, known, strict=True) if is_known]

    def batches(self) -> Iterator[list[NamedFile]]:
        """Name artifacts, each once."""
        met: set[Place] = set()
        for batch in self._parcel.batches():
            with unhindered():
                named = self.of(batch)
                fresh = []
                for each, is_repeated in zip(
                    named, self._met.are_repeated([each.place for each in named]), strict=True
                ):
                    if each.place not in met:
                        fresh.append(each)
                    if is_repeated:
                        met.add(each.place)
            if fresh:
                yield fresh

    def outgoing(self, named: Sequence[NamedFile]) -> list[Outgoing]:
        """Say what is read for each file, and where it goes."""
        return [
            Outgoing(*(member_of(store, each.stored) if is_member(each.stored) else (store, each.stored)), target)
            for store, each, target in zip(
                self._datastore.stores_of([each.stored for each in named]),
                named,
                (f"{self._root}/{each.name}" for each in named),
                strict=True,
            )
        ]

    def read_alone(self, stored: Sequence[StoredArtifact]) -> list[StoredArtifact]:
        """Return artifacts as those that their files will be: a member without its archive."""
        members = [item for item in stored if is_member(item)]
        stores = self._datastore.stores_of(members) if members else []
        alone = (member_of(store, item)[1] for store, item in zip(stores, members, strict=True))
        return [next(alone) if is_member(item) else item for item in stored]

    def _sizes(self, stored: Sequence[StoredArtifact]) -> list[int]:
        return [max(item.size, 0) for item in self.read_alone(stored)]

    def _named(self, batch: Batch) -> list[NamedFile]:
        ids = (id_ for columns in batch.columns for id_ in columns.ids)
        items = [item for id_ in ids for item in batch.stored.get(id_, ())]
        places = [(item.datastore, item.key, item.selector if is_member(item) else "") for item in items]
        names = self._naming.names(batch, items)
        if self._names:
            names = [self._names.get(place, name) for place, name in zip(places, names, strict=True)]
        return list(map(NamedFile, places, items, names))


class _Missing:
    """Datasets without artifacts."""

    def __init__(self) -> None:
        self._count = 0
        self._first: DatasetRef | None = None

    def look(self, batch: Batch) -> None:
        lost = {id_ for columns in batch.columns for id_ in columns.ids if not batch.stored.get(id_)}
        if lost and self._first is None:
            refs = (ref for columns in batch.columns for ref in columns.refs())
            self._first = next(ref for ref in refs if ref.id.bytes in lost)
        self._count += len(lost)

    def refuse(self, datasets: int) -> None:
        if self._count:
            raise DatasetNotFoundError(f"{self._count} of {datasets} datasets have no artifact, first {self._first}")


def _refuse_outside(name: str) -> None:
    if ".." in name.split("/") or not name.rpartition("/")[2] or name.startswith("/"):
        raise ConfigurationError(f"{name!r} is no name of a file below a folder; give a template that makes one")
