"""Dimension records filled in behind a statement, as columns beside the data IDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions.records import stored_columns
from bunter.registry.attach import Lookup
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.database import Connection
    from bunter.dimensions import DimensionGroup, Element
    from bunter.registry.relations import Catalog

__all__ = ["RecordColumns", "record_columns", "recorded_elements"]

_REMEMBERED = 1 << 15


def recorded_elements(group: DimensionGroup) -> list[Element]:
    """Return the elements of a group whose records say more than which values belong together."""
    return [element for element in group.elements if element.has_table and _facts(element)]


def record_columns(group: DimensionGroup) -> Iterator[tuple[str, str]]:
    """Yield name and kind of the columns of records: element, dot and field; keys are those of the data ID."""
    for element in recorded_elements(group):
        kinds = stored_columns(element)
        for name in _facts(element):
            kind = "time" if name in {"timespan_begin", "timespan_end"} else kinds[name]
            yield f"{element.name}.{name}", kind


def _facts(element: Element) -> list[str]:
    return [name for name in stored_columns(element) if name not in element.required and name not in element.implies]


class RecordColumns:
    """Adds the columns of records to batches of columns that have the data IDs.

    Parameters
    ----------
    connection : Connection
        In the snapshot of the statement.
    catalog : Catalog
        Where records are.
    group : DimensionGroup
        Dimensions of the data IDs.
    """

    def __init__(self, connection: Connection, catalog: Catalog, group: DimensionGroup) -> None:
        self._known = [_Known(Lookup(connection, catalog, e, tuple(_facts(e)))) for e in recorded_elements(group)]

    def __call__(self, columns: dict[str, Any]) -> None:
        """Add Arrow's arrays for each column of each record."""
        pa = pyarrow()
        for known in self._known:
            element = known.lookup.element
            keys = [_listed(columns[name]) for name in element.required]
            places = pa.array(known.places(list(zip(*keys, strict=True))), pa.int32())
            for name, values in zip(known.lookup.wanted, known.columns(), strict=True):
                columns[f"{element.name}.{name}"] = (values, places)


class _Known:
    """Records of one element that have been read, each once."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self._places: dict[tuple[Any, ...], int] = {}
        self._rows: list[tuple[Any, ...]] = []

    def places(self, keys: Sequence[tuple[Any, ...]]) -> list[int]:
        """Return where the records of these keys are, reading those that are not known."""
        if len(self._rows) > _REMEMBERED:
            self._places.clear()
            self._rows.clear()
        if new := [key for key in dict.fromkeys(keys) if key not in self._places]:
            self._places.update({key: place for place, key in enumerate(new, len(self._rows))})
            self._rows += self.lookup.values(new)
        return list(map(self._places.__getitem__, keys))

    def columns(self) -> list[tuple[Any, ...]]:
        """Return the values of each column, by place."""
        return list(zip(*self._rows, strict=True)) if self._rows else [() for _ in self.lookup.wanted]


def _listed(values: Any) -> Sequence[Any]:
    return values.to_pylist() if hasattr(values, "to_pylist") else values  # type: ignore[no-any-return]
