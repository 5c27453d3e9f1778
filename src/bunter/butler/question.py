"""Questions as values, and the one way to have them answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from bunter.errors import MissingDatasetTypeError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.session import Session
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bind import Where
    from bunter.registry import ResultStream

__all__ = ["Answers", "QueryKind", "Question", "ask", "dataset_type_of"]

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
    searches : tuple of (DatasetType, tuple of str, bool)
        Dataset types joined, with the flat collections to look in and whether the first one counts.
    where : str or expression
        Condition, as text or built from `bunter.query.x`.
    binds, data_id : mapping
        Values for names in ``where``; data-ID values that every row has.
    order_by : tuple of str
        Names to sort by; a leading ``-`` turns the order round.
    limit : int, optional
        At most this many rows.
    offset : int
        Rows left out first.
    """

    kind: QueryKind
    result: DimensionGroup | Element | DatasetType
    searches: tuple[tuple[DatasetType, tuple[str, ...], bool], ...] = ()
    where: Where = ""
    binds: Mapping[str, object] = field(default_factory=dict)
    data_id: Mapping[str, object] = field(default_factory=dict)
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0


class Answers(Protocol):
    """What results need of those who answer."""

    def stream(self, question: Question) -> ResultStream:
        """Return the rows of a question."""

    def explain(self, question: Question) -> str:
        """Say why a question has the rows it has."""


def ask(session: Session, question: Question, defaults: Mapping[str, object]) -> ResultStream:
    """Bind a question to the repository and return its rows; nothing runs before somebody looks."""
    from bunter.dataset import DatasetSearch
    from bunter.query import bind_query

    facts = session.facts
    query = bind_query(
        universe=facts.universe,
        kind=question.kind,
        result=question.result,
        where=question.where,
        binds=question.binds,
        data_id=question.data_id,
        defaults=defaults,
        searches=tuple(DatasetSearch(kind.name, names, first) for kind, names, first in question.searches),
        dataset_types=facts.dataset_types,
        order_by=question.order_by,
        limit=question.limit,
        offset=question.offset,
    )
    return session.repository.execute(session.principal, query)


def dataset_type_of(facts: RepositoryFacts, name: str) -> DatasetType:
    """Return a registered dataset type by name; an unknown one is answered with the nearest."""
    if not isinstance(name, str):
        raise MissingDatasetTypeError(f"a dataset type is asked for by its name, not by a {type(name).__name__}")
    try:
        return facts.dataset_types[name]
    except KeyError:
        raise MissingDatasetTypeError(
            f"no dataset type {name!r}{near(name, facts.dataset_types)}; `bunter query-dataset-types REPO` lists all"
        ) from None
