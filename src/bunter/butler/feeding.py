"""Sinks fed with what is committed: at once if they take it, later if not, and never half."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bunter import effects
from bunter.butler.alone import AloneDatasets
from bunter.database import Transaction
from bunter.datastore.choice import has_instruments_among, takes
from bunter.datastore.sink import InnerSink, SinkItem, opened_sinks
from bunter.datastore.sink_records import Fed, SinkRecords
from bunter.errors import ButlerError, ConfigurationError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.database import Database
    from bunter.dataset import DatasetColumns, DatasetRef
    from bunter.dataset.changes import Change
    from bunter.datastore import Datastore
    from bunter.datastore.config import ConstraintsConfig, SinkConfig
    from bunter.datastore.records import ArtifactRecords
    from bunter.datastore.sink import OuterSink
    from bunter.registry import Registry

__all__ = ["Feeding"]

_BATCH = 1000
_LONG_S, _SPARED_S = 1.0, 60.0
_log = logging.getLogger(__name__)


class Feeding:
    """Sends datasets to the sinks of a repository's configuration.

    Which datasets are to be sent, or removed, is written in the transaction that registers or removes them. What they hold
    is read from the stores afterwards, so it does not matter who wrote it, and nothing is lost if this process dies. Sinks
    that alone have datasets get them in that transaction itself, see `AloneDatasets`.

    Parameters
    ----------
    database : Database
        Holds registry and records.
    registry : Registry
        Knows the datasets.
    records : ArtifactRecords
        Knows where they are.
    datastore : Datastore
        Reads them.
    """

    def __init__(self, database: Database, registry: Registry, records: ArtifactRecords, datastore: Datastore) -> None:
        self._database, self._registry, self._records, self._datastore = database, registry, records, datastore
        self._feed = SinkRecords()
        self._spared_until_s: dict[str, float] = {}
        self.sinks = opened_sinks(datastore.config)
        self._config: Mapping[str, SinkConfig] = {} if datastore.config is None else datastore.config.sinks
        self.alone = AloneDatasets(registry, records, datastore, self.sinks, self._feed)

    def note(self, tx: Transaction, change: Change, newcomers: dict[str, list[bytes]]) -> None:
        """Note what a change means for the sinks, in its transaction; gather what sinks are to have alone, by sink."""
        from bunter.dataset.changes import AddArtifacts, AddDatasets, RemoveDatasets, UnstoreDatasets

        if isinstance(change, AddArtifacts):
            for name, ids in self.alone.newcomers(change).items():
                newcomers.setdefault(name, []).extend(ids)
        elif isinstance(change, AddDatasets):
            for name in self.sinks:
                if taken := _taken(self._config[name], change.columns):
                    self._feed.expect(tx, name, taken)
        elif isinstance(change, RemoveDatasets):
            self._feed.withdraw(tx, change.ids)
        elif isinstance(change, UnstoreDatasets) and self.alone.names:
            self._feed.withdraw(tx, change.ids, self.alone.names)

    def deliver(self, *, is_asked: bool = True) -> dict[str, int]:
        """Send and remove all that is due; return how many datasets each sink was told of. What fails is tried again later.

        Parameters
        ----------
        is_asked : bool
            Whether somebody asks for it; after a commit, a sink that took long to fail is spared for a minute.
        """
        told = dict.fromkeys(self.sinks, 0)
        with self._database.read() as connection:
            if not self._feed.is_due(connection):
                return told
        for name, sink in self.sinks.items():
            began_s = effects.monotonic()
            if not is_asked and began_s < self._spared_until_s.get(name, 0.0):
                continue
            try:
                told[name] = self._deliver(name, sink)
            except Exception as exc:  # noqa: BLE001 - the datasets are committed, whatever a sink makes of them
                _log.warning("the sink %s could not be told, and will be later: %s", name, exc)
                if (now_s := effects.monotonic()) - began_s > _LONG_S:
                    self._spared_until_s[name] = now_s + _SPARED_S
        return told

    def fill(self, name: str, *, dry_run: bool = False) -> int:
        """Note stored datasets that a sink takes and was never told of, from before it was configured; return how many.

        Parameters
        ----------
        name : str
            The sink.
        dry_run : bool
            Whether only to count.

        Raises
        ------
        ConfigurationError
            If there is no such sink.
        """
        if name not in self.sinks:
            raise ConfigurationError(
                f"there is no sink {name!r}{near(name, list(self.sinks))}; datastore.sinks names {', '.join(self.sinks) or 'none'}"
            )
        constraints = self._config[name].constraints
        with self._database.read() if dry_run else self._database.write() as tx:
            kinds = self._registry.roster(tx).dataset_types.values()
            chosen = [kind.name for kind in kinds if has_instruments_among(constraints) or takes(constraints, kind)]
            ids = self._feed.untold(tx, name, chosen)
            if has_instruments_among(constraints):
                refs = [ref for ref in self._registry.get_many(tx, ids) if ref is not None]
                ids = [ref.id.bytes for ref in refs if _takes(constraints, ref)]
            if isinstance(tx, Transaction):
                self._feed.expect(tx, name, ids)
        return len(ids)

    def counts(self) -> list[tuple[str, str, int]]:
        """Return sink, state and number of datasets."""
        with self._database.read() as connection:
            found = self._feed.counts(connection)
        return [(sink, state.name.lower().replace("_", " "), count) for (sink, state), count in sorted(found.items())]

    def reasons(self) -> dict[str, str]:
        """Return why one of the datasets does not fit, for each sink that has such."""
        with self._database.read() as connection:
            return self._feed.reasons(connection)

    def _deliver(self, name: str, sink: InnerSink | OuterSink) -> int:
        told = 0
        for state, act in ((Fed.TO_REMOVE, self._remove), (Fed.TO_SEND, self._send)):
            while True:
                with self._database.read() as connection:
                    ids = self._feed.due(connection, name, state, _BATCH)
                if not ids:
                    break
                act(name, sink, ids)
                told += len(ids)
        return told

    def _remove(self, name: str, sink: InnerSink | OuterSink, ids: Sequence[bytes]) -> None:
        if not isinstance(sink, InnerSink):
            sink.forget(ids)
        with self._database.write() as tx:
            if isinstance(sink, InnerSink):
                with tx.savepoint():
                    sink.remove(tx, ids)
            self._feed.drop(tx, name, ids)

    def _send(self, name: str, sink: InnerSink | OuterSink, ids: Sequence[bytes]) -> None:
        with self._database.read() as connection:
            refs = self._registry.get_many(connection, ids)
        items, unfit = self._read([ref for ref in refs if ref is not None])
        if not isinstance(sink, InnerSink) and items:
            sink.send(items)
        with self._database.write() as tx:
            if isinstance(sink, InnerSink):
                unfit |= _appended(tx, sink, items)
            fit = [item.ref.id.bytes for item in items if item.ref.id.bytes not in unfit]
            self._feed.mark(tx, name, fit, Fed.SENT)
            for id_, reason in unfit.items():
                self._feed.mark(tx, name, [id_], Fed.UNFIT, reason)
            self._feed.drop(tx, name, [id_ for id_, ref in zip(ids, refs, strict=True) if ref is None])

    def _read(self, refs: Sequence[DatasetRef]) -> tuple[list[SinkItem], dict[bytes, str]]:
        """Read datasets; say of those that cannot be read why."""
        with self._database.read() as connection:
            located = self._records.locate(connection, [ref.id.bytes for ref in refs])
        items, unfit = [], {}
        for ref, stored in zip(refs, located, strict=True):
            if not stored:
                unfit[ref.id.bytes] = "it has no artifact"
                continue
            try:
                content = self._datastore.read(stored, storage_class=ref.dataset_type.storage_class)
                items.append(SinkItem(ref, content))
            except (ButlerError, FileNotFoundError) as exc:
                unfit[ref.id.bytes] = str(exc)[:200]
        return items, unfit


def _takes(constraints: ConstraintsConfig, ref: DatasetRef) -> bool:
    return takes(constraints, ref.dataset_type, ref.data_id.mapping.get("instrument"))


def _taken(config: SinkConfig, columns: DatasetColumns) -> Sequence[bytes]:
    """Return the ids of new datasets that a sink takes."""
    instruments = columns.values.get("instrument")
    if instruments is None or not has_instruments_among(config.constraints):
        return columns.ids if takes(config.constraints, columns.dataset_type) else ()
    taken = {each: takes(config.constraints, columns.dataset_type, each) for each in set(instruments)}
    return [id_ for id_, each in zip(columns.ids, instruments, strict=True) if taken[each]]


def _appended(tx: Transaction, sink: InnerSink, items: Sequence[SinkItem]) -> dict[bytes, str]:
    """Append datasets at once; if that fails, one by one, and say why some cannot be."""
    unfit: dict[bytes, str] = {}
    try:
        with tx.savepoint():
            sink.append(tx, items)
    except Exception as exc:  # noqa: BLE001 - what a dataset holds is unknown to us
        if len(items) == 1:
            return {items[0].ref.id.bytes: str(exc)[:200]}
        for item in items:
            unfit |= _appended(tx, sink, [item])
    return unfit
