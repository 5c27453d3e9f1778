"""Questions with fewer constraints, tried out: counted up to a limit, within a number of trials and a time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.butler.reasons.explanation import Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import pyarrow as pa

    from bunter.butler.reasons.constraints import Constraint, Demands
    from bunter.butler.session import Session
    from bunter.query.bound import BoundQuery

__all__ = ["MOST_ROWS", "Trials"]

MOST_ROWS = 100_000
_MOST_TRIALS = 80
_LONGEST_S = 20.0


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
        self._until = time.monotonic() + _LONGEST_S
        self.exhausted = False

    def count(self, active: Iterable[Constraint]) -> int | None:
        """Return the number of rows with these constraints, at most one more than `MOST_ROWS`; None if it is not known."""
        chosen = frozenset(active)
        if chosen not in self._known:
            self._known[chosen] = self._counted(chosen)
        return self._known[chosen]

    def _counted(self, active: Collection[Constraint]) -> int | None:
        query = self._demands.bound(active)
        if query is None or not self._may_go_on():
            return None
        return self._session.repository.execute(self._session.principal, _plain(query, MOST_ROWS + 1)).count()

    def any(self, active: Iterable[Constraint]) -> bool | None:
        """Say whether there is any row with these constraints; None if it is not known."""
        chosen = frozenset(active)
        if chosen in self._known:
            number = self._known[chosen]
            return None if number is None else number > 0
        query = self._demands.bound(chosen)
        if query is None or not self._may_go_on():
            return None
        return self._session.repository.execute(self._session.principal, _plain(query, None)).any()

    def table(self, query: BoundQuery) -> pa.Table | None:
        """Return the rows of a question about what is near; None when there have been enough questions."""
        import pyarrow as pa

        if not self._may_go_on():
            return None
        stream = self._session.repository.execute(self._session.principal, query)
        return pa.Table.from_batches(list(stream.batches()), schema=stream.schema)

    def step(self, constraint: Constraint, active: Iterable[Constraint]) -> Step:
        """Return the count with these constraints as a step of an explanation."""
        number = self.count(active)
        capped = number is not None and number > MOST_ROWS
        return Step(constraint.text, MOST_ROWS if capped else number, is_least=capped)

    def _may_go_on(self) -> bool:
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._until:
            self.exhausted = True
        return not self.exhausted


def _plain(query: BoundQuery, limit: int | None) -> BoundQuery:
    return replace(query, order_by=(), limit=limit, offset=0)
