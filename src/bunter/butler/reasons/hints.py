"""What there is instead of what was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.butler.reasons.near_sky import region_hints
from bunter.butler.reasons.near_values import NearValues
from bunter.values import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.butler.question import Question
    from bunter.butler.reasons.constraints import Constraint, Demands
    from bunter.butler.reasons.trials import Trials
    from bunter.butler.session import Session
    from bunter.query.bound import BoundQuery

__all__ = ["Hints"]


class Hints:
    """Looks for near misses.

    Parameters
    ----------
    session : Session
        The repository.
    demands : Demands
        The constraints of the question.
    trials : Trials
        Asks.
    """

    def __init__(self, session: Session, demands: Demands, trials: Trials) -> None:
        self._session = session
        self._demands = demands
        self._trials = trials

    def of(self, conflict: Sequence[Constraint]) -> Iterator[str]:
        """Yield sentences about each constraint of a conflict, the others given."""
        for each in conflict:
            others = [other for other in self._demands.constraints if other is not each]
            context = others if self._trials.any(others) else [other for other in conflict if other is not each]
            query = self._demands.bound(context)
            if each.kind == "datasets":
                yield from self._elsewhere(each, context)
            elif query is not None:
                near = NearValues(self._session, self._trials, self._demands, query)
                for predicate in self._demands.predicates(each):
                    yield from near.of(predicate)

    def _elsewhere(self, constraint: Constraint, context: Sequence[Constraint]) -> Iterator[str]:
        """Say which other collections have such datasets."""
        search = self._demands.question.searches[constraint.place]
        kind = search.dataset_type
        if not search.collections:
            yield "no collection is searched; give collections, or make one"
            return
        counts = self._by_collection(constraint, context)
        if counts is None:
            return
        if counts:
            others = [f"{number} in {name}" for name, number in counts]
            yield f"there are such {kind.name} elsewhere: {listed(others)}"
            return
        if context and self._by_collection(constraint, ()):
            return
        yield f"{kind.name!r} is registered, but no collection has a dataset of it"

    def _by_collection(self, constraint: Constraint, context: Sequence[Constraint]) -> list[tuple[str, int]] | None:
        from bunter.query.bound import Aggregate, DatasetColumn, OutputColumn, Projection

        query = self._widened(constraint, context)
        if query is None:
            return None
        label = self._demands.question.searches[constraint.place].label
        where = DatasetColumn(label, "collection", "str")
        shown = Projection((("collection", where),), (("datasets", Aggregate("count")),), grouped=True)
        order = ((OutputColumn("datasets", "int"), False), (OutputColumn("collection", "str"), True))
        table = self._trials.table(replace(query, projection=shown, order_by=order, limit=20, temporal_joins=()))
        return None if table is None else [(row["collection"], row["datasets"]) for row in table.to_pylist()]

    def _widened(self, constraint: Constraint, context: Sequence[Constraint]) -> BoundQuery | None:
        """Return the question with this search in all collections, in which every dataset counts."""
        query = self._demands.bound([*context, constraint])
        if query is None:
            return None
        everywhere = self._demands.facts.collections.newest_first()
        label = self._demands.question.searches[constraint.place].label
        searches = (
            replace(search, collections=everywhere, find_first=False) if search.label == label else search
            for search in query.searches
        )
        return replace(query, searches=tuple(searches))

    def of_distance(self) -> Iterator[str]:
        """Say how far apart regions are that must overlap, where it is only for this that there are no rows."""
        from bunter.query.bound import RegionOverlap, all_of, columns_of, conjuncts

        query = self._demands.bound(self._demands.constraints)
        if query is None:
            return
        overlaps = [term for term in query.condition if isinstance(term, RegionOverlap)]
        if not any(len(columns_of(term)) > 1 for term in overlaps):
            return
        rest = [term for term in conjuncts(query.where) if term not in overlaps]
        free = replace(query, where=all_of(rest) if rest else None, spatial_joins=(), order_by=(), limit=1, offset=0)
        rows = self._trials.table(free)
        if rows is not None and rows.num_rows:
            for term in overlaps:
                yield from region_hints(self._trials.table, replace(free, limit=None), term.left, term.right)

    def of_nothing(self, question: Question) -> Iterator[str]:
        """Yield sentences about a question that has no rows even without its constraints."""
        if question.kind == "datasets" or question.searches:
            empty = dict.fromkeys(search.dataset_type.name for search in question.searches)
            yield f"no collection has a dataset of {' and '.join(map(repr, empty))}; the type is registered, nothing was put"
        elif question.kind == "records":
            yield f"nothing of {getattr(question.result, 'name', '')} is registered"
        else:
            yield f"not all of the dimensions {question.result!r} have records"
