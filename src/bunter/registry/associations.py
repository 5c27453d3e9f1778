"""All memberships of a dataset type in collections, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset import DatasetType
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["associations"]


def associations(
    connection: Connection, roster: Roster, dataset_type: DatasetType, collections: Sequence[str]
) -> pa.Table:
    """Return the memberships of a dataset type in collections.

    Parameters
    ----------
    connection : Connection
        Where to look.
    roster : Roster
        What is known of types and collections.
    dataset_type : DatasetType
        The type.
    collections : sequence of str
        Where to look; chains and patterns are replaced by their members.

    Returns
    -------
    pyarrow.Table
        ``id`` (16 bytes), ``run``, the required dimensions, ``collection``, and ``timespan_begin`` and ``timespan_end``
        (ns TAI; null in collections without validity ranges). Rows are in the order of search, then of ``id``.
    """
    pa = pyarrow()
    kind = roster.type_row(dataset_type)
    dimensions = kind.dataset_type.dimensions
    names = roster.collections.flatten(collections)
    rank = {roster.collections.row(name).number: place for place, name in enumerate(names)}
    rows = [row for sql in _parts(kind, roster, names) for row in connection.fetchall(sql)]
    rows.sort(key=lambda row: (rank[row[2]], row[0], row[3] or 0))
    columns = list(zip(*rows, strict=True)) or [()] * (5 + len(dimensions.required))
    name = roster.collections.name
    arrays = {
        "id": pa.array(columns[0], pa.binary(16)),
        "run": pa.array([name(number) for number in columns[1]], pa.string()),
        "collection": pa.array([name(number) for number in columns[2]], pa.string()),
        "timespan_begin": pa.array(columns[3], pa.int64()),
        "timespan_end": pa.array(columns[4], pa.int64()),
    }
    for dimension, values in zip(dimensions.required, columns[5:], strict=True):
        kind_of = dimensions.universe.key_column(dimension).kind
        arrays[dimension] = pa.array(values, pa.int64() if kind_of == "int" else pa.string())
    return pa.table(arrays)


def _parts(kind: TypeRow, roster: Roster, names: Sequence[str]) -> Iterator[str]:
    layout = kind.layout
    values = "".join(f', "{name}"' for name in kind.dataset_type.dimensions.required)
    numbers: dict[CollectionType, list[str]] = {}
    for row in map(roster.collections.row, names):
        numbers.setdefault(row.type, []).append(str(row.number))
    of_type = f"WHERE type = {kind.number}"
    if runs := numbers.get(CollectionType.RUN):
        for table in layout.sources:
            yield f"SELECT id, run, run, NULL, NULL{values} FROM {table} d {of_type} AND run IN ({', '.join(runs)})"
    live = f"{of_type} AND {layout.living()} AND collection"
    if tags := numbers.get(CollectionType.TAGGED):
        yield f"SELECT id, run, collection, NULL, NULL{values} FROM {layout.tags} {live} IN ({', '.join(tags)})"
    if calibrations := numbers.get(CollectionType.CALIBRATION):
        yield (
            f"SELECT id, run, collection, timespan_begin, timespan_end{values} FROM {layout.calibrations} "
            f"{live} IN ({', '.join(calibrations)})"
        )
