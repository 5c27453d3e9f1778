"""The stores that a configuration names, opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bunter.datastore.chain import Child
from bunter.datastore.local import LocalStore
from bunter.datastore.memory import MemoryStore
from bunter.datastore.store import MAIN
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from bunter.datastore.config import ChildConfig, DatastoreConfig
    from bunter.datastore.store import PublishingStore

__all__ = ["children_of", "store_at"]

_in_this_process: dict[tuple[Path, str], MemoryStore] = {}


def store_at(address: str, folder: Path | None) -> PublishingStore:
    """Open the store at an address.

    Parameters
    ----------
    address : str
        A path, or the URL of an object store.
    folder : Path, optional
        What relative paths are relative to; None where there is no folder.

    Raises
    ------
    ConfigurationError
        If there is no such kind of store.
    """
    if "://" in address and not address.startswith("file://"):
        raise ConfigurationError(f"no store is known for {address}; give a folder")
    path = Path(address.removeprefix("file://")).expanduser()
    if folder is None and not path.is_absolute():
        raise ConfigurationError(f"a repository in memory has no folder that {address!r} could be relative to")
    return LocalStore(path if folder is None else folder / path)


def children_of(config: DatastoreConfig, main: PublishingStore, folder: Path | None) -> list[Child]:
    """Open the further stores of a configuration; all in the order in which they are asked."""
    return [
        Child(MAIN, main, config) if name == MAIN else _child(name, config.stores[name], config.of(name), folder)
        for name in config.ordered()
    ]


def _child(name: str, child: ChildConfig, config: DatastoreConfig, folder: Path | None) -> Child:
    store = _memory(folder, name) if child.root is None else store_at(child.root, folder)
    return Child(name, store, config, child.read_only, child.copies)


def _memory(folder: Path | None, name: str) -> MemoryStore:
    """Return the memory that all who open a repository in this process share."""
    return MemoryStore() if folder is None else _in_this_process.setdefault((folder, name), MemoryStore())
