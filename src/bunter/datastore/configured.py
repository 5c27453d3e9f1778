"""The stores that a configuration names, opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from bunter.datastore.chain import Child
from bunter.datastore.local import LocalStore
from bunter.datastore.memory import MemoryStore
from bunter.datastore.nearline import NearlineStore, recall_named
from bunter.datastore.services import open_object_store, place_below
from bunter.datastore.store import MAIN

if TYPE_CHECKING:
    from bunter.database import Database
    from bunter.datastore.config import ChildConfig, DatastoreConfig
    from bunter.datastore.store import PublishingStore
    from bunter.datastore.store_address import StoreAddress

__all__ = ["children_of", "store_at"]

_in_this_process: dict[tuple[Path | StoreAddress, str], MemoryStore] = {}


def store_at(
    address: str, folder: Path | StoreAddress | None, name: str = MAIN, database: Database | None = None
) -> PublishingStore:
    """Open the store at an address.

    Parameters
    ----------
    address : str
        A path, or the URL of an object store.
    folder : Path or StoreAddress, optional
        What relative paths are relative to; None where there is no folder.
    name : str
        What it is called in the records.
    database : Database, optional
        The repository's, where object stores keep their intents.

    Raises
    ------
    ConfigurationError
        If there is no such kind of store.
    """
    place = place_below(folder, address)
    return LocalStore(place) if isinstance(place, Path) else open_object_store(place, name, database)


def children_of(
    config: DatastoreConfig,
    main: PublishingStore,
    folder: Path | StoreAddress | None,
    database: Database | None = None,
) -> list[Child]:
    """Open the further stores of a configuration; all in the order in which they are asked."""
    opened = {MAIN: Child(MAIN, main, config)}
    for name in config.alone:
        opened[name] = _alone(name, config, database)
    for name, child in config.stores.items():
        opened[name] = _child(name, child, config.of(name), folder, database)
    return [opened[name] for name in config.ordered()]


def _alone(name: str, config: DatastoreConfig, database: Database | None) -> Child:
    from bunter.datastore.database_store import DatabaseStore

    return Child(name, DatabaseStore(name, database), config.of(name), alone=True)


def _child(
    name: str,
    child: ChildConfig,
    config: DatastoreConfig,
    folder: Path | StoreAddress | None,
    database: Database | None,
) -> Child:
    if child.root is None:
        return Child(name, _memory(folder, name), config, child.read_only, child.copies)
    store = store_at(child.root, folder, name, database)
    if child.nearline is not None:
        store = cast("PublishingStore", NearlineStore(store, recall_named(child.nearline, child.root)))
    return Child(name, store, config, child.read_only, child.copies)


def _memory(folder: Path | StoreAddress | None, name: str) -> MemoryStore:
    """Return the memory that all who open a repository in this process share."""
    return MemoryStore() if folder is None else _in_this_process.setdefault((folder, name), MemoryStore())
