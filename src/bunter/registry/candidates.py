"""What a look-up might have found: all datasets of a data ID, and those of data IDs beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType
from bunter.registry.snapshots import table_of
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import Candidates, Neighbours
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["candidates", "neighbours"]

_NEAREST = 3


def candidates(connection: Connection, roster: Roster, inquiry: Candidates) -> pa.Table:
    """Answer `Candidates`; rows in the order of collections' names, then of time."""
    pa = pyarrow()
    kind = roster.type_row(inquiry.dataset_type)
    layout = kind.layout
    numbers = _numbers(roster)
    equal = "".join(f' AND d."{name}" = ?{n}' for n, name in enumerate(kind.dataset_type.dimensions.required, 1))
    of_type = f"WHERE d.type = {kind.number} AND"
    timeless = "CAST(NULL AS BIGINT), CAST(NULL AS BIGINT)"
    parts = [
        f"SELECT d.run, d.id, d.run, {timeless} FROM {source} d "
        f"{of_type} d.run IN ({numbers[CollectionType.RUN]}){equal}"
        for source in layout.sources
    ]
    living = layout.living("d")
    parts.append(
        f"SELECT d.collection, d.id, d.run, {timeless} FROM {layout.tags} d "
        f"{of_type} d.collection IN ({numbers[CollectionType.TAGGED]}){equal} AND {living}"
    )
    parts.append(
        f"SELECT d.collection, d.id, d.run, d.timespan_begin, d.timespan_end FROM {layout.calibrations} d "
        f"{of_type} d.collection IN ({numbers[CollectionType.CALIBRATION]}){equal} AND {living}"
    )
    name = roster.collections.name
    found = [
        (name(collection), id_, name(run), begin, end)
        for collection, id_, run, begin, end in connection.fetchall(" UNION ALL ".join(parts), inquiry.values)
    ]
    schema = {
        "collection": pa.string(),
        "id": pa.binary(16),
        "run": pa.string(),
        "timespan_begin": pa.int64(),
        "timespan_end": pa.int64(),
    }
    return table_of(schema, sorted(found, key=lambda row: (row[0], row[3] or 0, row[1])))


def _numbers(roster: Roster) -> dict[CollectionType, str]:
    """Return the numbers of all collections of each type: indexes are by collection first."""
    found: dict[CollectionType, list[int]] = {kind: [] for kind in CollectionType}
    for name in roster.collections:
        row = roster.collections.row(name)
        found[row.type].append(row.number)
    return {kind: ", ".join(map(str, numbers)) or "NULL" for kind, numbers in found.items()}


def neighbours(connection: Connection, roster: Roster, inquiry: Neighbours) -> pa.Table:
    """Answer `Neighbours`: one statement for each dimension and type of collection."""
    pa = pyarrow()
    kind = roster.type_row(inquiry.dataset_type)
    rows = map(roster.collections.row, inquiry.collections)
    numbers: dict[CollectionType, dict[int, str]] = {}
    for row in rows:
        numbers.setdefault(row.type, {})[row.number] = row.name
    found = [row for name in _freed(kind) for row in _near(connection, kind, inquiry, numbers, name)]
    schema = {"collection": pa.string(), "dimension": pa.string(), "value": pa.string(), "distance": pa.int64()}
    return table_of(schema, found)


def _freed(kind: TypeRow) -> Sequence[str]:
    """Return the dimensions in which another value may have been meant; those that others hang on come last."""
    return tuple(reversed(kind.dataset_type.dimensions.required))


def _near(
    connection: Connection,
    kind: TypeRow,
    inquiry: Neighbours,
    numbers: Mapping[CollectionType, Mapping[int, str]],
    free: str,
) -> Iterator[tuple[Any, ...]]:
    wanted = dict(zip(kind.dataset_type.dimensions.required, inquiry.values, strict=True))
    others = [value for name, value in wanted.items() if name != free]
    for sql, names in _statements(kind, inquiry, numbers, free):
        by_collection: dict[int, list[Any]] = {}
        for number, value in connection.fetchall(sql, others):
            by_collection.setdefault(number, []).append(value)
        for number, values in by_collection.items():
            for value in _nearest(values, wanted[free]):
                far = value - wanted[free] if isinstance(value, int) else None
                yield names[number], free, str(value), far


def _nearest(values: Sequence[Any], wanted: Any) -> list[Any]:
    if isinstance(wanted, int):
        return sorted(values, key=lambda value: (abs(value - wanted), value))[:_NEAREST]
    import difflib

    close = difflib.get_close_matches(wanted, values, n=_NEAREST, cutoff=0.4)
    return [*close, *(value for value in sorted(values) if value not in close)][:_NEAREST]


def _statements(
    kind: TypeRow, inquiry: Neighbours, numbers: Mapping[CollectionType, Mapping[int, str]], free: str
) -> Iterator[tuple[str, Mapping[int, str]]]:
    """Ask for the values of one dimension, the others given."""
    layout = kind.layout
    given = [name for name in kind.dataset_type.dimensions.required if name != free]
    equal = "".join(f' AND d."{name}" = ?{place}' for place, name in enumerate(given, 1))
    tables = [(CollectionType.RUN, source) for source in layout.sources]
    tables += [(CollectionType.TAGGED, layout.tags), (CollectionType.CALIBRATION, layout.calibrations)]
    for each, table in tables:
        if names := numbers.get(each):
            column = "run" if each is CollectionType.RUN else "collection"
            more = "" if each is CollectionType.RUN else f" AND {layout.living('d')}"
            if each is CollectionType.CALIBRATION and inquiry.timespan is not None:
                begin, end = inquiry.timespan.bounds
                more += f" AND d.timespan_begin < {end} AND d.timespan_end > {begin}"
            listed = ", ".join(map(str, names))
            sql = (
                f'SELECT DISTINCT d.{column}, d."{free}" FROM {table} d WHERE d.type = {kind.number} '
                f"AND d.{column} IN ({listed}){equal}{more}"
            )
            yield sql, names
