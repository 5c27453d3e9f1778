"""Files that exist already, brought into the stores that take their datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from bunter.datastore.adopt import adopt
from bunter.datastore.store import MAIN, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bunter.datastore.chain import Route
    from bunter.datastore.store import PublishingStore, Staged

__all__ = ["StoreWithOwner", "adopt_along"]


class StoreWithOwner(Protocol):
    """Gives a store by name with the owner that stages in it."""

    def __call__(self, name: str) -> tuple[PublishingStore, Callable[[], str]]:
        """Return the store and what makes, or remembers, its owner."""


def adopt_along(
    stores: StoreWithOwner,
    paths: Sequence[str | Path],
    routes: Sequence[Route],
    *,
    transfer: Transfer,
    keys: Sequence[str] | None,
    discard: Callable[[Sequence[Staged]], None],
) -> list[Staged]:
    """Stage files, each in the stores of its route; on any error none is. See `Datastore.ingest_stage`."""
    groups: dict[str, list[int]] = {}
    for index, route in enumerate(routes):
        groups.setdefault(MAIN if transfer is Transfer.DIRECT else route.store, []).append(index)
    staged: dict[int, Staged] = {}
    try:
        for name, indexes in groups.items():
            store, owner = stores(name)
            chosen = None if keys is None else [keys[index] for index in indexes]
            items = adopt(store, owner, [paths[index] for index in indexes], transfer, chosen)
            staged |= {i: replace(item, datastore=name) for i, item in zip(indexes, items, strict=True)}
        for index, item in staged.items():
            for name in routes[index].copies if item.owner else ():
                store, owner = stores(name)
                copy = replace(store.stage(owner(), item.key, paths[index], sync=False), datastore=name)
                staged[index] = replace(staged[index], copies=(*staged[index].copies, copy))
    except BaseException:
        discard(list(staged.values()))
        raise
    return [staged[index] for index in range(len(paths))]
