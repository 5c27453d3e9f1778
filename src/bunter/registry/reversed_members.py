"""Tags and validity ranges, as they were before a change."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bunter.dataset.changes import Associate, Certify, Decertify, Disassociate
from bunter.registry.layout import LIVE
from bunter.registry.reversal import Step
from bunter.values import Timespan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.database import Connection
    from bunter.registry.layout import GroupLayout
    from bunter.registry.reversal import Reversal

__all__ = ["reverse_members"]


def reverse_members(connection: Connection, found: Reversal) -> None:
    """Put datasets back into tags and validity ranges that a change took out of them, and take those out that it put in."""
    meant = connection.upload("meant", 2, found.meant())
    for layout in found.layouts.values():
        _tags(found, *_moved(connection, found, layout, meant, calibrations=False))
        _ranges(found, *_moved(connection, found, layout, meant, calibrations=True))


def _moved(
    connection: Connection, found: Reversal, layout: GroupLayout, meant: str, *, calibrations: bool
) -> tuple[dict[tuple[Any, ...], tuple[bool, bool]], dict[tuple[Any, ...], int]]:
    """Return what a change took out, with whether the dataset is there and another has its place; and what it put in, with until when.

    Keys are type, collection, id, values of the data ID, and begin and end of a validity range.
    """
    table = layout.calibrations if calibrations else layout.tags
    required = layout.dimensions.required
    times = ("timespan_begin", "timespan_end") if calibrations else ()
    columns = ", ".join(["t.type", "t.collection", "t.id", *(f't."{name}"' for name in (*required, *times))])
    same = "".join(f' AND o."{name}" = t."{name}"' for name in required)
    if calibrations:
        same += " AND o.timespan_begin < t.timespan_end AND o.timespan_end > t.timespan_begin"
    else:
        same += " AND o.id != t.id"
    taken = (
        f"SELECT 1 FROM {table} o WHERE o.type = t.type AND o.collection = m.c1 AND o.retired = {LIVE} "
        f"AND o.added != {found.number}{same}"
    )
    there = "SELECT 1 FROM dataset d WHERE d.id = t.id"
    out_sql = (
        f"SELECT {columns}, EXISTS ({there}), EXISTS ({taken}) FROM {table} t "
        f"LEFT JOIN {meant} m ON m.c0 = t.collection WHERE t.retired = ?"
    )
    in_sql = f"SELECT {columns}, t.retired FROM {table} t WHERE t.added = ?"
    out = {tuple(row[:-2]): (bool(row[-2]), bool(row[-1])) for row in connection.fetchall(out_sql, (found.number,))}
    put = {tuple(row[:-1]): int(row[-1]) for row in connection.fetchall(in_sql, (found.number,))}
    both = out.keys() & put.keys()
    return _without(out, both), _without(put, both)


def _without(rows: dict[tuple[Any, ...], Any], keys: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    left_out = set(keys)
    return {key: value for key, value in rows.items() if key not in left_out}


def _tags(found: Reversal, out: dict[tuple[Any, ...], tuple[bool, bool]], put: dict[tuple[Any, ...], int]) -> None:
    leaving: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for (kind, collection, id_, *_), until in put.items():
        if until == LIVE and collection not in found.made and collection in found.names:
            leaving[kind, collection].append(id_)
    coming: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    problems: dict[tuple[int, int, str], int] = defaultdict(int)
    for (kind, collection, id_, *_), (there, taken) in out.items():
        if problem := _problem(found, (kind, collection), id_, there=there, taken=taken):
            problems[kind, collection, problem] += 1
        else:
            coming[kind, collection].append(id_)
    for (kind, collection), ids in sorted(leaving.items()):
        found.members.append(Disassociate(found.names[collection], ids))
        found.steps.append(Step("tagged", found.names[collection], f"{_named(found, len(ids), kind)} out again"))
    for (kind, collection), ids in sorted(coming.items()):
        found.members.append(Associate(found.names[collection], ids))
        found.steps.append(Step("tagged", found.names[collection], f"{_named(found, len(ids), kind)} in again"))
    _tell(found, problems)


def _ranges(found: Reversal, out: dict[tuple[Any, ...], tuple[bool, bool]], put: dict[tuple[Any, ...], int]) -> None:
    """Cut the pieces out that the change made, and certify what it retired, unless somebody has cut the pieces since."""
    cut = {_place(key) for key, until in put.items() if until != LIVE}
    blocked = cut & {_place(key) for key in out}
    problems: dict[tuple[int, int, str], int] = defaultdict(int)
    coming: dict[tuple[int, int, int, int], list[bytes]] = defaultdict(list)
    for key, (there, taken) in out.items():
        kind, collection, id_, *_, begin, end = key
        problem = _problem(found, (kind, collection), id_, there=there, taken=taken)
        if problem or _place(key) in blocked:
            problems[kind, collection, problem or "whose validity was changed again since"] += 1
            blocked.add(_place(key))
        else:
            coming[kind, collection, begin, end].append(id_)
    leaving: dict[tuple[int, int, int, int], list[tuple[Any, ...]]] = defaultdict(list)
    for key, until in put.items():
        kind, collection, _, *data_id, begin, end = key
        wanted = until == LIVE and collection not in found.made and collection in found.names
        if wanted and _place(key) not in blocked:
            leaving[kind, collection, begin, end].append(tuple(data_id))
    for (kind, collection, begin, end), data_ids in sorted(leaving.items()):
        span = Timespan.from_bounds(begin, end)
        name = found.kinds[kind].dataset_type.name
        found.members.append(Decertify(found.names[collection], name, span, data_ids))
        found.steps.append(
            Step("calibration", found.names[collection], f"{_named(found, len(data_ids), kind)} not valid for {span}")
        )
    for (kind, collection, begin, end), ids in sorted(coming.items()):
        span = Timespan.from_bounds(begin, end)
        found.members.append(Certify(found.names[collection], ids, span))
        found.steps.append(
            Step("calibration", found.names[collection], f"{_named(found, len(ids), kind)} valid again for {span}")
        )
    _tell(found, problems)


def _place(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return type, collection and data ID of a validity range."""
    return (*key[:2], *key[3:-2])


def _problem(found: Reversal, place: tuple[int, int], id_: bytes, *, there: bool, taken: bool) -> str:
    kind, collection = place
    if collection not in found.names or kind not in found.kinds:
        return "whose collection was removed since"
    if not there and id_ not in found.ids:
        return "which are gone"
    return "whose places others have by now" if taken else ""


def _named(found: Reversal, count: int, kind: int) -> str:
    return f"{count} {found.kinds[kind].dataset_type.name!r}"


def _tell(found: Reversal, problems: dict[tuple[int, int, str], int]) -> None:
    for (kind, collection, problem), count in sorted(problems.items()):
        name = found.kinds[kind].dataset_type.name if kind in found.kinds else "dataset"
        where = f" to {found.names[collection]!r}" if collection in found.names else ""
        found.conflicts.append(f"{count} {name!r} cannot go back{where}, {problem}")
