"""Datasets found by data ID: one prepared statement for one, a set-based one for many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bunter.dataset import CollectionType
from bunter.errors import CalibrationLookupError
from bunter.registry.layout import LIVE
from bunter.values import MAX_NS, MIN_NS, Timespan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Connection
    from bunter.dataset import DatasetType
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["Found", "find"]

_ALWAYS = Timespan()


class Found(NamedTuple):
    """A dataset that was found, by name of its run and of the collection it was found in."""

    id: bytes
    run: str
    collection: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to look in certain collections for datasets of one type.

    ``one`` takes the values of the required dimensions, then begin and end of the time where ``timed``;
    ``many`` takes nothing but a table uploaded with row number, values, begin and end.
    Both give (collection, id, run), the latter behind the row number.
    """

    one: str
    many: str
    rank: dict[int, int]
    timed: bool


def find(
    connection: Connection,
    roster: Roster,
    dataset_type: DatasetType,
    rows: Sequence[tuple[Any, ...]],
    collections: Sequence[str],
    timespans: Sequence[Timespan | None] | Timespan | None = None,
) -> list[Found | None]:
    """Find the first dataset for each data ID.

    Parameters
    ----------
    connection : Connection
        Where to look.
    roster : Roster
        What is known of types and collections.
    dataset_type : DatasetType
        What to look for.
    rows : sequence of tuple
        Values of the required dimensions.
    collections : sequence of str
        Where to look, in order; chains and patterns are replaced by their members.
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
    plan = _plan(roster, dataset_type, tuple(collections))
    if not plan.rank or not rows:
        return [None] * len(rows)
    if len(rows) == 1:
        only = timespans if isinstance(timespans, Timespan) or timespans is None else timespans[0]
        parameters = (*rows[0], *(only or _ALWAYS).bounds) if plan.timed else rows[0]
        return [_choose(connection.fetchall(plan.one, parameters), plan, roster, dataset_type, rows[0])]
    return _find_many(connection, roster, plan, dataset_type, rows, timespans)


def _find_many(
    connection: Connection,
    roster: Roster,
    plan: _Plan,
    dataset_type: DatasetType,
    rows: Sequence[tuple[Any, ...]],
    timespans: Sequence[Timespan | None] | Timespan | None,
) -> list[Found | None]:
    table = connection.upload("find", 3 + len(rows[0]), _numbered(rows, timespans))
    assert table == f"temp.upload_find_{3 + len(rows[0])}"
    found: list[list[tuple[int, bytes, int]]] = [[] for _ in rows]
    for number, *hit in connection.fetchall(plan.many):
        found[number].append(tuple(hit))  # type: ignore[arg-type]
    return [
        _choose(hits, plan, roster, dataset_type, row) if hits else None for hits, row in zip(found, rows, strict=True)
    ]


def _numbered(
    rows: Sequence[tuple[Any, ...]], timespans: Sequence[Timespan | None] | Timespan | None
) -> Iterable[tuple[Any, ...]]:
    if timespans is None or isinstance(timespans, Timespan):
        bounds = (timespans or _ALWAYS).bounds
        return ((number, *row, *bounds) for number, row in enumerate(rows))
    pairs = enumerate(zip(rows, timespans, strict=True))
    return ((number, *row, *((MIN_NS, MAX_NS) if span is None else span.bounds)) for number, (row, span) in pairs)


def _choose(
    hits: Sequence[tuple[int, bytes, int]], plan: _Plan, roster: Roster, dataset_type: DatasetType, row: Sequence[Any]
) -> Found | None:
    if not hits:
        return None
    if len(hits) == 1:
        collection, id_, run = hits[0]
    else:
        best = min(plan.rank[hit[0]] for hit in hits)
        first = {hit[1]: hit for hit in hits if plan.rank[hit[0]] == best}
        collection, id_, run = next(iter(first.values()))
        if len(first) > 1:
            said = dict(zip(dataset_type.dimensions.required, row, strict=True))
            raise CalibrationLookupError(
                f"{len(first)} {dataset_type.name!r} for {said} are valid in "
                f"{roster.collections.name(collection)!r}; say when: give a timespan, or an exposure or visit"
            )
    catalog = roster.collections
    return Found(id_, catalog.name(run), catalog.name(collection))


def _plan(roster: Roster, dataset_type: DatasetType, collections: tuple[str, ...]) -> _Plan:
    key = (dataset_type.name, collections)
    plan: _Plan | None = roster.plans.get(key)
    if plan is None:
        plan = roster.plans[key] = _make_plan(roster, roster.type_row(dataset_type), collections)
    return plan


def _make_plan(roster: Roster, kind: TypeRow, collections: tuple[str, ...]) -> _Plan:
    rank, by_type = {}, {each: [] for each in CollectionType}  # type: dict[int, int], dict[CollectionType, list[int]]
    for place, name in enumerate(roster.collections.flatten(collections)):
        row = roster.collections.row(name)
        rank[row.number] = place
        by_type[row.type].append(row.number)
    if not kind.dataset_type.is_calibration:
        by_type[CollectionType.CALIBRATION].clear()
    one = " UNION ALL ".join(_parts(kind, by_type, lambda place: f"?{place}"))
    names = kind.dataset_type.dimensions.required
    table = f"temp.upload_find_{3 + len(names)} q"
    many = " UNION ALL ".join(_parts(kind, by_type, lambda place: f"q.c{place}", f"{table} CROSS JOIN "))
    return _Plan(one, many, rank if one else {}, bool(by_type[CollectionType.CALIBRATION]))


def _parts(kind: TypeRow, by_type: dict[CollectionType, list[int]], value: Any, source: str = "") -> Iterable[str]:
    names = kind.dataset_type.dimensions.required
    head = "q.c0, " if source else ""
    equal = "".join(f' AND d."{name}" = {value(place)}' for place, name in enumerate(names, 1))
    layout = kind.layout
    if runs := by_type[CollectionType.RUN]:
        yield (
            f"SELECT {head}d.run, d.id, d.run FROM {source}{layout.datasets} d "  # noqa: S608 - our names and numbers
            f"WHERE d.type = {kind.number} AND d.run IN ({_listed(runs)}){equal}"
        )
    if tags := by_type[CollectionType.TAGGED]:
        yield (
            f"SELECT {head}d.collection, d.id, d.run FROM {source}{layout.tags} d "  # noqa: S608
            f"WHERE d.type = {kind.number} AND d.collection IN ({_listed(tags)}) AND d.retired = {LIVE}{equal}"
        )
    if calibrations := by_type[CollectionType.CALIBRATION]:
        begin, end = value(len(names) + 1), value(len(names) + 2)
        yield (
            f"SELECT {head}d.collection, d.id, d.run FROM {source}{layout.calibrations} d "  # noqa: S608
            f"WHERE d.type = {kind.number} AND d.collection IN ({_listed(calibrations)}) AND d.retired = {LIVE}{equal} "
            f"AND d.timespan_begin < {end} AND d.timespan_end > {begin}"
        )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
