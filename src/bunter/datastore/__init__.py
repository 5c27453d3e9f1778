"""Artifacts: stores that keep their bytes, formats that read and write them, templates that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.datastore import MAIN, Datastore, Encoded
from bunter.datastore.format import Format, ReadRequest, format_names, format_of
from bunter.datastore.local import LocalStore
from bunter.datastore.memory import MemoryStore
from bunter.datastore.store import ArtifactStore, PublishingStore, Staged, Stat, Transfer
from bunter.datastore.template import Template
from bunter.datastore.uri import ArtifactURI

if TYPE_CHECKING:
    from bunter.datastore.config import DatastoreConfig
    from bunter.datastore.formats.pickled import pickles_allowed
    from bunter.datastore.records import ArtifactRecords

__all__ = [
    "MAIN",
    "ArtifactRecords",
    "ArtifactStore",
    "ArtifactURI",
    "Datastore",
    "DatastoreConfig",
    "Encoded",
    "Format",
    "LocalStore",
    "MemoryStore",
    "PublishingStore",
    "ReadRequest",
    "Staged",
    "Stat",
    "Template",
    "Transfer",
    "format_names",
    "format_of",
    "pickles_allowed",
]


def __getattr__(name: str) -> object:
    """Import what brings heavy libraries along only when it is asked for."""
    if name == "DatastoreConfig":
        from bunter.datastore.config import DatastoreConfig

        return DatastoreConfig
    if name == "ArtifactRecords":
        from bunter.datastore.records import ArtifactRecords

        return ArtifactRecords
    if name == "pickles_allowed":
        from bunter.datastore.formats.pickled import pickles_allowed

        return pickles_allowed
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
