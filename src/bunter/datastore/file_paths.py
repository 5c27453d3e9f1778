"""Where the artifacts of stores of this machine are, as texts: an object for each of many paths takes longer than to open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bunter.datastore.store import has_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.datastore.store import ArtifactStore, LocalPaths

__all__ = ["NamesFiles", "names_of", "paths_of"]


@runtime_checkable
class NamesFiles(Protocol):
    """A store of files that names many at once."""

    def names(self, keys: Sequence[str]) -> list[str]:
        """Return the texts of their paths, as ``path`` gives them one by one."""


def names_of(store: LocalPaths, keys: Sequence[str]) -> list[str]:
    """Return the paths of artifacts of a store of files as texts."""
    return store.names(keys) if isinstance(store, NamesFiles) else [str(store.path(key)) for key in keys]


def paths_of(stores: Sequence[ArtifactStore], keys: Sequence[str]) -> list[str] | None:
    """Return the paths of artifacts of several stores, in the order given; None if any is no file of this machine."""
    places: dict[int, list[int]] = {}
    for place, store in enumerate(stores):
        places.setdefault(id(store), []).append(place)
    found = [""] * len(keys)
    for inside in places.values():
        store = stores[inside[0]]
        if not has_paths(store):
            return None
        for place, path in zip(inside, names_of(store, [keys[place] for place in inside]), strict=True):
            found[place] = path
    return found
