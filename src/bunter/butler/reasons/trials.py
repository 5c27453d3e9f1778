"""Questions with fewer constraints, tried out: counted up to a limit, within a number of trials and a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from bunter import effects
from bunter.butler.reasons.explanation import Step
from bunter.dataset import DatasetType
from bunter.errors import DatabaseBusyError
from bunter.query.bound import DatasetColumn, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import pyarrow as pa

    from bunter.butler.reasons.constraints import Constraint, Demands
    from bunter.butler.session import Session
    from bunter.query.bound import BoundQuery, Predicate, Value
    from bunter.registry import ResultStream

__all__ = ["MOST_ROWS", "Trials", "found_anywhere", "reads_dataset"]

_Answer = TypeVar("_Answer")

MOST_ROWS = 10_000
_MOST_TRIALS = 80
_LONGEST_S = 5.0


class Trials:
    """Counts the rows of less demanding questions.

    Parameters
    ----------
    session : Session
        Where to ask.
    demands : Demands
        The constraints of the question.

    Attributes
    ----------
    exhausted : bool
        Whether some trial was not made, because there had been enough of them.
    """

    def __init__(self, session: Session, demands: Demands) -> None:
        self._session = session
        self._demands = demands
        self._known: dict[frozenset[Constraint], int | None] = {}
        self._left = _MOST_TRIALS
        self._until = effects.monotonic() + _LONGEST_S
        self.exhausted = False

    def count(self, active: Iterable[Constraint]) -> int | None:
        """Return the number of rows with these constraints, at most one more than `MOST_ROWS`; None if it is not known."""
        chosen = frozenset(active)
        if chosen not in self._known:
            self._known[chosen] = 0 if self._is_hopeless(chosen) else self._counted(chosen)
        return self._known[chosen]

    def _is_hopeless(self, chosen: frozenset[Constraint]) -> bool:
        """Whether some of these constraints are known to leave nothing; more of them leave no more."""
        return any(number == 0 and fewer <= chosen for fewer, number in self._known.items())

    def _counted(self, active: Collection[Constraint]) -> int | None:
        query = self._demands.bound(active)
        if query is None or not self._may_go_on():
            return None
        if self._is_vain(query):
            return 0
        return self._asked(_plain(query, MOST_ROWS + 1), lambda stream: stream.count())

    def any(self, active: Iterable[Constraint]) -> bool | None:
        """Say whether there is any row with these constraints; None if it is not known."""
        chosen = frozenset(active)
        if chosen in self._known:
            number = self._known[chosen]
            return None if number is None else number > 0
        if self._is_hopeless(chosen):
            return False
        query = self._demands.bound(chosen)
        if query is None or not self._may_go_on():
            return None
        found = not self._is_vain(query) and self._asked(_plain(query, None), lambda stream: stream.any())
        if found is False:
            self._known[chosen] = 0
        return found

    def _is_vain(self, query: BoundQuery) -> bool:
        """Whether there is nothing even among all datasets, which is quicker to see than that there is none among the first."""
        wide = found_anywhere(query)
        return wide != query and self._asked(_plain(wide, None), lambda stream: stream.any()) is False

    def table(self, query: BoundQuery) -> pa.Table | None:
        """Return the rows of a question about what is near; None when there have been enough questions."""
        import pyarrow as pa

        if not self._may_go_on():
            return None
        return self._asked(query, lambda stream: pa.Table.from_batches(list(stream.batches()), schema=stream.schema))

    def _asked(self, query: BoundQuery, of: Callable[[ResultStream], _Answer]) -> _Answer | None:
        """Return what is asked of the rows of a query; None if that takes longer than the time that is left."""
        stream = self._session.repository.execute(self._session.principal, query)
        stream.time_limit_s = max(0.01, self._until - effects.monotonic())
        try:
            return of(stream)
        except DatabaseBusyError:
            self.exhausted = True
            return None

    def step(self, constraint: Constraint, active: Iterable[Constraint]) -> Step:
        """Return the count with these constraints as a step of an explanation."""
        number = self.count(active)
        capped = number is not None and number > MOST_ROWS
        return Step(constraint.text, MOST_ROWS if capped else number, is_least=capped)

    def _may_go_on(self) -> bool:
        self._left -= 1
        if self._left < 0 or effects.monotonic() > self._until:
            self.exhausted = True
        return not self.exhausted


def found_anywhere(query: BoundQuery) -> BoundQuery:
    """Return the question about all datasets in place of the first of each data ID; it has the rows of the other, and more."""
    return replace(query, searches=tuple(replace(one, find_first=False) for one in query.searches))


def reads_dataset(*nodes: Predicate | Value) -> bool:
    """Whether a condition or value is about a dataset itself, or its header, and not only its data ID."""
    return any(isinstance(part, DatasetColumn) for node in nodes for part in walk(node))


def _plain(query: BoundQuery, limit: int | None) -> BoundQuery:
    """Return a question with as many rows, that need be neither sorted nor all looked at.

    The first dataset of each data ID need not be found where nothing is asked of it: the data IDs that have one are as many.
    """
    query = replace(query, order_by=(), limit=limit, offset=0)
    if not isinstance(query.result, DatasetType) or len(query.searches) != 1 or query.temporal_joins:
        return query
    (search,) = query.searches
    if not search.find_first or reads_dataset(*query.condition) or len(search.collections) == 1:
        return query
    group = query.result.dimensions
    return replace(query, kind="data_ids", result=group, searches=(replace(search, find_first=False),))
