"""Implied dimensions filled in behind a statement: one look at each record instead of a join for each row."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from bunter.registry.relations import selected
from bunter.registry.spread import Spread, common_places, listed
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bunter.database import Connection
    from bunter.dimensions import DimensionGroup, Element
    from bunter.registry.relations import Catalog

__all__ = ["Attachments", "Lookup", "facts"]

_FEW, _SHORT = 8, 1000


class Attachments:
    """Fills in what a statement left out of the implied dimensions of a group.

    Parameters
    ----------
    connection : Connection
        In the snapshot of the statement.
    catalog : Catalog
        Where records are.
    group : DimensionGroup
        The group.
    columns : sequence of str
        What the statement has.
    """

    def __init__(self, connection: Connection, catalog: Catalog, group: DimensionGroup, columns: Iterable[str]) -> None:
        self._sources = list(_sources(connection, catalog, group, columns))

    def __call__(self, columns: dict[str, Any]) -> None:
        """Add the missing columns to a batch: lists or Arrow arrays, spread if the keys that they follow from are."""
        for source in self._sources:
            source.fill(columns)


@dataclass(slots=True)
class Lookup:
    """Values of ``wanted`` from the records of one element, by its required dimensions."""

    connection: Connection
    catalog: Catalog
    element: Element
    wanted: tuple[str, ...]

    def values(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the values for each row of keys, in their order."""
        names = self.element.required
        relation = self.catalog.element(self.element, "r")
        columns = ", ".join(relation.columns[name] for name in self.wanted)
        if len(rows) <= _FEW:
            sql = selected(columns, relation, dict.fromkeys(names, "?"))
            return [self.connection.fetchone(sql, row) or (None,) * len(self.wanted) for row in rows]
        # Not uploaded: to make a temporary table would break off the statement that is being read.
        source, parameters = self.connection.inline(len(names) + 1, [(*row, n) for n, row in enumerate(rows)])
        keys = (f"{relation.keys[name]} = q.c{place}" for place, name in enumerate(names))
        sql = (
            f"SELECT {columns} FROM {source} q LEFT JOIN {relation.source} ON {' AND '.join(keys)} "
            f"ORDER BY q.c{len(names)}"
        )
        return self.connection.fetchall(sql, parameters)


@dataclass(slots=True)
class _Source:
    """An element whose keys the statement has, and all that follows from its records step by step."""

    keys: tuple[str, ...]
    kinds: dict[str, str]
    lookups: list[Lookup]
    known: dict[tuple[Any, ...], int] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)

    def fill(self, columns: dict[str, Any]) -> None:
        """Add what follows from the keys to a batch."""
        keys = [columns[name] for name in self.keys]
        spread = common_places(keys)
        if spread is not None:
            few: dict[str, Any] = {name: listed(key.values) for name, key in zip(self.keys, keys, strict=True)}
            self.fill(few)
            columns |= {name: Spread(few[name], spread) for name in self.values}
            return
        places = self._places([key if isinstance(key, list) else listed(key) for key in keys])
        if len(places) <= _SHORT:
            columns |= {name: [values[place] for place in places] for name, values in self.values.items()}
        else:
            columns |= self._taken(places)

    def _taken(self, places: list[int]) -> dict[str, Any]:
        pa = pyarrow()
        wanted = pa.array(places, pa.int32())
        kinds = {name: pa.int64() if kind == "int" else pa.string() for name, kind in self.kinds.items()}
        return {name: pa.array(values, kinds[name]).take(wanted) for name, values in self.values.items()}

    def _places(self, keys: list[Sequence[Any]]) -> list[int]:
        """Look up each row of keys; those that are the same in all rows cost nothing per row."""
        distinct = [set(key) for key in keys]
        varying = [place for place, found in enumerate(distinct) if len(found) > 1]
        if len(varying) == 1:
            place = varying[0]
            head, tail = [next(iter(d)) for d in distinct[:place]], [next(iter(d)) for d in distinct[place + 1 :]]
            rows = {value: (*head, value, *tail) for value in distinct[place]}
            self._learn(rows.values())
            at = {value: self.known[row] for value, row in rows.items()}
            return list(map(at.__getitem__, keys[place]))
        rows_of_all = list(zip(*keys, strict=True))
        self._learn(dict.fromkeys(rows_of_all))
        return list(map(self.known.__getitem__, rows_of_all))

    def _learn(self, rows: Iterable[tuple[Any, ...]]) -> None:
        new = [row for row in rows if row not in self.known]
        if not new:
            return
        found: dict[str, Sequence[Any]] = dict(zip(self.keys, zip(*new, strict=True), strict=True))
        for lookup in self.lookups:
            keys = list(zip(*(found[name] for name in lookup.element.required), strict=True))
            distinct = list(dict.fromkeys(keys))
            values = dict(zip(distinct, lookup.values(distinct), strict=True))
            found |= zip(lookup.wanted, zip(*map(values.__getitem__, keys), strict=True), strict=True)
        self.known.update({row: place for place, row in enumerate(new, len(self.known))})
        for lookup in self.lookups:
            for name in lookup.wanted:
                self.values.setdefault(name, []).extend(found[name])


def facts(
    connection: Connection, catalog: Catalog, element: Element, kinds: dict[str, str]
) -> Callable[[dict[str, Any]], None]:
    """Return what adds columns of an element's records, by name and kind, to batches that have its required dimensions."""
    return _Source(element.required, kinds, [Lookup(connection, catalog, element, tuple(kinds))]).fill


def _sources(connection: Connection, catalog: Catalog, group: DimensionGroup, have: Iterable[str]) -> Iterator[_Source]:
    for keys, steps in _plan(group, frozenset(have)):
        kinds: dict[str, str] = {name: group.universe.key_column(name).kind for _, wanted in steps for name in wanted}
        yield _Source(keys, kinds, [Lookup(connection, catalog, *step) for step in steps])


@cache
def _plan(
    group: DimensionGroup, have: frozenset[str]
) -> tuple[tuple[tuple[str, ...], tuple[tuple[Element, tuple[str, ...]], ...]], ...]:
    """Plan which element supplies what: first those that the statement has the keys of, then what these lead to."""
    missing = [name for name in group.implied if name not in have]
    found = []
    for element in (group.universe[name] for name in group.names):
        reached = set(have & {*element.required})
        steps: list[tuple[Element, tuple[str, ...]]] = []
        while (step := _next(group, missing, reached, element if not steps else None)) is not None:
            steps.append(step)
            reached |= {*step[1]}
            missing = [other for other in missing if other not in reached]
        if steps:
            found.append((element.required, tuple(steps)))
    assert not missing, f"nothing supplies {missing} of {group!r}"
    return tuple(found)


def _next(
    group: DimensionGroup, missing: Sequence[str], reached: set[str], only: Element | None
) -> tuple[Element, tuple[str, ...]] | None:
    for element in (group.universe[name] for name in group.names) if only is None else (only,):
        wanted = tuple(name for name in missing if name in element.implies)
        if wanted and reached.issuperset(element.required):
            return element, wanted
    return None
