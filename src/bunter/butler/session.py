"""What the services of a butler share: a repository, who asks, defaults, and the unit of work of each thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter.butler.current_activities import CurrentActivities
from bunter.butler.question import BoundQuestions
from bunter.butler.staged_lots import StagedLots
from bunter.errors import ReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from bunter.butler.question import Question
    from bunter.butler.repository import Repository, RepositoryFacts
    from bunter.dataset import DatasetRef, StoredArtifact
    from bunter.dataset.changes import Change
    from bunter.datastore import Staged
    from bunter.registry import ResultStream
    from bunter.values import Principal

__all__ = ["Defaults", "Pending", "Session", "UnitOfWork"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a call means where it does not say: collections to read, run to write, data-ID values."""

    collections: tuple[str, ...] = ()
    run: str | None = None
    data_id: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """A dataset that was put in an open unit of work, and where its bytes wait, in one artifact or one per component."""

    ref: DatasetRef
    stored: tuple[StoredArtifact, ...]
    staged: tuple[Staged, ...]


@dataclass(slots=True)
class UnitOfWork:
    """Changes and staged artifacts that are published together when the unit ends."""

    changes: list[Change] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    lots: StagedLots = field(default_factory=StagedLots)
    pending: dict[UUID, Pending] = field(default_factory=dict)
    _refs: dict[tuple[str, str, tuple[object, ...]], DatasetRef] = field(default_factory=dict)

    def take(self, staged: Sequence[Staged] | StagedLots) -> None:
        """Take artifacts in."""
        if isinstance(staged, StagedLots):
            self.lots += staged
        else:
            self.staged += staged

    @property
    def everything(self) -> StagedLots:
        """All artifacts of the unit."""
        return StagedLots.of(self.staged) + self.lots

    def expect(self, items: Iterable[Pending]) -> None:
        """Remember datasets that were put, so that the rest of the unit sees them."""
        for item in items:
            ref = item.ref
            self.pending[ref.id] = item
            self._refs[ref.dataset_type.name, ref.run, ref.data_id.required_values] = ref

    def find(self, dataset_type: str, run: str, values: tuple[object, ...]) -> DatasetRef | None:
        """Return the dataset put in this unit for a type, run and required values; None if there is none."""
        return self._refs.get((dataset_type, run, values))


class _OfThread(threading.local):
    """The unit of work of each thread."""

    unit: UnitOfWork | None = None


class Session:
    """One user's access to one repository.

    Parameters
    ----------
    repository : Repository
        Where datasets are.
    principal : Principal
        Who asks.
    defaults : Defaults
        What a call means where it does not say.

    Attributes
    ----------
    activities : CurrentActivities
        What is being done.
    """

    def __init__(self, repository: Repository, principal: Principal, defaults: Defaults) -> None:
        self.repository = repository
        self.principal = principal
        self.defaults = defaults
        self._bound: BoundQuestions | None = None
        self.activities = CurrentActivities(principal)
        self._local = _OfThread()

    @property
    def facts(self) -> RepositoryFacts:
        """The slow-moving facts of the repository, as they are now."""
        return self.repository.facts(self.principal)

    def ask(
        self, question: Question, defaults: Mapping[str, object], facts: RepositoryFacts | None = None
    ) -> ResultStream:
        """Bind a question to the repository and return its rows; nothing runs before somebody looks."""
        facts = facts or self.facts
        bound = self._bound
        if bound is None or bound.facts is not facts:
            bound = self._bound = BoundQuestions(facts)
        return self.repository.execute(self.principal, bound.bind(question, defaults))

    @property
    def facts_seen(self) -> RepositoryFacts | None:
        """The facts as they were seen last; None if they are not known, or if a unit of work is open."""
        return None if self._local.unit is not None else self.repository.facts_seen

    @property
    def unit(self) -> UnitOfWork | None:
        """The open unit of work of this thread, if any."""
        return self._local.unit

    def is_pending(self, ref: DatasetRef) -> bool:
        """Say whether a dataset was put in the open unit of work and is not published yet."""
        return self.unit is not None and ref.id in self.unit.pending

    def commit(
        self,
        changes: Sequence[Change],
        staged: Sequence[Staged] | StagedLots = (),
        *,
        generation: int | None = None,
    ) -> None:
        """Apply changes now, or with the open unit of work when that ends; ``generation`` as for `Repository.commit`."""
        if not self.repository.writeable:
            if (as_of := self.facts.as_of) is not None:
                raise ReadOnlyError(
                    f"{self.facts.location} is shown as of change {as_of}, which cannot be changed; open it without as_of to write"
                )
            raise ReadOnlyError(
                f"{self.facts.location} is open for reading, as that was asked for or nobody here has permission to write it; "
                "check that, or open it with Butler(..., writeable=True)"
            )
        if (unit := self.unit) is not None:
            unit.changes += changes
            unit.take(staged)
        else:
            activity = self.activities.current()
            self.repository.commit(self.principal, changes, staged, activity=activity, generation=generation)

    @contextmanager
    def transaction(self) -> Iterator[UnitOfWork]:
        """Collect changes of this thread and publish them at once; discard them if an exception leaves the block."""
        if (outer := self.unit) is not None:
            yield outer
            return
        unit = self._local.unit = UnitOfWork()
        try:
            yield unit
        except BaseException:
            for staged in unit.everything:
                self.repository.datastore.discard(staged)
            raise
        finally:
            self._local.unit = None
        if unit.changes:
            self.repository.commit(self.principal, unit.changes, unit.everything, activity=self.activities.current())
