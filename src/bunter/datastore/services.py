"""From the address of a storage service to its bucket, and to the store of artifacts in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bunter.datastore.store_address import StoreAddress, is_store_address
from bunter.errors import ConfigurationError

if TYPE_CHECKING:
    from bunter.database import Database
    from bunter.datastore.bucket import Bucket
    from bunter.datastore.object_store import ObjectStore

__all__ = ["OBSTORE_SCHEMES", "open_bucket", "open_object_store", "place_below"]

OBSTORE_SCHEMES = frozenset({"s3", "gs", "az", "http", "https", "webdav", "webdavs"})


def open_bucket(address: StoreAddress | str) -> Bucket:
    """Open a storage service.

    Raises
    ------
    ConfigurationError
        If the address holds a password, or its scheme is unknown.
    MissingExtraError
        If a library for it is not installed; the message says which extra brings it.
    """
    place = StoreAddress.of(address) if isinstance(address, str) else address
    if place.scheme in OBSTORE_SCHEMES:
        from bunter.datastore.obstore_bucket import ObstoreBucket

        return ObstoreBucket(place)
    if place.scheme == "swift":
        from bunter.datastore.swift_bucket import SwiftBucket

        return SwiftBucket(place)
    from bunter.datastore.fsspec_bucket import FsspecBucket

    return FsspecBucket(place)


def place_below(root: Path | StoreAddress | None, place: str) -> Path | StoreAddress:
    """Return a place given relative to a root; an address or an absolute path stands for itself."""
    if is_store_address(place) and not place.startswith("file://"):
        return StoreAddress.of(place)
    path = Path(place.removeprefix("file://")).expanduser()
    if path.is_absolute():
        return path
    if root is None:
        raise ConfigurationError(f"a repository in memory has no folder that {place!r} could be relative to")
    return root / path if isinstance(root, Path) else root.below(place)


def open_object_store(place: StoreAddress, name: str, database: Database | None) -> ObjectStore:
    """Open the store at a place.

    Parameters
    ----------
    place : StoreAddress
        Where its objects are.
    name : str
        What it is called in the records.
    database : Database, optional
        The repository's, where intents are kept; without one they are kept in memory.
    """
    from bunter.datastore.intents import MemoryJournal
    from bunter.datastore.object_store import ObjectStore

    if database is None:
        return ObjectStore(open_bucket(place), MemoryJournal())
    from bunter.datastore.intent_records import DatabaseJournal

    return ObjectStore(open_bucket(place), DatabaseJournal(database, name))
