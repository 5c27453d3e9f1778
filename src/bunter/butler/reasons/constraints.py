"""What a question demands, one by one, and the questions that demand less."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bunter.butler.question import Question, bind
from bunter.errors import DataIdError, InvalidQueryError
from bunter.values import counted, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.search import Searched
    from bunter.query.bound import BoundQuery, Predicate
    from bunter.query.tree import Node

__all__ = ["Constraint", "Demands"]

Kind: TypeAlias = Literal["datasets", "absent", "table", "data_id", "condition", "first", "times"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """One thing that a question demands.

    Parameters
    ----------
    kind : str
        "datasets" (there is one in the collections searched), "absent" (there is none), "table" (data IDs that were given),
        "data_id", "condition", "first" (only the first dataset of each data ID counts) or "times" (validity ranges and
        timespans that go together).
    text : str
        As the user wrote it, or in words.
    key : str
        Name in the data ID.
    place : int
        Number of the condition, or of the search.
    """

    kind: Kind
    text: str
    key: str = ""
    place: int = 0


class Demands:
    """The constraints of one question.

    Parameters
    ----------
    question : Question
        The question.
    facts : RepositoryFacts
        Dimensions, types and collections.
    defaults : mapping
        Data-ID values that are used where none are given.
    """

    def __init__(self, question: Question, facts: RepositoryFacts, defaults: Mapping[str, object]) -> None:
        from bunter.query import tree, tree_of

        node, _ = tree_of(question.where)
        self._terms: tuple[Node, ...] = () if node is None else node.terms if isinstance(node, tree.And) else (node,)
        plain: dict[str, Any] = {"selection": None, "keyed": False, "after": None, "with_records": False}
        self.question = replace(question, limit=None, offset=0, order_by=(), **plain)
        self.facts = facts
        self._defaults = defaults
        self.constraints = tuple(self._constraints())

    def _constraints(self) -> list[Constraint]:
        from bunter.query import unparse

        found = [
            self._of_search(search, place)
            for place, search in enumerate(self.question.searches)
            if search.join != "left"
        ]
        whole = self.bound(None)
        if self.question.table is not None:
            number = len(next(iter(self.question.table.values()), ()))
            found.append(Constraint("table", counted(number, "data ID") + " given"))
        found += [
            Constraint("data_id", f"{key}={value!r}", key)
            for key, value in self.question.data_id.items()
            if value is not None
        ]
        found += [Constraint("condition", unparse(term), place=place) for place, term in enumerate(self._terms)]
        if whole is not None and whole.temporal_joins:
            from bunter.query import describe

            found.append(Constraint("times", " AND ".join(describe(join) for join in whole.temporal_joins)))
        if whole is not None and self._first_matters(whole):
            found.append(Constraint("first", "only the first dataset of each data ID (find_first)"))
        return found

    def _of_search(self, search: Searched, place: int) -> Constraint:
        where = listed(search.collections) or "no collection"
        if set(search.collections) >= set(self.facts.collections.newest_first()):
            where = "any collection"
        text = f"{search.dataset_type.name} in {where}"
        if search.join == "anti":
            return Constraint("absent", f"no {text}", place=place)
        return Constraint("datasets", text, place=place)

    def _first_matters(self, whole: BoundQuery) -> bool:
        from bunter.query import bound

        reads = any(isinstance(column, bound.DatasetColumn) for column in bound.columns_of(whole.where))
        return reads and any(
            s.find_first and len(s.collections) > 1 for s in self.question.searches if s.join == "inner"
        )

    def bound(self, active: Collection[Constraint] | None) -> BoundQuery | None:
        """Return the question with some of the constraints only (all for None); None if it makes no sense.

        Of the datasets that rows are, or are joined with one by one, there must be some anyway: without their
        constraint they are looked for in all collections.
        """
        question = self.question if active is None else self._eased(active)
        try:
            query = bind(self.facts, question, self._defaults)
        except (InvalidQueryError, DataIdError):
            if active is None:
                raise
            return None
        if active is not None and not any(each.kind == "times" for each in active):
            query = replace(query, temporal_joins=())
        return query

    def _eased(self, active: Collection[Constraint]) -> Question:
        from bunter.query import tree

        places = {each.place for each in active if each.kind == "condition"}
        keys = {each.key for each in active if each.kind == "data_id"}
        searched = {each.place for each in active if each.kind in {"datasets", "absent"}}
        first = any(each.kind == "first" for each in active) or not any(c.kind == "first" for c in self.constraints)
        terms = [term for place, term in enumerate(self._terms) if place in places]
        searches = tuple(self._searches(searched, first=first))
        return replace(
            self.question,
            where=tree.conjunction(terms) if terms else None,
            data_id={key: value for key, value in self.question.data_id.items() if key in keys},
            searches=searches,
            table=self.question.table if any(each.kind == "table" for each in active) else None,
        )

    def _searches(self, active: Collection[int], *, first: bool) -> Iterator[Searched]:
        kept = self.question.kind in {"datasets", "joined"}
        everywhere = self.facts.collections.newest_first()
        for place, search in enumerate(self.question.searches):
            if search.join == "left":
                yield search
            elif place in active:
                yield replace(search, find_first=search.find_first and first)
            elif kept and search.join == "inner":
                yield replace(search, collections=everywhere, find_first=search.find_first and first)

    def predicates(self, constraint: Constraint) -> list[Predicate]:
        """Return what one constraint adds to the condition."""
        from bunter.query import bound

        if constraint.kind == "times":
            whole = self.bound(None)
            return [] if whole is None else list(whole.temporal_joins)
        rest = [each for each in self.constraints if each is not constraint]
        for more, less in ((self.constraints, rest), ((constraint,), ())):
            with_it, without = self.bound(more), self.bound(less)
            if with_it is not None and without is not None:
                others = bound.conjuncts(without.where)
                return [term for term in bound.conjuncts(with_it.where) if term not in others]
        return []
