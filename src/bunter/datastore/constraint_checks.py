"""Whether entries of constraints mean anything: one that is misspelled would keep everything out, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.errors import StorageClassError, near
from bunter.storage_class import storage_class

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bunter.datastore.config import ConstraintsConfig, DatastoreConfig
    from bunter.dimensions import Universe

__all__ = ["meaningless_entries"]


def meaningless_entries(config: DatastoreConfig, dataset_types: Collection[str], universe: Universe) -> list[str]:
    """Return a sentence for each entry of constraints that is no dataset type, storage class or dimension group.

    Parameters
    ----------
    config : DatastoreConfig
        Has the constraints, of the datastore, its stores and sinks.
    dataset_types : collection of str
        Those that are registered.
    universe : Universe
        Has the dimensions.
    """
    return [
        f"{place} names {entry!r}, which is no registered dataset type, storage class or dimension group"
        f"{near(entry, [*dataset_types, *universe.dimensions])}"
        for place, constraints in _constraints(config)
        for entry in (*constraints.accept, *constraints.reject)
        if not _means_something(entry, dataset_types, universe)
    ]


def _constraints(config: DatastoreConfig) -> Iterator[tuple[str, ConstraintsConfig]]:
    yield "datastore.constraints", config.constraints
    for name, child in config.stores.items():
        yield f"datastore.stores.{name}.constraints", child.constraints
    for name, sink in config.sinks.items():
        yield f"datastore.sinks.{name}.constraints", sink.constraints


def _means_something(entry: str, dataset_types: Collection[str], universe: Universe) -> bool:
    if entry.startswith("instrument<"):
        entry = entry.partition(">")[2].removeprefix(".")
    if entry in {"", "all"} or entry in dataset_types or set(entry.split("+")) <= set(universe.dimensions):
        return True
    try:
        storage_class(entry)
    except StorageClassError:
        return False
    return True
