"""The seam to a repository: few bulk methods, each given the principal who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bunter.errors import ButlerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from bunter.butler.mirror import MirrorReport
    from bunter.butler.staged_lots import StagedLots
    from bunter.dataset import DatasetRef, DatasetType, StoredArtifact
    from bunter.dataset.activity import Activity
    from bunter.dataset.changes import Change
    from bunter.dataset.inquiries import Inquiry
    from bunter.dataset.naming import ByName
    from bunter.dataset.operator import OperatorQuestion, SqlAnswer
    from bunter.datastore import Datastore, Staged
    from bunter.datastore.check import CheckReport, Patrol
    from bunter.datastore.deep_check import DeepCheck
    from bunter.dimensions import Universe
    from bunter.query.bound import BoundQuery
    from bunter.registry import CollectionCatalog, Found, ResultStream
    from bunter.values import Durability, Principal, Timespan

__all__ = ["FactsChangedError", "FindRequest", "Repository", "RepositoryFacts"]


class FactsChangedError(ButlerError):
    """Collections or dataset types are others than those that a change was made by; who made it does so again."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location

    def __str__(self) -> str:
        return f"collections or dataset types of {self.location} were changed by somebody else just now; do it again"


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What changes slowly about a repository.

    Parameters
    ----------
    location : str
        Address under which it was opened.
    universe : Universe
        Its dimensions.
    dataset_types : mapping of str to DatasetType
        All registered dataset types, by name.
    collections : CollectionCatalog
        All collections.
    writeable : bool
        Whether this access may change it.
    generation : int
        Grows with each change that others or we commit.
    as_of : int, optional
        Number of the change after which it stood so; None for now.
    """

    location: str
    universe: Universe
    dataset_types: ByName[DatasetType]
    collections: CollectionCatalog
    writeable: bool
    generation: int
    as_of: int | None = None


@dataclass(frozen=True, slots=True)
class FindRequest:
    """A search for the first dataset of one type in ordered collections, for many data IDs at once.

    Parameters
    ----------
    dataset_type : DatasetType
        What to look for.
    rows : sequence of tuple
        Values of the required dimensions, one tuple per data ID.
    collections : tuple of str
        Names of RUN, TAGGED and CALIBRATION collections in order; chains are flattened before.
    timespans : sequence of Timespan or None, optional
        Time of each data ID, for calibrations; None where unknown.
    generation : int, optional
        That of the facts which the asker has just seen: what was true then need not be looked up again.
    """

    dataset_type: DatasetType
    rows: Sequence[tuple[object, ...]]
    collections: tuple[str, ...]
    timespans: Sequence[Timespan | None] | None = None
    generation: int | None = None


class Repository(Protocol):
    """Registry and datastore in one unit of work; every method is bulk and says who asks."""

    @property
    def writeable(self) -> bool:
        """Whether `commit` is permitted."""

    @property
    def datastore(self) -> Datastore:
        """The reading and encoding side of the storage."""

    def facts(self, principal: Principal) -> RepositoryFacts:
        """Return universe, dataset types and collections as they are now."""

    @property
    def facts_seen(self) -> RepositoryFacts | None:
        """What `facts` returned last, without a look; None if nobody asked. A `commit` can tell whether they still hold."""

    def resolve(self, principal: Principal, request: FindRequest) -> list[Found | None]:
        """Return the first dataset for each data ID, None where there is none."""

    def execute(self, principal: Principal, query: BoundQuery) -> ResultStream:
        """Return the rows of a bound query as a stream of columns."""

    def associations(self, principal: Principal, dataset_type: DatasetType, collections: Sequence[str]) -> pa.Table:
        """Return the memberships of a dataset type: id, data ID values, collection, validity range."""

    def answer(self, principal: Principal, inquiry: Inquiry) -> pa.Table:
        """Return what an inquiry asks for: history, snapshots, summaries, candidates of a look-up."""

    def as_of(self, change: int) -> Repository:
        """Return this repository as it stood after a change, for reading; it shares what this one has open."""

    def advice(self) -> list[str]:
        """Return what whoever keeps the repository should know of its place."""

    def mirror(self, principal: Principal, target: str, *, dry_run: bool = False) -> MirrorReport:
        """Bring a copy of the books for other programs up to date: a DuckDB file or a folder of Parquet files."""

    def ask_operator(self, principal: Principal, question: OperatorQuestion) -> SqlAnswer:
        """Return rows of an operator's own SQL, statistics, or what a removal would take away."""

    def identify(self, principal: Principal, ids: Sequence[bytes]) -> list[DatasetRef | None]:
        """Return the datasets with these ids, None where there is none."""

    def members(self, principal: Principal, runs: Sequence[str]) -> Sequence[bytes]:
        """Return the ids of all datasets in some runs, ascending."""

    def files_in_place(self, folder: str) -> list[tuple[str, int]]:
        """Return path and size of the files below an absolute folder that stay where their owner keeps them."""

    def folders_in_place(self) -> list[str]:
        """Return some folders that have such files."""

    def locate(self, principal: Principal, ids: Sequence[bytes]) -> list[list[StoredArtifact]]:
        """Return the artifacts of each dataset, an empty list where nothing is stored."""

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
        """Publish staged artifacts and apply all changes at once, as part of an activity; on any error nothing has changed.

        What comes in lots is published and settled lot by lot, and committed in one transaction. With the ``generation`` of
        the facts that the changes were made by, FactsChangedError is raised if there are others by now.
        """

    def check(
        self,
        *,
        deep: bool | DeepCheck = False,
        patrol: Patrol | None = None,
        claims: Callable[[], Mapping[str, str]] | None = None,
    ) -> CheckReport:
        """Compare registry and artifacts, both ways; with ``deep`` also every digest.

        ``patrol`` says how much is gone through, and ``claims`` tells which keys belong to runs that are not finished, with the
        name of the run.
        """

    def close(self) -> None:
        """Give back connections and leases."""
