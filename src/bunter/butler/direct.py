"""A repository of our own: a registry database and a datastore, joined in one unit of work."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bunter import effects
from bunter.butler.events.outbox import Outbox
from bunter.butler.exact_names import ExactNames
from bunter.butler.feeding import Feeding
from bunter.butler.own_database import make_tables, open_database
from bunter.butler.repository import FactsChangedError, FindRequest, RepositoryFacts
from bunter.butler.runs_place import runs_place
from bunter.butler.staged_lots import StagedLots
from bunter.butler.trash import Trash
from bunter.database import Database
from bunter.dataset.changes import (
    AddArtifacts,
    AddContents,
    AddDatasets,
    ChangesAsRead,
    ForgetRemoval,
    RelocateFiles,
    RemoveDatasets,
    UndoChange,
    UnstoreDatasets,
)
from bunter.dataset.event import TellEvents
from bunter.dataset.inquiries import MetricsOf, Summaries
from bunter.datastore import Datastore
from bunter.datastore.metrics_table import metric_rows
from bunter.datastore.records import ArtifactRecords
from bunter.datastore.relocation import files_below, relocate, some_folders
from bunter.errors import KeyTakenError
from bunter.registry import Registry
from bunter.values import Durability
from bunter.values.packed_ids import in_lots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from bunter.butler.config import Configuration
    from bunter.butler.mirror import MirrorReport
    from bunter.butler.repository import Repository
    from bunter.butler.transfers.dump_manifest import DumpManifest
    from bunter.database import Transaction
    from bunter.dataset import DatasetRef, DatasetType, StoredArtifact
    from bunter.dataset.activity import Activity
    from bunter.dataset.changes import Change
    from bunter.dataset.event import Event
    from bunter.dataset.inquiries import Inquiry
    from bunter.dataset.operator import OperatorQuestion, SqlAnswer
    from bunter.datastore import Staged
    from bunter.datastore.check import CheckReport, Patrol
    from bunter.datastore.deep_check import DeepCheck
    from bunter.datastore.store_address import StoreAddress
    from bunter.dimensions import Universe
    from bunter.query.bound import BoundQuery
    from bunter.registry import Found, ResultStream
    from bunter.values import Principal

__all__ = ["DirectRepository"]

_REMOVING = (RemoveDatasets, UnstoreDatasets)
_FEEDING = (AddDatasets, ChangesAsRead, RemoveDatasets, UndoChange, UnstoreDatasets)
"""Types of changes; told here, as a union would be made anew with each commit."""


class DirectRepository:
    """Registry and datastore behind the `Repository` seam.

    Parameters
    ----------
    location : str
        Address in messages.
    database : Database
        Holds the registry and the records of artifacts.
    datastore : Datastore
        Holds the artifacts.
    """

    def __init__(self, location: str, database: Database, datastore: Datastore) -> None:
        self._location = location
        self._database = database
        self._registry = Registry.open(database)
        self._records = ArtifactRecords()
        self.datastore = datastore
        self.feeding = Feeding(database, self._registry, self._records, datastore)
        self._exact = ExactNames(database, self._records, datastore)
        self.trash = Trash(database, self._registry, self._records, datastore, self._exact)
        self.outbox = Outbox(database, self._registry)
        self.writeable = not database.read_only
        self._runs: Path | None = None
        self._facts: RepositoryFacts | None = None
        self._recovered = False
        self._activities: dict[bytes, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, root: Path | StoreAddress, configuration: Configuration, *, read_only: bool) -> Self:
        """Open the repository in a folder; a writeable one first settles what dead writers left."""
        model = configuration.model
        database = open_database(root, configuration, read_only=read_only)
        try:
            found = cls(str(root), database, Datastore.open(root, model.datastore, database))
        except BaseException:
            database.close()
            raise
        found._runs = runs_place(root, model)
        return found

    @classmethod
    def in_memory(cls, location: str, universe: Universe, configuration: Configuration) -> Self:
        """Make a repository that lives as long as this process."""
        database = Database.memory()
        make_tables(database, universe)
        return cls(location, database, Datastore.memory(configuration.model.datastore, database))

    @property
    def universe(self) -> Universe:
        """Dimensions."""
        return self._registry.universe

    @property
    def statements(self) -> int:
        """How many statements the database has carried out."""
        return self._database.statements

    @property
    def facts_seen(self) -> RepositoryFacts | None:
        """See `Repository`."""
        return self._facts

    def facts(self, principal: Principal) -> RepositoryFacts:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            roster = self._registry.roster(connection)
        known = self._facts
        if known is None or known.collections is not roster.collections:
            known = self._facts = RepositoryFacts(
                self._location,
                roster.universe,
                roster.dataset_types,
                roster.collections,
                self.writeable,
                roster.generation,
                roster.as_of,
            )
        return known

    def resolve(self, principal: Principal, request: FindRequest) -> list[Found | None]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.find(
                connection,
                request.dataset_type,
                request.rows,
                request.collections,
                request.timespans,
                generation=request.generation,
            )

    def execute(self, principal: Principal, query: BoundQuery) -> ResultStream:
        """See `Repository`."""
        del principal
        return self._registry.execute(query)

    def associations(self, principal: Principal, dataset_type: DatasetType, collections: Sequence[str]) -> pa.Table:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.associations(connection, dataset_type, collections)

    def answer(self, principal: Principal, inquiry: Inquiry) -> pa.Table:
        """See `Repository`."""
        del principal
        with self._database.read(snapshot=True) as connection:
            if isinstance(inquiry, MetricsOf):
                return metric_rows(connection, inquiry.ids, inquiry.names)
            if isinstance(inquiry, Summaries) and inquiry.sizes:
                held = self._registry.holdings(connection, inquiry)
                sizes = self._records.sizes(connection, held.columns, held.selections)
                return self._registry.summaries(connection, inquiry, sizes)
            return self._registry.answer(connection, inquiry)

    def as_of(self, change: int) -> Repository:
        """See `Repository`."""
        from bunter.butler.past import PastRepository

        return PastRepository(self, change)

    def advice(self) -> list[str]:
        """See `Repository`."""
        from bunter.database.journal_mode import advice

        told = None if ":" in self._database.location else advice(Path(self._database.location))
        return [told] if told else []

    def mirror(self, principal: Principal, target: str, *, dry_run: bool = False) -> MirrorReport:
        """See `Repository`."""
        from bunter.butler.mirror import mirror_database, open_target

        del principal
        return mirror_database(self._database, self._registry, self._location, open_target(target), dry_run=dry_run)

    def ask_operator(self, principal: Principal, question: OperatorQuestion) -> SqlAnswer:
        """See `Repository`."""
        from bunter.butler.operators import answer_operator

        del principal
        return answer_operator(self._database, self._registry, question)

    def identify(self, principal: Principal, ids: Sequence[bytes]) -> list[DatasetRef | None]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.get_many(connection, ids)

    def members(self, principal: Principal, runs: Sequence[str]) -> Sequence[bytes]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.members(connection, runs)

    def files_in_place(self, folder: str) -> list[tuple[str, int]]:
        """Return path and size of the files below an absolute folder that stay where their owner keeps them."""
        with self._database.read() as connection:
            return files_below(connection, folder)

    def folders_in_place(self) -> list[str]:
        """Return some folders that have such files."""
        with self._database.read() as connection:
            return some_folders(connection)

    def locate(self, principal: Principal, ids: Sequence[bytes]) -> list[list[StoredArtifact]]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._records.locate(connection, ids)

    def commit(
        self,
        principal: Principal,
        changes: Sequence[Change],
        staged: Sequence[Staged] | StagedLots = (),
        *,
        durability: Durability | None = None,
        activity: Activity | None = None,
        generation: int | None = None,
    ) -> None:
        """See `Repository`."""
        self.recover()
        lots = StagedLots.of(staged)
        try:
            for lot in lots:
                self.datastore.publish(lot, durability)
            how = {"durability": durability or Durability.full, "activity": activity, "generation": generation}
            is_trash_new = self._write_when_free(principal, changes, lots, how)
        except BaseException:
            for lot in lots:
                self._undo(lot)
            raise
        for lot in lots:
            self.datastore.settle(lot)
        if is_trash_new:
            self.empty_trash()
        if self.feeding.sinks and not set(map(type, changes)).isdisjoint(_FEEDING):
            self.feeding.deliver(is_asked=False)

    def _write_when_free(
        self, principal: Principal, changes: Sequence[Change], lots: StagedLots, how: Mapping[str, Any]
    ) -> bool:
        """Write, and wait for others who are about to give or take back the same exact names; see `_write`."""
        began_s = effects.monotonic()
        exact = [item for lot in lots for item in self.datastore.exact(lot)] if self.datastore.has_exact else []
        while True:
            try:
                return self._write(principal, changes, lots, exact, **how)
            except KeyTakenError:
                if not self._exact.waits(exact, began_s):
                    raise

    def _write(
        self,
        principal: Principal,
        changes: Sequence[Change],
        lots: StagedLots,
        exact: Sequence[Staged],
        *,
        durability: Durability,
        activity: Activity | None,
        generation: int | None,
    ) -> bool:
        """Apply changes in one transaction; return whether artifacts may have gone to the trash."""
        number = None if activity is None else self._activities.get(activity.id)

        def deed(transaction: Transaction) -> tuple[int | None, bool]:
            begun = number
            is_trash_new = False
            self._exact.free(transaction, exact)
            if activity is not None and begun is None:
                begun = self._registry.begin_activity(transaction, activity)
            transaction.next_change(principal, "" if activity is None else activity.name, begun)
            if generation is not None and transaction.generation() != generation:
                raise FactsChangedError(self._location)
            is_wanted = self.outbox.is_wanted(transaction)
            events: list[Event] = []
            newcomers: dict[str, list[bytes]] = {}
            for change in self._told(transaction, changes):
                result = self._apply(transaction, change)
                is_trash_new = is_trash_new or isinstance(change, _REMOVING)
                if is_wanted:
                    events += self.outbox.hear(transaction, change, result)
                if self.feeding.sinks:
                    self.feeding.note(transaction, change, newcomers)
            self.outbox.write(transaction, events)
            for lot in lots if self.datastore.confirming else ():
                self.datastore.confirm(transaction, lot)
            self.feeding.alone.feed(transaction, newcomers)
            self._exact.give(transaction, exact)
            return begun, is_trash_new

        known, is_trash_new = self._database.carry_out(deed, durability=durability)
        if activity is not None and known is not None:  # what was taken back has to be written again
            self._activities[activity.id] = known
        return is_trash_new

    def _told(self, transaction: Transaction, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield changes, each undoing as what it comes to at its turn, those that are read as they are read, and removals in lots."""
        for change in changes:
            if isinstance(change, UndoChange):
                yield from self._told(transaction, self.trash.restoration_within(transaction, change).changes)
            elif isinstance(change, ChangesAsRead):
                yield from self._told(transaction, change.read())
            elif isinstance(change, _REMOVING):
                yield from (replace(change, ids=lot) for lot in in_lots(change.ids))
            else:
                yield change

    def _undo(self, staged: Sequence[Staged]) -> None:
        """Take artifacts back after an error; an interrupt may come after the commit, and what is registered stays."""
        registered = self._exact.mine(staged, set(self._registered([item.key for item in staged]))) if staged else set()
        self.datastore.discard([item for item in staged if item.key not in registered])
        self.datastore.settle([item for item in staged if item.key in registered])

    def _registered(self, keys: Sequence[str]) -> Collection[str]:
        return self.trash.registered(keys)  # in any store: a copy is committed where the artifact it was made of is

    def recover(self) -> int:
        """Finish or undo what dead writers left, once per opening; return how many artifacts they had staged."""
        with self._lock:
            if self._recovered or self._database.read_only:
                return 0
            self._recovered = True
        found = self.datastore.recover(self._registered)
        self.empty_trash()
        return found

    def empty_trash(self) -> dict[str, OSError]:
        """Unlink what was removed from the registry and is not kept any longer; return why some files could not be."""
        return self.trash.empty()

    def _apply(self, transaction: Transaction, change: Change) -> Any:
        if isinstance(change, TellEvents):
            return None
        if isinstance(change, AddArtifacts):
            self._records.add(transaction, change)
            return None
        if isinstance(change, RelocateFiles):
            return relocate(transaction, change)
        if isinstance(change, AddContents):
            self.feeding.alone.keep(transaction, change)
            return None
        if isinstance(change, ForgetRemoval):
            self._records.kept.take_back(transaction, change.change)
            return None
        change = self.trash.dated(change)
        if isinstance(change, _REMOVING):
            self._records.remove(transaction, change.ids, self.trash.until_ns(change))
        return None if isinstance(change, UnstoreDatasets) else self._registry.apply(transaction, change)

    def dump(self, folder: str | Path, **more: Any) -> DumpManifest:
        """Write everything to a folder; see `bunter.butler.transfers.dumping.dump_database`."""
        from bunter.butler.transfers.dumping import dump_database

        return dump_database(self._database, self.datastore, folder, runs=self.runs, **more)

    def check(
        self,
        *,
        deep: bool | DeepCheck = False,
        patrol: Patrol | None = None,
        claims: Callable[[], Mapping[str, str]] | None = None,
    ) -> CheckReport:
        """See `Repository`."""
        from bunter.datastore.check import check_datastore

        report = check_datastore(
            self.datastore,
            self._records,
            self._database,
            deep=deep,
            patrol=patrol,
            claims=claims,
            copies_of=self._copies_of,
        )
        return report if patrol is not None and patrol.incremental else report.with_dead_rows(self._dead_rows())

    def _dead_rows(self) -> list[tuple[str, str, int]]:
        from bunter.registry.dead_rows import dead_rows

        with self._database.read(snapshot=True) as connection:
            roster = self._registry.roster(connection)
            return [
                *dead_rows(connection, roster, [("dataset_artifact", "dataset_id")]),
                *self._records.dead(connection),
            ]

    def _copies_of(self, ids: Sequence[bytes]) -> list[tuple[str, ...]]:
        """Return the stores that are to keep copies of each dataset."""
        with self._database.read() as connection:
            refs = self._registry.get_many(connection, ids)
        return [
            () if ref is None else self.datastore.chain.copies_of(ref.dataset_type, ref.data_id.mapping) for ref in refs
        ]

    @property
    def runs(self) -> Path | None:
        """Folder in which the folders of runs lie; None where nothing is kept of runs."""
        return self._runs

    def close(self) -> None:
        """See `Repository`."""
        self.datastore.close()
        self._database.close()
