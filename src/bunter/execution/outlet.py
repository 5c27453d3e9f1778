"""Where a run writes: the stores that take what quanta make, each with an owner of what is not committed yet."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from bunter.datastore import MAIN, Staged
from bunter.datastore.chain import Chain
from bunter.datastore.memory import MemoryStore
from bunter.datastore.store import LocalPaths
from bunter.execution.receipt import Artifact
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.dataset import DatasetType
    from bunter.datastore import Datastore, PublishingStore
    from bunter.datastore.chain import Child, Route
    from bunter.datastore.datastore import Encoded
    from bunter.execution.apart import ApartStore

__all__ = ["Outlet"]


class Outlet:
    """The stores of a datastore that take what quanta write.

    Stores in the memory of a process take nothing, unless the whole repository is in memory: what is committed must outlive
    the process.

    Parameters
    ----------
    datastore : Datastore
        Encodes, and has the stores.
    owners : mapping of str to str
        Owner in each store.
    is_apart : bool, optional
        Whether this is a worker process: the process of the run settles what it writes.
    """

    def __init__(self, datastore: Datastore, owners: Mapping[str, str], *, is_apart: bool = False) -> None:
        self.datastore, self.owners, self._is_apart = datastore, dict(owners), is_apart
        self.stores = datastore.stores
        self._chain = Chain([child for child in datastore.chain.children if _outlives(datastore, child)], exact=False)

    @classmethod
    def open(cls, datastore: Datastore) -> Self:
        """Begin owners in all stores that take something."""
        taking = [child for child in datastore.chain.children if not child.read_only and _outlives(datastore, child)]
        return cls(datastore, {child.name: child.store.own() for child in taking})

    def close(self) -> None:
        """End the owners."""
        for name, owner in self.owners.items():
            self.stores[name].disown(owner)

    @property
    def can_be_shared(self) -> bool:
        """Whether worker processes reach the same stores."""
        return not isinstance(self.stores[MAIN], MemoryStore)

    def route(self, dataset_type: DatasetType, data_id: Mapping[str, object]) -> Route:
        """Say which stores take a new dataset; ConfigurationError if none does."""
        return self._chain.route(dataset_type, data_id)

    def publish(self, nonce: str, key: str, encoded: Encoded, route: Route | None = None) -> Artifact:
        """Make content visible in the stores of a route, or in ``main``; not on stable storage before `Ledger` sees to it."""
        names = (MAIN,) if route is None else (*route.copies, route.store)
        done: list[tuple[PublishingStore, Staged]] = []
        try:
            for name in names:
                store = self.stores[name]
                done.append((store, store.stage(self.owners[name], key, encoded.data, sync=False)))
                store.publish([done[-1][1]], Durability.none)
        except BaseException:
            for store, item in done:
                store.discard([item])
            raise
        staged = done[-1][1]
        digests = staged.digests
        assert digests is not None, "content from memory is digested as it is written"
        return Artifact(
            nonce, key, names[-1], staged.size, digests.sha256, digests.xxh3, encoded.format, encoded.version,
            names[:-1],
        )  # fmt: skip

    def settle(self, artifacts: Iterable[Artifact]) -> None:
        """Forget who published artifacts that are about to be committed."""
        for name, items in self._by_store(artifacts).items():
            self.stores[name].settle(items)

    def forget(self, artifacts: Iterable[Artifact]) -> None:
        """Keep nothing in this worker process of artifacts whose quantum has succeeded; the run settles them."""
        if not self._is_apart:
            return
        for name, items in self._by_store(artifacts).items():
            if not isinstance(self.stores[name], LocalPaths):
                self.stores[name].settle(items)

    def discard(self, artifacts: Iterable[Artifact]) -> None:
        """Take artifacts back, as far as storage still obeys; what others have created stays."""
        for name, items in self._by_store(artifacts).items():
            store = self.stores[name]
            for item in items:
                with suppress(OSError):
                    store.discard([item])
            if not isinstance(store, LocalPaths | MemoryStore):
                # A worker has sent them, so the store of this process does not know them; their names are nobody else's.
                store.delete_many([item.key for item in items])

    def _by_store(self, artifacts: Iterable[Artifact]) -> dict[str, list[Staged]]:
        groups: defaultdict[str, list[Staged]] = defaultdict(list)
        for artifact in artifacts:
            for name in (*artifact.copies, artifact.datastore):
                if name in self.owners:
                    groups[name].append(Staged(artifact.key, 0, None, self.owners[name], datastore=name))
        return groups

    def files(self, artifacts: Iterable[Artifact]) -> dict[str, list[str]]:
        """Paths of artifacts that are files of this machine, by the folder of their store."""
        found: dict[str, list[str]] = {}
        for name, items in self._by_store(artifacts).items():
            store = self.stores[name]
            if isinstance(store, LocalPaths) and items:
                paths = [str(store.path(item.key)) for item in items]
                found.setdefault(paths[0][: -len(items[0].key)], []).extend(paths)
        return found


def _outlives(datastore: Datastore, child: Child) -> bool:
    return not isinstance(child.store, MemoryStore) or isinstance(datastore.stores[MAIN], MemoryStore)


def are_there(stores: Mapping[str, PublishingStore | ApartStore], artifacts: Sequence[Artifact]) -> set[str]:
    """Return the nonces of artifacts that are where they are recorded; asks each store once."""
    groups: defaultdict[str, list[Artifact]] = defaultdict(list)
    for artifact in artifacts:
        groups[artifact.datastore].append(artifact)
    there: set[str] = set()
    for name, items in groups.items():
        found = stores[name].stat_many([item.key for item in items]) if name in stores else [None] * len(items)
        there.update(item.nonce for item, stat in zip(items, found, strict=True) if stat is not None)
    return there
