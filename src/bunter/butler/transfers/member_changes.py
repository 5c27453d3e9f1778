"""Memberships of a parcel beside those of the repository that it comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.butler.transfers.report import Conflict
from bunter.dataset.changes import Associate, Certify
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bunter.butler.session import Session
    from bunter.butler.transfers.absences import Absences
    from bunter.butler.transfers.parcel import Membership, Parcel
    from bunter.dataset import DatasetType
    from bunter.dataset.changes import Change

__all__ = ["MemberChanges"]

Key = tuple[Any, ...]


class MemberChanges:
    """Finds which memberships are new, and which contradict what is there.

    Parameters
    ----------
    session : Session
        The repository that they come to.
    parcel : Parcel
        What comes.
    types : mapping of str to DatasetType
        Types of this repository.
    left : collection of bytes
        Ids of datasets that stay behind.
    absences : Absences, optional
        What was removed here and is to stay so.
    """

    def __init__(
        self,
        session: Session,
        parcel: Parcel,
        types: Mapping[str, DatasetType],
        *,
        left: Collection[bytes] = (),
        absences: Absences | None = None,
    ) -> None:
        self._left = left
        self._absences = absences
        self._session = session
        self._parcel = parcel
        self._types = types
        self._pieces: dict[tuple[str, Timespan], list[bytes]] = {}
        self._known: dict[tuple[str, str], dict[Key, list[tuple[bytes, Timespan | None]]]] = {}

    def find(self) -> tuple[list[Change], int, list[Conflict]]:
        """Return the changes, how many memberships they add, and what contradicts."""
        changes: list[Change] = []
        conflicts: list[Conflict] = []
        number = 0
        self._pieces.clear()
        for given in self._parcel.memberships():
            each = replace(given, ids=[id_ for id_ in given.ids if id_ not in self._left]) if self._left else given
            if self._absences is not None:
                each = self._absences.without(each)
            new = self._new(each, conflicts)
            number += len(new)
            if new and each.timespan is None:
                changes.append(Associate(each.collection, new))
            elif new and each.timespan is not None:
                changes.append(Certify(each.collection, new, each.timespan))
        for (collection, span), ids in self._pieces.items():
            number += len(ids)
            changes.append(Certify(collection, ids, span))
        return changes, number, conflicts

    def _new(self, each: Membership, conflicts: list[Conflict]) -> list[bytes]:
        facts = self._session.facts
        if each.collection not in facts.collections or each.dataset_type not in facts.dataset_types:
            return list(each.ids)
        there = self._there(each.collection, each.dataset_type)
        by_id = {id_: spans for spans in there.values() for id_, _ in spans}
        keys = self._keys(each, list(each.ids)) if there else {}
        new = []
        for id_ in each.ids:
            held = there.get(keys.get(id_, ()), by_id.get(id_, [])) if there else []
            if (id_, each.timespan) in held:
                continue
            if (pieces := _lacking(id_, each.timespan, held)) is not None:
                for piece in pieces:
                    self._pieces.setdefault((each.collection, piece), []).append(id_)
            elif any(each.timespan is None or span is None or each.timespan.overlaps(span) for _, span in held):
                word = "tag" if each.timespan is None else "calibration"
                other = UUID(bytes=held[0][0])
                conflicts.append(
                    Conflict(
                        word,
                        f"{each.collection!r} has {other} where {UUID(bytes=id_)} ({each.dataset_type!r}) would come"
                        + ("" if each.timespan is None else f" for {each.timespan}"),
                    )
                )
            else:
                new.append(id_)
        return new

    def _there(self, collection: str, dataset_type: str) -> dict[Key, list[tuple[bytes, Timespan | None]]]:
        place = collection, dataset_type
        if place not in self._known:
            kind = self._types[dataset_type]
            table = self._session.repository.associations(self._session.principal, kind, [collection])
            found: dict[Key, list[tuple[bytes, Timespan | None]]] = {}
            names = ("id", "timespan_begin", "timespan_end", *kind.dimensions.required)
            for id_, begin, end, *key in zip(*(table.column(name).to_pylist() for name in names), strict=True):
                span = None if begin is None else Timespan.from_bounds(begin, end)
                found.setdefault(tuple(key), []).append((id_, span))
            self._known[place] = found
        return self._known[place]

    def _keys(self, each: Membership, ids: list[bytes]) -> dict[bytes, Key]:
        """Find the data IDs of members: those that are here already; of the others those in the parcel."""
        refs = self._session.repository.identify(self._session.principal, ids)
        found = {id_: ref.data_id.required_values for id_, ref in zip(ids, refs, strict=True) if ref is not None}
        wanted = set(ids) - found.keys()
        if wanted:
            for batch in self._parcel.batches():
                for columns in batch.columns:
                    if columns.dataset_type.name == each.dataset_type:
                        rows = zip(columns.ids, columns.required_rows(), strict=True)
                        found |= {id_: row for id_, row in rows if id_ in wanted}
        return found


def _lacking(id_: bytes, timespan: Timespan | None, held: list[tuple[bytes, Timespan | None]]) -> list[Timespan] | None:
    """Return the times that a dataset is not valid for yet, if nothing but itself is valid in the time; one side has cut it."""
    if timespan is None:
        return None
    met = [(other, span) for other, span in held if span is not None and span.overlaps(timespan)]
    if not met or any(other != id_ for other, _ in met):
        return None
    pieces = [timespan]
    for _, span in met:
        pieces = [rest for piece in pieces for rest in piece.difference(span)]
    return pieces
