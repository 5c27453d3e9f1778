"""What was removed from collections on purpose, so that the other site does not bring it back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.dataset.inquiries import WithdrawnCollections, WithdrawnMembers

if TYPE_CHECKING:
    from bunter.butler.session import Session
    from bunter.butler.transfers.parcel import Membership

__all__ = ["Absences"]

_Span = tuple[int, int] | None


class Absences:
    """Remembers what is left out, and why.

    Parameters
    ----------
    session : Session
        The repository that things come to.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        table = session.repository.answer(session.principal, WithdrawnCollections())
        rows = list(zip(table["name"].to_pylist(), table["child"].to_pylist(), strict=True))
        self._names = {name for name, child in rows if child is None}
        self._links = {(name, child) for name, child in rows if child is not None}
        self._members: dict[tuple[str, str], set[tuple[bytes, _Span]]] = {}
        self._said: dict[str, None] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def said(self) -> tuple[str, ...]:
        """What was left out, a sentence each."""
        members = (f"{count} {kind!r} in {name!r}" for (name, kind), count in sorted(self._counts.items()))
        return (*self._said, *members)

    def collection(self, name: str) -> bool:
        """Say whether there was a collection of a name here, and none is now."""
        gone = name in self._names and name not in self._session.facts.collections
        if gone:
            self._said[f"the collection {name!r}"] = None
        return gone

    def link(self, chain: str, child: str) -> bool:
        """Say whether a chain here had a member, and has not now."""
        gone = (chain, child) in self._links
        if gone:
            self._said[f"{child!r} in the chain {chain!r}"] = None
        return gone

    def without(self, each: Membership) -> Membership:
        """Leave out of a membership what was taken out here."""
        facts = self._session.facts
        if each.collection not in facts.collections:
            kept = [] if self.collection(each.collection) else list(each.ids)
        elif each.dataset_type not in facts.dataset_types:
            return each
        else:
            span = None if each.timespan is None else each.timespan.bounds
            gone = self._withdrawn(each.collection, each.dataset_type)
            kept = [id_ for id_ in each.ids if (id_, span) not in gone]
        if len(kept) < len(each.ids):
            self._counts[each.collection, each.dataset_type] += len(each.ids) - len(kept)
        return replace(each, ids=kept)

    def _withdrawn(self, collection: str, dataset_type: str) -> set[tuple[bytes, _Span]]:
        place = collection, dataset_type
        if place not in self._members:
            table = self._session.repository.answer(self._session.principal, WithdrawnMembers(dataset_type, collection))
            columns = (table[name].to_pylist() for name in ("id", "timespan_begin", "timespan_end"))
            rows = zip(*columns, strict=True)
            self._members[place] = {(id_, None if begin is None else (begin, end)) for id_, begin, end in rows}
        return self._members[place]
