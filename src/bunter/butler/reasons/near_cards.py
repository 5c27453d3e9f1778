"""Header cards and keys of metadata that no dataset has, and those with names like theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset.annotations import CardNames
from bunter.errors import near
from bunter.query import bound
from bunter.query.describe import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.butler.session import Session
    from bunter.dataset.annotations import Annotation
    from bunter.query.bound import BoundQuery, HeaderColumn, Predicate

__all__ = ["unknown_cards"]

_FEW = 12


def unknown_cards(session: Session, query: BoundQuery, predicate: Predicate) -> Iterator[str]:
    """Yield a sentence for each card or key in a condition that no dataset looked at has."""
    types = {search.label: search.dataset_type for search in query.searches}
    for column in bound.columns_of(predicate):
        if isinstance(column, bound.HeaderColumn) and column.dataset_type in types:
            yield from _unknown(session, types[column.dataset_type], column)


def _unknown(session: Session, dataset_type: str, column: HeaderColumn) -> Iterator[str]:
    source: Annotation = "header" if column.field == "header" else "metadata"
    found = session.repository.answer(session.principal, CardNames(dataset_type, source))
    names = found.column("name").to_pylist()
    wanted = ".".join(column.path)
    what = "a stored header" if source == "header" else "metadata"
    if not names:
        how = (
            "they are kept by ingest-raws, and by put and ingest with header=True"
            if source == "header"
            else "butler.set_metadata gives some"
        )
        yield f"no {dataset_type} has {what}; {how}"
    elif wanted not in names:
        told = near(wanted, names) or f"; there {'is' if len(names) == 1 else 'are'} {', '.join(names[:_FEW])}"
        yield f"no {dataset_type} has {describe(column)}{told}"
