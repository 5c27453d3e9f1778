"""Datasets found by data ID: one prepared statement for one, a set-based one for many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bunter.dataset import CollectionType
from bunter.errors import CalibrationLookupError
from bunter.values import MAX_NS, MIN_NS, Timespan

if TYPE_CHECKING:
    from bunter.database import Connection
    from bunter.dataset import DatasetType
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["Finder", "Found", "finder"]

Times: TypeAlias = Sequence[Timespan | None] | Timespan | None

_ALWAYS = Timespan()


class Found(NamedTuple):
    """A dataset that was found, by name of its run and of the collection it was found in."""

    id: bytes
    run: str
    collection: str


class Finder:
    """Finds the first dataset of one type in certain collections; made once for both and kept with the roster.

    Parameters
    ----------
    roster : Roster
        What is known of types and collections.
    dataset_type : DatasetType
        What to look for.
    collections : sequence of str
        Where to look, in order; chains and patterns are replaced by their members.
    """

    def __init__(self, roster: Roster, dataset_type: DatasetType, collections: Sequence[str]) -> None:
        kind = roster.type_row(dataset_type)
        self._catalog = roster.collections
        self._dataset_type = kind.dataset_type
        rows = [self._catalog.row(name) for name in self._catalog.flatten(tuple(collections))]
        if not kind.dataset_type.is_calibration:
            rows = [row for row in rows if row.type is not CollectionType.CALIBRATION]
        self._rank = {row.number: place for place, row in enumerate(rows)}
        by_type = {each: [row.number for row in rows if row.type is each] for each in CollectionType}
        self._timed = bool(by_type[CollectionType.CALIBRATION])
        self._width = len(kind.dataset_type.dimensions.required) + 3
        table = f"temp.upload_find_{self._width} q CROSS JOIN "
        self._one = " UNION ALL ".join(_parts(kind, by_type, lambda place: f"?{place}"))
        self._many = " UNION ALL ".join(_parts(kind, by_type, lambda place: f"q.c{place}", table))

    def find(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]], timespans: Times = None
    ) -> list[Found | None]:
        """Find the first dataset for each data ID.

        Parameters
        ----------
        connection : Connection
            Where to look.
        rows : sequence of tuple
            Values of the required dimensions.
        timespans : sequence of Timespan or None, optional
            When a calibration must be valid, for each data ID or for all; None stands for any time.

        Returns
        -------
        list of Found or None
            In the order of ``rows``.

        Raises
        ------
        CalibrationLookupError
            If several datasets of one CALIBRATION collection are valid at the time.
        """
        if not self._rank or not rows:
            return [None] * len(rows)
        if len(rows) > 1:
            return self._find_many(connection, rows, timespans)
        row = rows[0]
        only = timespans if isinstance(timespans, Timespan) or timespans is None else timespans[0]
        hits = connection.fetchall(self._one, (*row, *(only or _ALWAYS).bounds) if self._timed else row)
        return [self._choose(hits, row) if hits else None]

    def _find_many(
        self, connection: Connection, rows: Sequence[tuple[Any, ...]], timespans: Times
    ) -> list[Found | None]:
        connection.upload("find", self._width, _numbered(rows, timespans))
        found: list[list[tuple[Any, ...]]] = [[] for _ in rows]
        for number, *hit in connection.fetchall(self._many):
            found[number].append(tuple(hit))
        return [self._choose(hits, row) if hits else None for hits, row in zip(found, rows, strict=True)]

    def _choose(self, hits: Sequence[tuple[Any, ...]], row: Sequence[Any]) -> Found:
        """Choose among (collection, id, run)."""
        name = self._catalog.name
        if len(hits) > 1:
            best = min(self._rank[hit[0]] for hit in hits)
            hits = list({hit[1]: hit for hit in hits if self._rank[hit[0]] == best}.values())
        collection, id_, run = hits[0]
        if len(hits) > 1:
            said = dict(zip(self._dataset_type.dimensions.required, row, strict=True))
            raise CalibrationLookupError(
                f"{len(hits)} {self._dataset_type.name!r} for {said} are valid in {name(collection)!r}; "
                "say when: give a timespan, or an exposure or visit"
            )
        return Found(id_, name(run), name(collection))


def finder(roster: Roster, dataset_type: DatasetType, collections: Sequence[str]) -> Finder:
    """Return the finder for a type and collections, made when first asked for."""
    key = (dataset_type.name, *collections)
    found: Finder | None = roster.plans.get(key)
    if found is None:
        found = roster.plans[key] = Finder(roster, dataset_type, collections)
    return found


def _numbered(rows: Sequence[tuple[Any, ...]], timespans: Times) -> Iterable[tuple[Any, ...]]:
    if timespans is None or isinstance(timespans, Timespan):
        bounds = (timespans or _ALWAYS).bounds
        return ((number, *row, *bounds) for number, row in enumerate(rows))
    pairs = enumerate(zip(rows, timespans, strict=True))
    return ((number, *row, *((MIN_NS, MAX_NS) if span is None else span.bounds)) for number, (row, span) in pairs)


def _parts(kind: TypeRow, by_type: dict[CollectionType, list[int]], value: Any, source: str = "") -> Iterable[str]:
    names = kind.dataset_type.dimensions.required
    head = "q.c0, " if source else ""
    equal = "".join(f' AND d."{name}" = {value(place)}' for place, name in enumerate(names, 1))
    layout = kind.layout
    if runs := by_type[CollectionType.RUN]:
        for table in layout.sources:
            yield (
                f"SELECT {head}d.run, d.id, d.run FROM {source}{table} d "
                f"WHERE d.type = {kind.number} AND d.run IN ({_listed(runs)}){equal}"
            )
    if tags := by_type[CollectionType.TAGGED]:
        yield (
            f"SELECT {head}d.collection, d.id, d.run FROM {source}{layout.tags} d "
            f"WHERE d.type = {kind.number} AND d.collection IN ({_listed(tags)}) AND {layout.living('d')}{equal}"
        )
    if calibrations := by_type[CollectionType.CALIBRATION]:
        begin, end = value(len(names) + 1), value(len(names) + 2)
        yield (
            f"SELECT {head}d.collection, d.id, d.run FROM {source}{layout.calibrations} d "
            f"WHERE d.type = {kind.number} AND d.collection IN ({_listed(calibrations)}) AND {layout.living('d')}{equal} "
            f"AND d.timespan_begin < {end} AND d.timespan_end > {begin}"
        )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
