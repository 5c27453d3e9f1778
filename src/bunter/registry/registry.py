"""The registry: which datasets there are, and what is known of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import bunter.registry.annotations as annotation_tables  # the package has an `annotations` of its own: the future import
from bunter.database import Transaction
from bunter.dataset import changes, record_changes, repository_changes
from bunter.dimensions import Universe
from bunter.registry.activities import begin_activity
from bunter.registry.aliases import register_alias, remove_alias
from bunter.registry.calibrations import certify, decertify
from bunter.registry.collection_changes import (
    edit_chain,
    register_collection,
    remove_collection,
    rename_collection,
    set_chain,
    set_collection_doc,
)
from bunter.registry.datasets import add_datasets, dataset_members, remove_datasets
from bunter.registry.find import finder
from bunter.registry.identify import get_many, removed, younger
from bunter.registry.living_universe import FORMAT, LivingUniverse, check_format, read_attributes
from bunter.registry.memberships import associate, disassociate
from bunter.registry.packers import define_packer
from bunter.registry.record_changes import insert_records
from bunter.registry.record_removal import remove_records, update_records
from bunter.registry.roster import Roster, read_roster
from bunter.registry.schema import create_registry_tables
from bunter.registry.snapshots import create_snapshot, remove_snapshot
from bunter.registry.type_changes import register_dataset_type, register_dataset_types, remove_dataset_type
from bunter.registry.universe_changes import change_universe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from bunter.database import Connection, Database
    from bunter.dataset import DatasetRef, DatasetType
    from bunter.dataset.activity import Activity
    from bunter.dataset.event import Event
    from bunter.dataset.inquiries import Inquiry, Summaries
    from bunter.query.bound import BoundQuery
    from bunter.registry.collections import CollectionCatalog
    from bunter.registry.find import Found
    from bunter.registry.stream import ResultStream
    from bunter.registry.summaries import Holdings
    from bunter.values import Timespan
    from bunter.values.packed_ids import PackedIds

__all__ = ["Registry"]

_HANDLERS: dict[type, Callable[..., Any]] = {
    changes.RegisterCollection: register_collection,
    changes.SetChain: set_chain,
    changes.EditChain: edit_chain,
    changes.SetCollectionDoc: set_collection_doc,
    changes.RenameCollection: rename_collection,
    changes.CreateSnapshot: create_snapshot,
    changes.RemoveSnapshot: remove_snapshot,
    changes.RemoveCollection: remove_collection,
    changes.RegisterDatasetType: register_dataset_type,
    changes.RegisterDatasetTypes: register_dataset_types,
    changes.RemoveDatasetType: remove_dataset_type,
    changes.RegisterAlias: register_alias,
    changes.RemoveAlias: remove_alias,
    changes.InsertRecords: insert_records,
    record_changes.UpdateRecords: update_records,
    record_changes.RemoveRecords: remove_records,
    repository_changes.ChangeUniverse: change_universe,
    repository_changes.DefinePacker: define_packer,
    changes.AddDatasets: add_datasets,
    changes.RemoveDatasets: remove_datasets,
    changes.Associate: associate,
    changes.Disassociate: disassociate,
    changes.Certify: certify,
    changes.Decertify: decertify,
    **annotation_tables.HANDLERS,
}


class Registry:
    """Collections, dataset types, dimension records and datasets in a database.

    Reading takes a connection and writing a transaction, both lent by the database; the registry keeps none. Use
    `create` or `open`.

    Parameters
    ----------
    database : Database
        Where rows are.
    universe : Universe
        The dimensions.
    as_of : int, optional
        Number of the last change to see; None for all. The past is for reading only.
    """

    def __init__(self, database: Database, universe: Universe, as_of: int | None = None) -> None:
        self.database = database
        self._universe = LivingUniverse(database.location, read_only=database.read_only, universe=universe)
        self.past = as_of
        self._roster: Roster | None = None

    @classmethod
    def create(cls, database: Database, universe: Universe) -> Registry:
        """Make the tables of a registry in a new database."""
        with database.write() as tx:
            create_registry_tables(tx, universe)
            annotation_tables.create_tables(tx)
            tx.bulk_insert(
                "attribute",
                ["name", "value"],
                [("registry.version", str(FORMAT)), ("registry.universe", json.dumps(universe.to_dict()))],
            )
        return cls(database, universe)

    @classmethod
    def open(cls, database: Database) -> Registry:
        """Use the registry that is in a database.

        Raises
        ------
        DatabaseDamagedError
            If there is none, as after a creation that was cut off.
        UpgradeNeededError
            If its format is one that this code does not read, or not write.
        """
        with database.read() as connection:
            attributes = read_attributes(connection, database.location)
        check_format(attributes, database.location, read_only=database.read_only)
        return cls(database, Universe.load(json.loads(attributes["registry.universe"])))

    @property
    def universe(self) -> Universe:
        """The dimensions, as last seen by this object."""
        known = self._universe.latest if self._roster is None else self._roster.universe
        assert known is not None, "it is given when this is made"
        return known

    def as_of(self, change: int) -> Registry:
        """Return this registry as it stood after a change; the same rows, of which those of then count."""
        return Registry(self.database, self.universe, change)

    def begin_activity(self, tx: Transaction, activity: Activity) -> int:
        """Return the number of an activity, recording it on the first call."""
        return begin_activity(tx, activity)

    def roster(self, connection: Connection) -> Roster:
        """Return collections and dataset types as this connection sees them."""
        if self.past is not None:
            if self._roster is None:
                self._roster = read_roster(connection, self._universe, self.past)
            return self._roster
        if isinstance(connection, Transaction) and connection.touched:
            mine: Roster | None = connection.scratch.get("roster")
            if mine is None:
                mine = connection.scratch["roster"] = read_roster(connection, self._universe)
            return mine
        known = self._roster
        if known is None or known.generation != connection.generation():
            known = self._roster = read_roster(connection, self._universe)
        return known

    def collections(self, connection: Connection) -> CollectionCatalog:
        """Return all collections as they are now."""
        return self.roster(connection).collections

    def dataset_types(self, connection: Connection) -> Mapping[str, DatasetType]:
        """Return all dataset types as they are now, by name."""
        return self.roster(connection).dataset_types

    @property
    def generation(self) -> int:
        """Number that grows when collections, dataset types or governors change; as last seen by this object."""
        return -1 if self._roster is None else self._roster.generation

    def find(
        self,
        connection: Connection,
        dataset_type: DatasetType,
        rows: Sequence[tuple[Any, ...]],
        collections: Sequence[str],
        timespans: Sequence[Timespan | None] | Timespan | None = None,
        *,
        generation: int | None = None,
    ) -> list[Found | None]:
        """Find the first dataset for each data ID; see `bunter.registry.find.Finder.find`.

        An asker who has just seen the facts of a ``generation`` saves looking whether there are others.
        """
        known = self._roster
        if known is None or known.generation != generation or isinstance(connection, Transaction):
            known = self.roster(connection)
        return finder(known, dataset_type, collections).find(connection, rows, timespans)

    def get_many(self, connection: Connection, ids: Sequence[bytes]) -> list[DatasetRef | None]:
        """Return the datasets with these ids, None where there is none."""
        return get_many(connection, self.roster(connection), ids)

    def removed(self, connection: Connection, ids: Sequence[bytes]) -> list[bytes]:
        """Pick the ids of datasets that were there once and have been removed."""
        return removed(connection, ids)

    def younger(self, connection: Connection, ids: Sequence[bytes]) -> list[bytes]:
        """Pick the ids of datasets that were added after the moment that this registry shows."""
        return younger(connection, self.roster(connection), ids)

    def members(self, connection: Connection, runs: Sequence[str]) -> PackedIds:
        """Return the ids of all datasets in runs, ascending."""
        return dataset_members(connection, self.roster(connection), runs)

    def associations(self, connection: Connection, dataset_type: DatasetType, collections: Sequence[str]) -> pa.Table:
        """Return the memberships of a dataset type: id, required dimensions, collection and validity range."""
        from bunter.registry.associations import associations

        return associations(connection, self.roster(connection), dataset_type, collections)

    def answer(self, connection: Connection, inquiry: Inquiry) -> pa.Table:
        """Return what an inquiry asks for; see `bunter.dataset.inquiries`."""
        from bunter.registry.answers import answer

        return answer(connection, self.roster(connection), inquiry)

    def holdings(self, connection: Connection, inquiry: Summaries) -> Holdings:
        """Return what collections hold, for those who know more of it than the registry."""
        from bunter.registry.summaries import holdings

        return holdings(self.roster(connection), inquiry)

    def summaries(
        self, connection: Connection, inquiry: Summaries, sizes: Mapping[tuple[Any, ...], int] | None = None
    ) -> pa.Table:
        """Answer `Summaries`, with bytes by the keys of its holdings."""
        from bunter.registry.summaries import summaries

        return summaries(connection, self.roster(connection), inquiry, sizes)

    def execute(self, query: BoundQuery) -> ResultStream:
        """Return the rows of a bound query as a stream of columns; nothing runs before somebody looks."""
        from bunter.registry.stream import ResultStream

        return ResultStream(self.database, self.roster, query)

    def wants_events(self, tx: Transaction) -> bool:
        """Whether anybody subscribes to what a transaction does."""
        self.roster(tx)
        return self._universe.has_subscribers

    def tell(self, tx: Transaction, change: changes.Change, result: Any) -> list[Event]:
        """Say in events what a change has done, just after it."""
        from bunter.registry.telling import tell_of

        return tell_of(tx, self.roster(tx), change, result)

    def apply(self, tx: Transaction, change: changes.Change) -> Any:
        """Carry out one change within a transaction.

        Returns
        -------
        object
            What the change's own function promises: whether something is new, how many rows changed, or None.
        """
        handler = _HANDLERS.get(type(change))
        if handler is None:
            raise TypeError(f"the registry knows no change {type(change).__name__}")
        before = tx.touched
        result = handler(tx, self.roster(tx), change)
        if tx.touched and (not before or isinstance(change, _SLOW)):
            tx.scratch.pop("roster", None)
        return result


_SLOW = (
    changes.RegisterCollection,
    changes.SetChain,
    changes.EditChain,
    changes.SetCollectionDoc,
    changes.RenameCollection,
    changes.RemoveCollection,
    changes.RegisterDatasetType,
    changes.RegisterDatasetTypes,
    changes.RemoveDatasetType,
    changes.RegisterAlias,
    changes.RemoveAlias,
    repository_changes.ChangeUniverse,
)
