"""How much there is, of what, from whom: datasets and bytes, counted by the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.registry.view_columns import data_id_values
from bunter.values.packed_ids import PackedIds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bunter.database import Connection
    from bunter.registry.layout import GroupLayout
    from bunter.registry.roster import Roster

__all__ = ["STATISTICS", "TOLL", "removal_toll", "statistics"]

_DAY_NS = 86_400 * 10**9
STATISTICS = ("dataset_type", "run", "instrument", "night", "user", "host", "day", "datasets", "bytes")
"""Columns of `statistics`."""
TOLL = ("dataset_type", "run", "datasets", "bytes", "memberships")
"""Columns of `removal_toll`."""


def statistics(connection: Connection, roster: Roster, bytes_of: Callable[[str], str]) -> list[tuple[Any, ...]]:
    """Count all datasets by type, run, instrument, night, who registered them, and when.

    Parameters
    ----------
    connection : Connection
        Where.
    roster : Roster
        Types and collections.
    bytes_of : callable
        Returns SQL of the bytes of a dataset, given SQL of its id.

    Returns
    -------
    list of tuple
        Columns `STATISTICS`; instrument and night (``day_obs``) are None where a type has none; the day is that of the
        registration, in days of TAI since 1970. One statement per dimension group.
    """
    rows: list[tuple[Any, ...]] = []
    for layout in _layouts(roster):
        for kind, run, *rest in connection.fetchall(_statement(layout, bytes_of)):
            rows.append((roster.by_number[kind].dataset_type.name, roster.collections.name(run), *rest))
    return rows


def _layouts(roster: Roster) -> Iterator[GroupLayout]:
    yield from {row.layout.number: row.layout for row in roster.rows.values()}.values()


def _statement(layout: GroupLayout, bytes_of: Callable[[str], str]) -> str:
    values, joins = data_id_values(layout.dimensions)
    night = values.get("day_obs", "NULL")
    keys = [
        "d.type",
        "d.run",
        values.get("instrument", "NULL"),
        night,
        'k."user"',
        "k.host",
        f"k.committed / {_DAY_NS}",
    ]
    places = ", ".join(str(place) for place in range(1, len(keys) + 1))
    wanted = " ".join(joins) if night != "NULL" else ""
    return (
        f"SELECT {', '.join(keys)}, count(*), {_whole(bytes_of('d.id'))} "
        f"FROM {layout.datasets} d JOIN dataset o ON o.id = d.id JOIN change k ON k.n = o.added {wanted} GROUP BY {places}"
    )


def _whole(share: str) -> str:
    """Return SQL of the sum of shares as whole bytes, the same in every database, which cut quotients at different digits."""
    return f"CAST(round(round(coalesce(sum({share}), 0), 3)) AS BIGINT)"


def removal_toll(
    connection: Connection, roster: Roster, ids: Sequence[bytes], bytes_of: Callable[[str], str]
) -> list[tuple[Any, ...]]:
    """Count what the removal of datasets would take away, by type and run.

    Returns
    -------
    list of tuple
        Columns `TOLL`: datasets that are there, bytes of artifacts that are ours, memberships in TAGGED and CALIBRATION
        collections. The cost grows with the number of ids, not with what the repository holds.
    """
    table = connection.upload("toll", 1, ((id_,) for id_ in PackedIds.of(ids).distinct()))
    found = connection.fetchall(
        f"SELECT o.type, o.run, count(*), {_whole(bytes_of('o.id'))} "
        f"FROM {table} q CROSS JOIN dataset o WHERE o.id = q.c0 GROUP BY o.type, o.run"
    )
    held = _memberships(connection, roster, table, {kind for kind, *_ in found})
    return [
        (roster.by_number[kind].dataset_type.name, roster.collections.name(run), count, size, held.get((kind, run), 0))
        for kind, run, count, size in found
    ]


def _memberships(
    connection: Connection, roster: Roster, table: str, kinds: Iterable[int]
) -> dict[tuple[int, int], int]:
    held: dict[tuple[int, int], int] = {}
    for layout in {roster.by_number[kind].layout for kind in kinds}:
        for source in (layout.tags, layout.calibrations):
            sql = (
                f"SELECT d.type, d.run, count(*) FROM {table} q CROSS JOIN {source} d "
                f"WHERE d.id = q.c0 AND {layout.living('d')} GROUP BY d.type, d.run"
            )
            for kind, run, count in connection.fetchall(sql):
                held[kind, run] = held.get((kind, run), 0) + count
    return held
