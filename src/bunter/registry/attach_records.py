"""Dimension records filled in behind a statement, as columns beside the data IDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dimensions.records import stored_columns
from bunter.registry.attach import Lookup
from bunter.registry.spread import Spread, common_places, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

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
        """Add each column of each record, spread over the rows."""
        for known in self._known:
            element = known.lookup.element
            places = known.places_of_rows([columns[name] for name in element.required])
            for name, values in zip(known.lookup.wanted, known.columns(), strict=True):
                columns[f"{element.name}.{name}"] = Spread(values, places)


class _Known:
    """Records of one element that have been read, each once."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self._places: dict[tuple[Any, ...], int] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._columns: list[tuple[Any, ...]] | None = None

    def places_of_rows(self, keys: list[Any]) -> np.ndarray:
        """Return where the records of rows are, given columns of keys."""
        import numpy as np

        spread = common_places(keys)
        if spread is None:
            return np.array(self.places_of([listed(key) for key in keys]), np.int32)
        places = np.array(self.places_of([listed(key.values) for key in keys]), np.int32)
        return places.take(spread)

    def places_of(self, keys: list[Sequence[Any]]) -> list[int]:
        """Return where the records of rows of keys are; keys that are the same in all rows cost nothing per row."""
        distinct = [set(key) for key in keys]
        varying = [place for place, found in enumerate(distinct) if len(found) > 1]
        if len(varying) != 1:
            return self.places(list(zip(*keys, strict=True)))
        place = varying[0]
        head, tail = (tuple(next(iter(found)) for found in part) for part in (distinct[:place], distinct[place + 1 :]))
        values = list(distinct[place])
        at = dict(zip(values, self.places([(*head, value, *tail) for value in values]), strict=True))
        return list(map(at.__getitem__, keys[place]))

    def places(self, keys: Sequence[tuple[Any, ...]]) -> list[int]:
        """Return where the records of these keys are, reading those that are not known."""
        if len(self._rows) > _REMEMBERED:
            self._places.clear()
            self._rows.clear()
        if new := [key for key in dict.fromkeys(keys) if key not in self._places]:
            self._places.update({key: place for place, key in enumerate(new, len(self._rows))})
            self._rows += self.lookup.values(new)
            self._columns = None
        return list(map(self._places.__getitem__, keys))

    def columns(self) -> list[tuple[Any, ...]]:
        """Return the values of each column, by place; the same objects as long as no more records are read."""
        if self._columns is None:
            self._columns = list(zip(*self._rows, strict=True)) if self._rows else [() for _ in self.lookup.wanted]
        return self._columns
