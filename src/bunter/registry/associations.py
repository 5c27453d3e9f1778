"""All memberships of a dataset type in collections, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["associations"]

_TOGETHER = 20_000


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
    schema = _schema(dimensions)
    batches = [
        _batch(rows, roster, schema)
        for sql in _parts(kind, roster, names)
        for rows in connection.stream(sql, (), _TOGETHER)
    ]
    table = pa.Table.from_batches(batches, schema)
    return _ordered(table, names)


def _ordered(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Put rows in the order of search, then of ``id``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ranks = pc.index_in(table.column("collection"), value_set=pa.array(names, pa.string()))
    keys = pa.table({"rank": ranks, "id": table.column("id"), "begin": table.column("timespan_begin")})
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    found: pa.Table = table.take(order)
    return found


def _schema(dimensions: DimensionGroup) -> pa.Schema:
    pa = pyarrow()
    kinds = {name: dimensions.universe.key_column(name).kind for name in dimensions.required}
    return pa.schema(
        [
            ("id", pa.binary(16)),
            ("run", pa.string()),
            ("collection", pa.string()),
            ("timespan_begin", pa.int64()),
            ("timespan_end", pa.int64()),
            *((name, pa.int64() if kind == "int" else pa.string()) for name, kind in kinds.items()),
        ]
    )


def _batch(rows: Sequence[tuple[Any, ...]], roster: Roster, schema: pa.Schema) -> pa.RecordBatch:
    pa = pyarrow()
    columns: list[Any] = list(zip(*rows, strict=True))
    name = roster.collections.name
    columns[1], columns[2] = list(map(name, columns[1])), list(map(name, columns[2]))
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


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
