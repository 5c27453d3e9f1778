"""Artifacts: stores that keep their bytes, formats that read and write them, templates that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.at_need import at_need
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


# They bring heavy libraries along.
_HOMES = {"config": ["DatastoreConfig"], "formats.pickled": ["pickles_allowed"], "records": ["ArtifactRecords"]}

__getattr__ = at_need(globals(), _HOMES)
