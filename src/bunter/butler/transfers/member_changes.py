"""Memberships of a parcel beside those of the repository that it comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bunter.butler.transfers.report import Conflict
from bunter.dataset.changes import Associate, Certify
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import pyarrow as pa

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
        self._place: tuple[str, str] | None = None
        self._table: pa.Table | None = None
        self._known: dict[Key, list[tuple[bytes, Timespan | None]]] | None = None

    def walk(self, conflicts: list[Conflict]) -> Iterator[tuple[Change, int]]:
        """Yield the changes, each with how many memberships it adds; what contradicts is added to ``conflicts``."""
        self._pieces.clear()
        for given in self._parcel.memberships():
            each = replace(given, ids=[id_ for id_ in given.ids if id_ not in self._left]) if self._left else given
            if self._absences is not None:
                each = self._absences.without(each)
            new = self._new(each, conflicts)
            if new and each.timespan is None:
                yield Associate(each.collection, new), len(new)
            elif new and each.timespan is not None:
                yield Certify(each.collection, new, each.timespan), len(new)
        for (collection, span), ids in self._pieces.items():
            yield Certify(collection, ids, span), len(ids)

    def _new(self, each: Membership, conflicts: list[Conflict]) -> list[bytes]:
        facts = self._session.facts
        if each.collection not in facts.collections or each.dataset_type not in facts.dataset_types:
            return list(each.ids)
        table = self._there(each.collection, each.dataset_type)
        if not table.num_rows:
            return list(each.ids)
        ids = _absent(each, table)
        return self._beside(replace(each, ids=ids), conflicts) if ids else []

    def _beside(self, each: Membership, conflicts: list[Conflict]) -> list[bytes]:
        """Return the members that do not contradict those that are there."""
        there = self._spans(each.dataset_type)
        by_id = {id_: spans for spans in there.values() for id_, _ in spans}
        keys = self._keys(each, list(each.ids))
        new = []
        for id_ in each.ids:
            held = there.get(keys.get(id_, ()), by_id.get(id_, []))
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

    def _there(self, collection: str, dataset_type: str) -> pa.Table:
        """Return the memberships of a type in a collection; those asked for last are kept."""
        if self._table is None or self._place != (collection, dataset_type):
            kind = self._types[dataset_type]
            self._table = self._session.repository.associations(self._session.principal, kind, [collection])
            self._place, self._known = (collection, dataset_type), None
        return self._table

    def _spans(self, dataset_type: str) -> dict[Key, list[tuple[bytes, Timespan | None]]]:
        """Return them by data ID; made only where a new one comes to those that are there."""
        assert self._table is not None, "it is looked at before"
        if self._known is None:
            found: dict[Key, list[tuple[bytes, Timespan | None]]] = {}
            names = ("id", "timespan_begin", "timespan_end", *self._types[dataset_type].dimensions.required)
            for id_, begin, end, *key in zip(*(self._table.column(name).to_pylist() for name in names), strict=True):
                span = None if begin is None else Timespan.from_bounds(begin, end)
                found.setdefault(tuple(key), []).append((id_, span))
            self._known = found
        return self._known

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


def _absent(each: Membership, table: pa.Table) -> list[bytes]:
    """Return the members that are not there for the same time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if each.timespan is not None:
        begin, end = each.timespan.bounds
        alike = pc.and_(pc.equal(table.column("timespan_begin"), begin), pc.equal(table.column("timespan_end"), end))
        table = table.filter(alike)
    ids = pa.array(each.ids, pa.binary(16))
    found: list[bytes] = ids.filter(pc.invert(pc.is_in(ids, value_set=table.column("id")))).to_pylist()
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
