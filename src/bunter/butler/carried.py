"""Dimension records that rows carry as columns, made into records, each once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bunter.dataset import DatasetType
from bunter.dimensions import Element, Records
from bunter.dimensions.records import stored_columns
from bunter.values.arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from bunter.dimensions import DimensionGroup, DimensionRecord

__all__ = ["carried_records"]


def carried_records(
    batch: pa.RecordBatch, result: DimensionGroup | Element | DatasetType
) -> dict[str, dict[tuple[Any, ...], DimensionRecord]]:
    """Return the records of each element by their required values.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Rows of data IDs with columns such as ``visit.exposure_time``.
    result : DimensionGroup, Element or DatasetType
        What the rows are.
    """
    if isinstance(result, Element):
        return {}
    group = result.dimensions if isinstance(result, DatasetType) else result
    names = frozenset(batch.schema.names)
    values = cache(lambda name: values_of(batch.column(name)))  # many elements have an instrument
    return {element.name: _records(batch, element, values) for element in group.elements if _is_carried(element, names)}


def _is_carried(element: Element, names: frozenset[str]) -> bool:
    columns = stored_columns(element)
    plain = {name for name in columns if f"{element.name}.{name}" not in names}
    return element.has_table and plain <= names and (element.is_dimension or len(plain) < len(columns))


def _records(
    batch: pa.RecordBatch, element: Element, values: Callable[[str], list[Any]]
) -> dict[tuple[Any, ...], DimensionRecord]:
    keys = list(zip(*map(values, element.required), strict=True))
    places = list(
        dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True)).values()
    )  # where each comes first
    names = stored_columns(element)
    columns = {name: _column(batch, element, name).take(places).to_pylist() for name in names}
    known = [_is_known(element, columns, place) for place in range(len(places))]
    records = Records(element, columns).rows()
    return {keys[place]: record for place, record, there in zip(places, records, known, strict=True) if there}


def _column(batch: pa.RecordBatch, element: Element, name: str) -> Any:
    own = f"{element.name}.{name}"
    return batch.column(own if own in batch.schema.names else name)


def _is_known(element: Element, columns: dict[str, list[Any]], place: int) -> bool:
    """Whether there is a record at all: a combination, such as a visit and a detector, may have none."""
    facts = [name for name in columns if name not in element.required]
    return element.is_dimension or any(columns[name][place] is not None for name in facts)
