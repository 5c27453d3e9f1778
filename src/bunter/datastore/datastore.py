"""The datastore: objects to artifacts and back, through formats, templates and a store."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bunter.dataset import ArtifactRow
from bunter.datastore.adopt import adopt
from bunter.datastore.choice import Choice, choose
from bunter.datastore.direct import DirectFiles
from bunter.datastore.format import ReadRequest, format_of
from bunter.datastore.key import is_direct, split_key
from bunter.datastore.local import LocalStore
from bunter.datastore.memory import MemoryStore
from bunter.datastore.reading import part_for, read_artifact
from bunter.datastore.store import Staged, Transfer
from bunter.datastore.uri import ArtifactURI
from bunter.errors import ConfigurationError, KeyMissingError
from bunter.storage_class import storage_class as named_class
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path
    from types import TracebackType

    from bunter.dataset import DatasetType, StoredArtifact
    from bunter.datastore.config import DatastoreConfig
    from bunter.datastore.store import ArtifactStore, PublishingStore
    from bunter.dimensions import DataCoordinate
    from bunter.storage_class import StorageClass

__all__ = ["MAIN", "Datastore", "Encoded"]

MAIN = "main"
"""Name of the store that new artifacts go to."""

_DIRECT = DirectFiles()
_ONE_WAY = {"png"}  # what was drawn is read as a picture


@dataclass(frozen=True, slots=True)
class Encoded:
    """An object as bytes.

    Parameters
    ----------
    data : bytes
        The bytes.
    format : str
        Short name of the format.
    version : int
        Version of the format.
    extension : str
        Ending of the file's name, with its dot.
    """

    data: bytes
    format: str
    version: int
    extension: str


class Datastore:
    """Objects as artifacts: which format, which key, which store; and back.

    Writing goes in the steps of a `PublishingStore`: ``stage``, ``publish``, the caller's commit, ``settle``; or
    ``discard``. All of them are bulk. May be used from several threads; a forked child gets an owner of its own.

    Parameters
    ----------
    config : DatastoreConfig or None
        Templates, formats, constraints and durability; None for the package's defaults.
    stores : mapping of str to PublishingStore
        Stores by the name that is recorded; new artifacts go to ``main``.
    """

    def __init__(self, config: DatastoreConfig | None, stores: Mapping[str, PublishingStore]) -> None:
        if MAIN not in stores:
            raise ConfigurationError(
                f"a datastore needs a store named {MAIN!r}, not only {', '.join(stores) or 'none'}"
            )
        self.config = config
        self.stores = dict(stores)
        self.durability = Durability[config.durability] if config is not None else Durability.full
        self._main = self.stores[MAIN]
        self._choices: dict[DatasetType, Choice] = {}
        self._owner: tuple[int, str] | None = None
        self._lock = threading.Lock()

    @classmethod
    def local(cls, root: str | Path, config: DatastoreConfig | None = None) -> Self:
        """Open the datastore of a directory."""
        return cls(config, {MAIN: LocalStore(root)})

    @classmethod
    def memory(cls, config: DatastoreConfig | None = None) -> Self:
        """Make a datastore in memory."""
        return cls(config, {MAIN: MemoryStore()})

    def __repr__(self) -> str:
        return f"Datastore({', '.join(f'{name}={store!r}' for name, store in self.stores.items())})"

    def __getstate__(self) -> dict[str, object]:
        return {"config": self.config, "stores": self.stores}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["config"], state["stores"])  # type: ignore[misc]

    # ------------------------------------------------------------------ what and where

    def choice(self, dataset_type: DatasetType) -> Choice:
        """How datasets of a type are stored."""
        try:
            return self._choices[dataset_type]
        except KeyError:
            chosen = self._choices[dataset_type] = choose(self.config, dataset_type)
            return chosen

    def accepts(self, dataset_type: DatasetType) -> bool:
        """Whether the constraints of the configuration let datasets of a type in."""
        return self.choice(dataset_type).accepted

    def encode(self, obj: object, dataset_type: DatasetType) -> Encoded:
        """Write an object as bytes, converted to the storage class of its type if need be.

        Raises
        ------
        StorageClassError
            If it cannot be what the storage class says.
        FormatError
            If it cannot be written so that it could be read back.
        ConfigurationError
            If the datastore does not take this dataset type.
        """
        choice = self.choice(dataset_type)
        if not choice.accepted:
            raise ConfigurationError(
                f"this datastore does not take {dataset_type.name!r}; see datastore.constraints in bunter.yaml"
            )
        form = choice.format
        return Encoded(form.to_bytes(choice.storage_class.convert(obj)), form.name, form.version, form.extension)

    def key_for(
        self,
        dataset_type: DatasetType,
        data_id: DataCoordinate | Mapping[str, object],
        run: str,
        nonce: str,
        extension: str,
        **fields: object,
    ) -> str:
        """Make the key of a new artifact.

        Parameters
        ----------
        dataset_type : DatasetType
            Its dataset's type.
        data_id : DataCoordinate or mapping
            Its data ID; implied values are used where known.
        run : str
            Its run.
        nonce : str
            See `bunter.values.new_nonce`; makes the key unique.
        extension : str
            With its dot.
        **fields
            More values for the template, such as ``component`` or ``{"exposure.obs_id": ...}``.
        """
        mapping = data_id if isinstance(data_id, Mapping) else data_id.mapping
        shown = "_".join([str(mapping[name]) for name in dataset_type.dimensions.required if name in mapping])
        values = {**mapping, "run": run, "dataset_type": dataset_type.name, "data_id": shown or None, **fields}
        return self.choice(dataset_type).template.key(values, nonce, extension)

    # ------------------------------------------------------------------ publishing

    def writers(self) -> list[str]:
        """Keys that somebody is about to publish, and is alive to do so."""
        return [key for store in self.stores.values() for key, alive in store.staged() if alive]

    @property
    def owner(self) -> str:
        """Owner of what this process stages here."""
        if self._owner is None or self._owner[0] != os.getpid():
            with self._lock:
                if self._owner is None or self._owner[0] != os.getpid():
                    self._owner = os.getpid(), self._main.own()
        return self._owner[1]

    def stage(
        self,
        key: str,
        source: bytes | str | Path,
        *,
        transfer: Transfer = Transfer.COPY,
        durability: Durability | None = None,
    ) -> Staged:
        """Bring content near its key; nothing is visible yet. See `PublishingStore.stage`."""
        sync = (durability or self.durability) is Durability.full
        return self._main.stage(self.owner, key, source, transfer=transfer, sync=sync)

    def ingest_stage(
        self,
        paths: Sequence[str | Path],
        *,
        transfer: Transfer | str = Transfer.AUTO,
        keys: Sequence[str] | None = None,
    ) -> list[Staged]:
        """Stage files that exist; on any error none is.

        Parameters
        ----------
        paths : sequence of str or Path
            The files.
        transfer : Transfer or str
            How they come in.
        keys : sequence of str, optional
            Key of each; not needed (and not used) for files that stay where they are.

        Returns
        -------
        list[Staged]
            In the order of ``paths``; with absolute path as key for ``direct``, with digests where content was copied.

        Raises
        ------
        IngestError
            If some files do not exist, or lie in the wrong place for the transfer.
        """
        return adopt(self._main, lambda: self.owner, paths, Transfer(transfer), keys)

    def row(self, staged: Staged, nonce: str, form: str, version: int = 1) -> ArtifactRow:
        """Return what is to be recorded of a staged artifact."""
        directory, name = split_key(staged.key)
        digests = staged.digests
        sha256, xxh3 = (None, None) if digests is None else (digests.sha256, digests.xxh3)
        return ArtifactRow(nonce, MAIN, directory, name, staged.size, sha256, xxh3, form, version, staged.owned)

    def publish(self, staged: Sequence[Staged], durability: Durability | None = None) -> None:
        """Make staged artifacts visible, all or none; see `PublishingStore.publish`."""
        self._main.publish(staged, durability or self.durability)

    def settle(self, staged: Sequence[Staged]) -> None:
        """Tell that they are committed; sources of moves go now."""
        self._main.settle(staged)

    def discard(self, staged: Sequence[Staged]) -> None:
        """Take them back, published or not."""
        self._main.discard(staged)

    def recover(self, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Finish or undo what dead owners left; see `PublishingStore.recover`."""
        return self._main.recover(is_registered)

    # ------------------------------------------------------------------ reading

    def store_of(self, stored: StoredArtifact) -> ArtifactStore:
        """Where an artifact is."""
        if is_direct(stored.key):
            return _DIRECT
        try:
            return self.stores[stored.datastore]
        except KeyError as exc:
            raise KeyMissingError(
                f"{stored.key} is in the store {stored.datastore!r}, which is not configured here"
            ) from exc

    def read(
        self,
        stored: Sequence[StoredArtifact],
        *,
        storage_class: StorageClass | str,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        staged: Staged | None = None,
    ) -> object:
        """Read a dataset, or part of it.

        Parameters
        ----------
        stored : sequence of StoredArtifact
            Its artifacts, as `ArtifactRecords.locate` gives them.
        storage_class : StorageClass or str
            What to return; or, with a component, the storage class that has it.
        component : str, optional
            Only this component.
        parameters : mapping, optional
            Restrictions, such as ``bbox`` or ``columns``.
        staged : Staged, optional
            Where its artifact is as long as it is not published.

        Raises
        ------
        FileIntegrityError
            If a whole artifact was read and is not what was recorded.
        FormatError
            If the bytes cannot be read as the recorded format, or have no such component.
        KeyMissingError
            If the artifact is gone.
        """
        wanted = _result_class(storage_class, component)
        artifact, remaining = part_for(stored, component)
        request = ReadRequest(wanted.python_type, remaining, parameters or {}, artifact.selector)
        if staged is None:
            obj = read_artifact(self.store_of(artifact), artifact, request)
        else:
            obj = format_of(artifact.format).from_bytes(self._main.read_staged(staged), request)
        # A part is what its format makes of it (no mask is None, a picture stays one); a whole is what was asked for.
        return obj if component or artifact.format in _ONE_WAY else wanted.convert(obj)

    def uri(self, stored: StoredArtifact) -> ArtifactURI:
        """Where an artifact is, as a value that can be opened."""
        return ArtifactURI(self.store_of(stored), stored)

    def exists_many(self, stored: Sequence[StoredArtifact]) -> list[bool]:
        """Whether each artifact is there now."""
        places: dict[int, tuple[ArtifactStore, list[int]]] = {}
        for index, artifact in enumerate(stored):
            store = self.store_of(artifact)
            places.setdefault(id(store), (store, []))[1].append(index)
        answer = [False] * len(stored)
        for store, indexes in places.values():
            for index, found in zip(indexes, store.stat_many([stored[i].key for i in indexes]), strict=True):
                answer[index] = found is not None
        return answer

    # ------------------------------------------------------------------ removing

    def delete(self, keys: Sequence[str]) -> dict[str, OSError]:
        """Remove artifacts of the main store; return why some could not be removed."""
        return self._main.delete_many(keys)

    def close(self) -> None:
        """End this process's owner; what it has not settled is left for `recover`."""
        owner, self._owner = self._owner, None
        if owner is not None and owner[0] == os.getpid():
            self._main.disown(owner[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _result_class(storage_class: StorageClass | str, component: str | None) -> StorageClass:
    whole = named_class(storage_class) if isinstance(storage_class, str) else storage_class
    part = component and (whole.components.get(component) or whole.derived.get(component))
    return named_class(part) if part else whole
