"""Datasets that a sink alone has: rows for them in the transaction that registers them, or none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.datastore.database_store import DatabaseStore
from bunter.datastore.format import ReadRequest, format_of
from bunter.datastore.sink import KeepingSink, SinkItem
from bunter.storage_class import storage_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.database import Transaction
    from bunter.dataset import DatasetRef, StoredArtifact
    from bunter.dataset.changes import AddArtifacts, AddContents
    from bunter.datastore import Datastore
    from bunter.datastore.records import ArtifactRecords
    from bunter.datastore.sink import InnerSink, OuterSink
    from bunter.datastore.sink_records import SinkRecords
    from bunter.registry import Registry

__all__ = ["AloneDatasets"]

_TOGETHER = 1000


class AloneDatasets:
    """Gives sinks the datasets that they alone have.

    Parameters
    ----------
    registry : Registry
        Knows the datasets.
    records : ArtifactRecords
        Knows where they are.
    datastore : Datastore
        Has their content, in the database.
    sinks : mapping of str to InnerSink or OuterSink
        All sinks of the repository.
    feed : SinkRecords
        Notes what sinks have.
    """

    def __init__(
        self,
        registry: Registry,
        records: ArtifactRecords,
        datastore: Datastore,
        sinks: Mapping[str, InnerSink | OuterSink],
        feed: SinkRecords,
    ) -> None:
        self._registry, self._records, self._feed = registry, records, feed
        stores = datastore.stores
        self._stores = {name: store for name, store in stores.items() if isinstance(store, DatabaseStore)}
        self._sinks = {name: sink for name, sink in sinks.items() if isinstance(sink, KeepingSink)}

    @property
    def names(self) -> list[str]:
        """Names of the sinks that alone have what they take."""
        return list(self._stores)

    def newcomers(self, change: AddArtifacts) -> dict[str, list[bytes]]:
        """Return the datasets that a change brings to such sinks, by sink."""
        names = {row.nonce: row.datastore for row in change.artifacts if row.datastore in self._stores}
        found: dict[str, list[bytes]] = {}
        for link in change.links if names else ():
            if link.nonce in names:
                found.setdefault(names[link.nonce], []).append(link.dataset_id)
        return found

    def keep(self, tx: Transaction, change: AddContents) -> None:
        """Bring content into the database, in the transaction that registers it."""
        self._stores[change.datastore].keep(tx, change.contents)

    def feed(self, tx: Transaction, newcomers: Mapping[str, Sequence[bytes]]) -> None:
        """Give rows of new datasets to their sinks; an error if any does not fit, and none is registered.

        Raises
        ------
        FormatError, StorageClassError
            If a dataset has nothing that its sink could take.
        """
        for name, ids in newcomers.items():
            sink = self._sinks[name]
            for first in range(0, len(ids), _TOGETHER):
                some = ids[first : first + _TOGETHER]
                items = list(self._items(tx, name, some))
                sink.check(items)
                sink.append(tx, items)
                self._feed.told(tx, name, [item.ref.id.bytes for item in items])

    def _items(self, tx: Transaction, name: str, ids: Sequence[bytes]) -> Iterator[SinkItem]:
        refs = self._registry.get_many(tx, ids)
        located = self._records.locate(tx, ids)
        there = [(ref, found[0]) for ref, found in zip(refs, located, strict=True) if ref is not None and found]
        contents = self._stores[name].contents(tx, [stored.key for _, stored in there])
        for ref, stored in there:
            if stored.key in contents:
                yield SinkItem(ref, _decoded(ref, stored, contents[stored.key]))


def _decoded(ref: DatasetRef, stored: StoredArtifact, content: bytes) -> object:
    wanted = storage_class(ref.dataset_type.storage_class)
    request = ReadRequest(wanted.python_type, None, {}, stored.selector)
    return wanted.convert(format_of(stored.format).from_bytes(content, request))
