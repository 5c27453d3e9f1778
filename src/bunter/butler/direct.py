"""A repository of our own: a registry database and a datastore, joined in one unit of work."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from bunter import effects
from bunter.butler.config import CONFIG_NAME
from bunter.butler.repository import FindRequest, RepositoryFacts
from bunter.database import Database
from bunter.dataset.changes import AddArtifacts, RemoveDatasets
from bunter.datastore import Datastore, check_datastore
from bunter.datastore.records import ArtifactRecords
from bunter.registry import Registry
from bunter.values import Durability

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

    from bunter.butler.config import Configuration
    from bunter.database import Transaction
    from bunter.dataset import DatasetRef, DatasetType, StoredArtifact
    from bunter.dataset.changes import Change
    from bunter.datastore import CheckReport, Staged
    from bunter.dimensions import Universe
    from bunter.query.bound import BoundQuery
    from bunter.registry import Found, ResultStream
    from bunter.values import Principal

__all__ = ["DirectRepository"]


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
        self._records = ArtifactRecords(database)
        self.datastore = datastore
        self._recovered = False
        self._lock = threading.Lock()

    @classmethod
    def open(cls, root: Path, configuration: Configuration, *, read_only: bool) -> Self:
        """Open the repository in a folder; a writeable one first settles what dead writers left."""
        model = configuration.model
        database = Database.open(root / model.registry.database, read_only=read_only, lock_timeout_s=model.registry.lock_timeout_s)
        return cls(str(root), database, Datastore.open(model.datastore, root))

    @classmethod
    def create(cls, root: Path, universe: Universe, configuration: Configuration, *, kept: Mapping[str, Any]) -> None:
        """Make an empty repository in a folder; the configuration file comes last and makes it one."""
        model = configuration.model
        effects.mkdirs(root)
        with Database.create(root / model.registry.database) as database:
            cls._fill(database, universe)
        text = yaml.safe_dump({"format": model.format, **kept}, sort_keys=False)
        effects.write_new(root / CONFIG_NAME, text.encode(), sync=True)
        effects.sync_dir(root)

    @classmethod
    def in_memory(cls, location: str, universe: Universe, configuration: Configuration) -> Self:
        """Make a repository that lives as long as this process."""
        database = Database.memory()
        cls._fill(database, universe)
        return cls(location, database, Datastore.in_memory(configuration.model.datastore))

    @staticmethod
    def _fill(database: Database, universe: Universe) -> None:
        Registry.create(database, universe)
        with database.write() as transaction:
            ArtifactRecords(database).create(transaction)

    @property
    def universe(self) -> Universe:
        """Dimensions."""
        return self._registry.universe

    @property
    def statements(self) -> int:
        """How many statements the database has carried out."""
        return self._database.statements

    def facts(self, principal: Principal) -> RepositoryFacts:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            collections = self._registry.collections(connection)
            types = self._registry.dataset_types(connection)
        return RepositoryFacts(
            self._location, self._registry.universe, types, collections, not self._database.read_only, self._registry.generation
        )

    def resolve(self, principal: Principal, request: FindRequest) -> list[Found | None]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.find(connection, request.dataset_type, request.rows, request.collections, request.timespans)

    def execute(self, principal: Principal, query: BoundQuery) -> ResultStream:
        """See `Repository`."""
        del principal
        return self._registry.execute(query)

    def associations(self, principal: Principal, dataset_type: DatasetType, collections: Sequence[str]) -> pa.Table:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.associations(connection, dataset_type, collections)

    def identify(self, principal: Principal, ids: Sequence[bytes]) -> list[DatasetRef | None]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.get_many(connection, ids)

    def members(self, principal: Principal, runs: Sequence[str]) -> list[bytes]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._registry.members(connection, runs)

    def locate(self, principal: Principal, ids: Sequence[bytes]) -> list[list[StoredArtifact]]:
        """See `Repository`."""
        del principal
        with self._database.read() as connection:
            return self._records.locate(connection, ids)

    def commit(
        self, principal: Principal, changes: Sequence[Change], staged: Sequence[Staged] = (), *, durability: Durability = Durability.FULL
    ) -> None:
        """See `Repository`."""
        self.recover()
        removed = False
        try:
            self.datastore.publish(staged, durability)
            with self._database.write(durability=durability) as transaction:
                transaction.next_change(principal)
                for change in changes:
                    removed |= self._apply(transaction, change)
        except BaseException:
            self.datastore.discard(staged)
            raise
        self.datastore.settle(staged)
        if removed:
            self.empty_trash()

    def _apply(self, transaction: Transaction, change: Change) -> bool:
        if isinstance(change, AddArtifacts):
            self._records.add(transaction, change)
            return False
        if isinstance(change, RemoveDatasets):
            self._records.remove(transaction, change.ids)
            self._registry.apply(transaction, change)
            return True
        self._registry.apply(transaction, change)
        return False
