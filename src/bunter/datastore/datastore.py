"""The datastore: objects to artifacts and back, through formats, templates and a store."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from msgspec.structs import replace

from bunter.dataset import ArtifactRow
from bunter.datastore.adopt import adopt
from bunter.datastore.adopted import adopt_along
from bunter.datastore.chain import Chain, Child
from bunter.datastore.choice import Choice, choose, is_cacheable
from bunter.datastore.composites import parts_of
from bunter.datastore.configured import children_of, store_at
from bunter.datastore.dataset_reader import Asked, DatasetReader
from bunter.datastore.encoded import Encoded, written
from bunter.datastore.fetching import Fetching
from bunter.datastore.format import ONE_WAY
from bunter.datastore.key import is_direct, is_exact, split_key
from bunter.datastore.local import LocalStore
from bunter.datastore.memory import MemoryStore
from bunter.datastore.nearline import recall_artifacts
from bunter.datastore.places import are_there, by_store, places_of
from bunter.datastore.separate import refuse_nested
from bunter.datastore.store import MAIN, ConfirmingStore, Staged, Transfer
from bunter.datastore.uri import ArtifactURI
from bunter.errors import ConfigurationError
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path
    from types import TracebackType

    from bunter.database import Database, Transaction
    from bunter.dataset import DatasetType, StoredArtifact
    from bunter.datastore.chain import Route
    from bunter.datastore.config import DatastoreConfig
    from bunter.datastore.look import Look
    from bunter.datastore.nearline import RecallOrder
    from bunter.datastore.store import ArtifactStore, PublishingStore
    from bunter.datastore.store_address import StoreAddress
    from bunter.dimensions import DataCoordinate
    from bunter.storage_class import StorageClass
    from bunter.values import Pieces

__all__ = ["MAIN", "Datastore", "Encoded"]


class Datastore:
    """Objects as artifacts: which format, which key, which store; and back.

    Writing goes in the steps of a `PublishingStore`: ``stage``, ``publish``, the caller's commit, ``settle``; or
    ``discard``. All of them are bulk. May be used from several threads; a forked child gets an owner of its own.

    Parameters
    ----------
    config : DatastoreConfig or None
        Templates, formats, constraints and durability; None for the package's defaults.
    stores : mapping of str to PublishingStore, or sequence of Child
        Stores by the name that is recorded, one of which is ``main``; as children of a chain they say what they take.
    """

    def __init__(self, config: DatastoreConfig | None, stores: Mapping[str, PublishingStore] | Sequence[Child]) -> None:
        if isinstance(stores, Mapping):
            stores = [Child(name, store, config) for name, store in stores.items()]
        self.chain = Chain(stores)
        self.stores = {child.name: child.store for child in stores}
        if MAIN not in self.stores:
            raise ConfigurationError(
                f"a datastore needs a store named {MAIN!r}, not only {', '.join(self.stores) or 'none'}"
            )
        self.config = config
        self.fetching = Fetching(config)
        self._reader = DatasetReader(self.chain, self.fetching)
        self.durability = Durability[config.durability] if config is not None else Durability.full
        self._main = self.stores[MAIN]
        self.has_exact = self.chain.has_exact
        self.confirming = {name: store for name, store in self.stores.items() if isinstance(store, ConfirmingStore)}
        self._choices: dict[DatasetType, Choice] = {}
        self._owners: dict[str, tuple[int, str]] = {}
        self._lock = threading.Lock()

    @classmethod
    def local(cls, root: str | Path, config: DatastoreConfig | None = None) -> Self:
        """Open the datastore of a directory."""
        return cls(config, {MAIN: LocalStore(root)})

    @classmethod
    def memory(cls, config: DatastoreConfig | None = None, database: Database | None = None) -> Self:
        """Make a datastore in memory."""
        return cls(config, children_of(config, MemoryStore(), None, database) if config else {MAIN: MemoryStore()})

    @classmethod
    def open(cls, folder: Path | StoreAddress, config: DatastoreConfig, database: Database | None = None) -> Self:
        """Open the datastore of the repository at a place, with all its stores; its database keeps their intents."""
        main = store_at(config.root, folder, MAIN, database)
        children = children_of(config, main, folder, database)
        refuse_nested(children)
        return cls(config, children)

    def __repr__(self) -> str:
        return f"Datastore({', '.join(f'{name}={store!r}' for name, store in self.stores.items())})"

    def __getstate__(self) -> dict[str, object]:
        return {"config": self.config, "stores": self.chain.children}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["config"], state["stores"])  # type: ignore[misc]

    # ------------------------------------------------------------------ what and where

    @property
    def alone(self) -> tuple[str, ...]:
        """Names of the sinks that alone have what they take, in the repository's database."""
        return () if self.config is None else self.config.alone

    def route(self, dataset_type: DatasetType, data_id: DataCoordinate | Mapping[str, object] | None = None) -> Route:
        """Say which stores take a new dataset, and how; ConfigurationError if none does."""
        return self.chain.route(dataset_type, data_id)

    def choice(self, dataset_type: DatasetType) -> Choice:
        """How datasets of a type are stored in the store ``main``."""
        try:
            return self._choices[dataset_type]
        except KeyError:
            chosen = self._choices[dataset_type] = choose(self.config, dataset_type)
            return chosen

    def accepts(self, dataset_type: DatasetType) -> bool:
        """Whether the constraints of the configuration let datasets of a type in, whatever the instrument."""
        try:
            return self.route(dataset_type).choice.accepted
        except ConfigurationError:
            return False

    def encode(self, obj: object, dataset_type: DatasetType, route: Route | None = None) -> Encoded:
        """Write an object as bytes for ``main`` or a route, converted to the storage class of its type if need be.

        Raises
        ------
        StorageClassError
            If it cannot be what the storage class says.
        FormatError
            If it cannot be written so that it could be read back.
        ConfigurationError
            If the datastore does not take this dataset type.
        """
        choice = self.choice(dataset_type) if route is None else route.choice
        if not choice.accepted:
            raise ConfigurationError(
                f"this datastore does not take {dataset_type.name!r}; see datastore.constraints in bunter.yaml"
            )
        form = choice.format
        given = obj if form.name in ONE_WAY and hasattr(obj, "savefig") else choice.storage_class.convert(obj)
        return Encoded(written(form, given), form.name, form.version, form.extension)

    def encode_parts(self, obj: object, dataset_type: DatasetType, route: Route | None = None) -> dict[str, Encoded]:
        """Write an object as `encode` does, in one artifact under an empty name, or in one per component as configured."""
        choice = self.choice(dataset_type) if route is None else route.choice
        if not choice.components or not choice.accepted:
            return {"": self.encode(obj, dataset_type, route)}
        parts = parts_of(choice.storage_class.convert(obj), choice.storage_class)
        forms = {name: choice.components[name] for name in parts}
        return {
            name: Encoded(written(form, parts[name]), form.name, form.version, form.extension)
            for name, form in forms.items()
        }

    def key_for(
        self,
        dataset_type: DatasetType,
        data_id: DataCoordinate | Mapping[str, object],
        run: str,
        nonce: str,
        extension: str,
        *,
        route: Route | None = None,
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
        route : Route, optional
            Where it goes; to the store ``main`` if none is given.
        **fields
            More values for the template, such as ``component`` or ``{"exposure.obs_id": ...}``.
        """
        mapping = data_id if isinstance(data_id, Mapping) else data_id.mapping
        shown = "_".join([str(mapping[name]) for name in dataset_type.dimensions.required if name in mapping])
        values = {**mapping, "run": run, "dataset_type": dataset_type.name, **fields}
        if shown:
            values["data_id"] = shown
        choice = self.choice(dataset_type) if route is None else route.choice
        return choice.template.key(values, nonce, extension)

    # ------------------------------------------------------------------ publishing

    def writers(self) -> list[str]:
        """Keys that somebody is about to publish, and is alive to do so."""
        return [key for store in self.stores.values() for key, alive in store.staged() if alive]

    @property
    def owner(self) -> str:
        """Owner of what this process stages in the store ``main``."""
        return self._owner_in(MAIN)

    def _owner_in(self, name: str) -> str:
        owner = self._owners.get(name)
        if owner is None or owner[0] != os.getpid():
            with self._lock:
                owner = self._owners.get(name)
                if owner is None or owner[0] != os.getpid():
                    owner = self._owners[name] = os.getpid(), self.stores[name].own()
        return owner[1]

    def stage(
        self,
        key: str,
        source: bytes | Pieces | str | Path,
        *,
        transfer: Transfer = Transfer.COPY,
        route: Route | None = None,
    ) -> Staged:
        """Bring content near its key, in the store ``main`` or those of a route; nothing is visible yet, nor safe.

        See `PublishingStore.stage`.
        """
        if route is None or (route.store == MAIN and not route.copies):
            return self._main.stage(self.owner, key, source, transfer=transfer, sync=False)
        staged: list[Staged] = []
        try:
            for name in (*route.copies, route.store):  # the recorded one last: it may move the source
                how = transfer if name == route.store else Transfer.COPY
                item = self.stores[name].stage(self._owner_in(name), key, source, transfer=how, sync=False)
                staged.append(replace(item, datastore=name))
        except BaseException:
            self.discard(staged)
            raise
        return replace(staged[-1], copies=tuple(staged[:-1]))

    def ingest_stage(
        self,
        paths: Sequence[str | Path],
        *,
        transfer: Transfer | str = Transfer.AUTO,
        keys: Sequence[str] | None = None,
        routes: Sequence[Route] = (),
        looks: Sequence[Look | None] = (),
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
        routes : sequence of Route, optional
            Which stores take each; all go to the store ``main`` if none are given.
        looks : sequence of Look, optional
            What was just seen of each file, None where there is none; without it they are looked at.

        Returns
        -------
        list[Staged]
            In the order of ``paths``; with absolute path as key for ``direct``, with digests where content was copied.

        Raises
        ------
        IngestError
            If some files do not exist, or lie in the wrong place for the transfer.
        """
        if routes and len(self.stores) > 1:
            return adopt_along(self._owned, paths, routes, transfer=Transfer(transfer), keys=keys, discard=self.discard)
        return adopt(self._main, lambda: self.owner, paths, Transfer(transfer), keys, looks=looks)

    def _owned(self, name: str) -> tuple[PublishingStore, Callable[[], str]]:
        return self.stores[name], lambda: self._owner_in(name)

    def row(self, staged: Staged, nonce: str, form: str, version: int = 1) -> ArtifactRow:
        """Return what is to be recorded of a staged artifact."""
        directory, name = split_key(staged.key)
        digests = staged.digests
        sha256, xxh3 = (None, None) if digests is None else (digests.sha256, digests.xxh3)
        return ArtifactRow(
            nonce, staged.datastore, directory, name, staged.size, sha256, xxh3, form, version, staged.owned
        )

    def publish(self, staged: Sequence[Staged], durability: Durability | None = None) -> None:
        """Make staged artifacts visible, all or none; see `PublishingStore.publish`.

        Those of exact names are made ready only: they are linked under the write lock, see `bunter.butler.exact_names`.
        """
        done: list[Staged] = []
        exact = {item.key for item in self.exact(staged)}
        try:
            for name, items in by_store(staged).items():
                store = self.stores[name]
                if exact and isinstance(store, LocalStore):
                    store.publish(items, durability or self.durability, held=exact)
                else:
                    store.publish(items, durability or self.durability)
                done += items
        except BaseException:
            self.discard(done)
            raise

    def exact(self, staged: Sequence[Staged]) -> list[Staged]:
        """Return the staged artifacts whose names come from exact templates."""
        return [item for item in staged if item.owner and is_exact(item.key)] if self.has_exact else []

    def confirm(self, transaction: Transaction, staged: Sequence[Staged]) -> None:
        """Take intents out in the transaction that registers the artifacts, where a store keeps them in the database."""
        for name, items in by_store(staged).items():
            if name in self.confirming:
                self.confirming[name].confirm(transaction, items)

    def settle(self, staged: Sequence[Staged]) -> None:
        """Tell that they are committed; sources of moves go now."""
        for name, items in by_store(staged).items():
            self.stores[name].settle(items)

    def discard(self, staged: Sequence[Staged]) -> None:
        """Take them back, published or not."""
        for name, items in by_store(staged).items():
            self.stores[name].discard(items)

    def recover(self, is_registered: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Finish or undo what dead owners left; see `PublishingStore.recover`."""
        return sum(child.store.recover(is_registered) for child in self.chain.children if not child.read_only)

    # ------------------------------------------------------------------ reading

    def store_of(self, stored: StoredArtifact) -> ArtifactStore:
        """Where an artifact is."""
        return self.holders(stored)[0] if is_direct(stored.key) else self.stores_of([stored])[0]

    def stores_of(self, stored: Sequence[StoredArtifact]) -> list[ArtifactStore]:
        """Where artifacts are: of the stores that may have each, the first that has it; asks in bulk."""
        return places_of(stored, self.holders)

    def holders(self, stored: StoredArtifact) -> list[ArtifactStore]:
        """Return the stores that may have an artifact, in the order to ask them."""
        return self._reader.holders(stored)

    def read(
        self,
        stored: Sequence[StoredArtifact],
        *,
        storage_class: StorageClass | str,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        staged: Sequence[Staged] = (),
        keeps: bool = True,
        ahead: ArtifactStore | None = None,
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
        staged : sequence of Staged, optional
            Where its artifacts are as long as they are not published.
        keeps : bool
            Whether the cache may keep what comes from afar, see `keeps`.
        ahead : ArtifactStore, optional
            Is asked first for a dataset that is one artifact.

        Raises
        ------
        FileIntegrityError
            If a whole artifact was read and is not what was recorded.
        FormatError
            If the bytes cannot be read as the recorded format, or have no such component.
        KeyMissingError
            If the artifact is gone.
        """
        asked = Asked(storage_class, component, parameters or {}, keeps=keeps)
        return self._reader.read(stored, asked, staged=staged, ahead=ahead)

    def keeps(self, dataset_type: DatasetType) -> bool:
        """Whether the cache, where there is one, may keep datasets of a type."""
        return self.fetching.cache is None or is_cacheable(self.config, dataset_type)

    def uri(self, stored: StoredArtifact) -> ArtifactURI:
        """Where an artifact is, as a value that can be opened."""
        return ArtifactURI(self.store_of(stored), stored)

    def uris(self, stored: Sequence[StoredArtifact]) -> list[ArtifactURI]:
        """Where artifacts are, in bulk."""
        return [ArtifactURI(store, item) for store, item in zip(self.stores_of(stored), stored, strict=True)]

    def exists_many(self, stored: Sequence[StoredArtifact]) -> list[bool]:
        """Whether each artifact is there now."""
        return self.fetching.or_cached(stored, are_there(stored, self.holders))

    def recall(self, stored: Sequence[StoredArtifact], *, dry_run: bool = False) -> list[RecallOrder]:
        """Order back what is nearline among artifacts, each container once; see `recall_artifacts`."""
        return recall_artifacts(stored, self.stores, dry_run=dry_run)

    # ------------------------------------------------------------------ removing

    def delete(self, keys: Sequence[str], name: str = MAIN) -> dict[str, OSError]:
        """Remove artifacts recorded in a store, with their copies; return why some could not be removed."""
        failed: dict[str, OSError] = {}
        for store in self.chain.keepers(name):
            failed |= store.delete_many(keys)
        return failed

    def close(self) -> None:
        """End this process's owners; what they have not settled is left for `recover`."""
        self.fetching.close()
        owners, self._owners = self._owners, {}
        for name, (process, owner) in owners.items():
            if process == os.getpid():
                self.stores[name].disown(owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
