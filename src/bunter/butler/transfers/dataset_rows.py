"""Rows of datasets: divided by run, and picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bunter.dataset import DatasetColumns
from bunter.values.arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bunter.dataset import DatasetType

__all__ = ["by_run", "picked"]


def picked(columns: DatasetColumns, rows: Sequence[int]) -> DatasetColumns:
    """Return some rows of columns."""
    if len(rows) == len(columns):
        return columns
    values: dict[str, Sequence[Any]] = {name: [column[row] for row in rows] for name, column in columns.values.items()}
    return DatasetColumns(columns.dataset_type, columns.run, [columns.ids[row] for row in rows], values)


def by_run(kind: DatasetType, batch: pa.RecordBatch) -> list[DatasetColumns]:
    """Divide rows of datasets by run."""
    names = kind.dimensions.required
    ids, runs = values_of(batch.column("id")), values_of(batch.column("run"))
    values: dict[str, Sequence[Any]] = {name: values_of(batch.column(name)) for name in names}
    if len(set(runs)) == 1:
        return [DatasetColumns(kind, runs[0], ids, values)]
    places: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        places.setdefault(run, []).append(place)
    whole = DatasetColumns(kind, "", ids, values)
    return [replace(picked(whole, rows), run=run) for run, rows in places.items()]
