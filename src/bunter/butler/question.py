"""Questions as values, and what they are bound to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bunter.errors import MissingDatasetTypeError, near

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.search import Searched
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bind import Where
    from bunter.query.bound import BoundQuery
    from bunter.query.expression import OrderBy
    from bunter.query.summaries import Selection

__all__ = ["BoundQuestions", "QueryKind", "Question", "bind", "dataset_type_of"]

_MOST = 256

QueryKind: TypeAlias = Literal["data_ids", "datasets", "records", "joined"]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, before names are resolved.

    Parameters
    ----------
    kind : str
        "data_ids", "datasets", "records" or "joined".
    result : DimensionGroup, Element or DatasetType
        What a row is.
    searches : tuple of Searched
        Dataset types joined, and where they are looked for.
    where : str or expression
        Condition, as text or built from `bunter.query.x`.
    binds, data_id : mapping
        Values for names in ``where``; data-ID values that every row has.
    order_by : tuple of str, Order or Term
        What to sort by; a leading ``-`` turns the order round.
    limit : int, optional
        At most this many rows.
    offset : int
        Rows left out first.
    with_records : bool
        Whether rows carry the dimension records.
    selection : Selection, optional
        What to show of the rows.
    table : mapping, optional
        Columns of data IDs that rows must match.
    beside : mapping, optional
        Other columns of the same table, which the result shows as well.
    more : DimensionGroup, optional
        Further dimensions to join.
    keyed : bool
        Whether rows carry the values that they are sorted by.
    after : sequence of object, optional
        Such values of a row behind which the wanted ones begin.
    """

    kind: QueryKind
    result: DimensionGroup | Element | DatasetType
    searches: tuple[Searched, ...] = ()
    where: Where = ""
    binds: Mapping[str, object] = field(default_factory=dict)
    data_id: Mapping[str, object] = field(default_factory=dict)
    order_by: tuple[OrderBy, ...] = ()
    limit: int | None = None
    offset: int = 0
    with_records: bool = False
    selection: Selection | None = None
    table: Mapping[str, Sequence[object]] | None = field(default=None, hash=False)
    beside: Mapping[str, Any] | None = field(default=None, hash=False, compare=False)
    more: DimensionGroup | None = None
    keyed: bool = False
    after: Sequence[object] | None = None


def bind(facts: RepositoryFacts, question: Question, defaults: Mapping[str, object]) -> BoundQuery:
    """Resolve, check and complete a question; see `bunter.query.bind_query` for what is raised."""
    from bunter.query import bind_query

    return bind_query(
        universe=facts.universe,
        kind=question.kind,
        result=question.result,
        where=question.where,
        binds=question.binds,
        data_id=question.data_id,
        defaults=defaults,
        searches=tuple(search.plain for search in question.searches),
        dataset_types=facts.dataset_types,
        order_by=question.order_by,
        limit=question.limit,
        offset=question.offset,
        with_records=question.with_records,
        data_id_table=question.table,
        selection=question.selection,
        more=question.more,
        keyed=question.keyed,
        after=question.after,
    )


class BoundQuestions:
    """Questions that have been bound, to be asked again for other data IDs.

    Parameters
    ----------
    facts : RepositoryFacts
        What they were bound to; with other facts they mean something else.
    """

    def __init__(self, facts: RepositoryFacts) -> None:
        self.facts = facts
        self._known: dict[Hashable, BoundQuery] = {}

    def bind(self, question: Question, defaults: Mapping[str, object]) -> BoundQuery:
        """Return the bound question; those of plain data-ID values and no other condition are bound once."""
        values = (*question.data_id.values(), *defaults.values())
        if not _is_simple(question) or not all(map(_is_plain, values)):
            return bind(self.facts, question, defaults)
        shape = _shape(question, defaults)
        known = self._known.get(shape)
        if known is not None:
            return _with_values(known, tuple(question.data_id.values()))
        query = bind(self.facts, question, defaults)
        if _says(query, tuple(question.data_id.values())):
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[shape] = query
        return query


def _is_simple(question: Question) -> bool:
    """Whether a question has a data ID and no other condition, order or columns."""
    more = (
        question.where,
        question.order_by,
        question.selection,
        question.table is not None,
        question.more,
        question.keyed,
    )
    return isinstance(question.where, str | None) and not any(more)


def _is_plain(value: object) -> bool:
    return type(value) is str or (type(value) is int and -(2**63) <= value < 2**63)


def _shape(question: Question, defaults: Mapping[str, object]) -> Hashable:
    given = tuple((name, type(value)) for name, value in question.data_id.items())
    what = (question.kind, question.result, question.searches, question.limit, type(question.limit), question.offset)
    return (*what, type(question.offset), question.with_records, given, tuple(defaults.items()))


def _says(query: BoundQuery, values: tuple[object, ...]) -> bool:
    """Whether the first conditions of a query are that a column equals each of the values, one by one."""
    from bunter.query import bound

    terms = bound.conjuncts(query.where)
    return len(terms) >= len(values) and all(
        isinstance(term, bound.Comparison)
        and term.op == "="
        and isinstance(term.left, bound.KeyColumn)
        and type(term.right) is bound.Constant
        and type(term.right.value) is type(value)
        and term.right.value == value
        for term, value in zip(terms, values, strict=False)
    )


def _with_values(query: BoundQuery, values: tuple[object, ...]) -> BoundQuery:
    from bunter.query import bound

    terms: list[Any] = bound.conjuncts(query.where)
    for place, value in enumerate(values):
        term = terms[place]
        terms[place] = bound.Comparison("=", term.left, bound.Constant(value, term.right.kind))
    return replace(query, where=bound.all_of(terms) if terms else None)


def dataset_type_of(facts: RepositoryFacts, name: str) -> DatasetType:
    """Return a registered dataset type by name; an unknown one is answered with the nearest."""
    if not isinstance(name, str):
        raise MissingDatasetTypeError(f"a dataset type is asked for by its name, not by a {type(name).__name__}")
    try:
        return facts.dataset_types[name]
    except KeyError:
        raise MissingDatasetTypeError(
            f"no dataset type {name!r}{near(name, [*facts.dataset_types, *facts.dataset_types.aliases])}; `bunter query-dataset-types REPO` lists all"
        ) from None
