"""Dimension records that datasets need: those of their data IDs, what these refer to, and what travels with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset.inquiries import KeyedRecords
from bunter.dimensions import Records
from bunter.dimensions.records import stored_columns
from bunter.values.arrow import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.dimensions import DimensionGroup, Element, Universe

__all__ = ["NeededRecords", "read_records"]

Key = tuple[Any, ...]
_TOGETHER = 20_000


class NeededRecords:
    """Gathers keys of records, and then reads the records and all that they refer to.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys: dict[str, set[Key]] = {}
        self._values: dict[str, set[Any]] = {}

    def add(self, group: DimensionGroup, values: Mapping[str, Sequence[Any]]) -> None:
        """Need the records of data IDs, given as columns of the required dimensions."""
        for element in _recorded(group):
            if set(element.required) <= values.keys():
                columns = [values[name] for name in element.required]
                self._keys.setdefault(element.name, set()).update(zip(*columns, strict=True))
        for element in group.elements:
            if element.implied_union_target is not None and element.name in values:
                self._values.setdefault(element.name, set()).update(values[element.name])

    def read(self) -> list[Records]:
        """Read the records, in an order in which none comes before what it refers to."""
        universe = self._session.facts.universe
        for name, values in self._values.items():
            self._name(universe[name], sorted(values))
        found: dict[str, list[Records]] = {}
        done: dict[str, set[Key]] = {}
        while open_ := {name: keys for name, keys in self._keys.items() if keys - done.get(name, set())}:
            for name in open_:
                wanted = self._keys[name] - done.get(name, set())
                done.setdefault(name, set()).update(wanted)
                if wanted:  # none, where they have come along with another element's
                    self._follow(universe[name], universe, sorted(wanted, key=repr), found, done)
        return [records for name in universe.sorted(found) for records in found[name]]

    def _name(self, element: Element, values: Sequence[Any]) -> None:
        """Need the records that have values of a dimension without records of its own, such as the filters of a band."""
        assert element.implied_union_target is not None
        target = element.universe[element.implied_union_target]
        for records in read_records(self._session, target, {element.name: values}):
            self._keys.setdefault(target.name, set()).update(records.tuples(target.required))

    def _follow(
        self,
        element: Element,
        universe: Universe,
        keys: Sequence[Key],
        found: dict[str, list[Records]],
        done: dict[str, set[Key]],
    ) -> None:
        table = dict(zip(element.required, map(list, zip(*keys, strict=True)), strict=True))
        for records in read_records(self._session, element, table):
            found.setdefault(element.name, []).append(records)
            self._refer(element, records)
        for other in _companions(universe, element):
            for records in read_records(self._session, other, table):
                new = _unread(records, done.setdefault(other.name, set()))
                if len(new):
                    found.setdefault(other.name, []).append(new)
                    self._refer(other, new)

    def _refer(self, element: Element, records: Records) -> None:
        """Need what records refer to: their required and implied dimensions."""
        group = element.universe.conform([*element.required, *element.implies])
        columns = {name: values for name, values in records.columns.items() if name in group}
        for other in _recorded(group):
            if other is element or not set(other.required) <= columns.keys():
                continue
            rows = zip(*(columns[name] for name in other.required), strict=True)
            self._keys.setdefault(other.name, set()).update(row for row in rows if None not in row)


def _recorded(group: DimensionGroup) -> Iterator[Element]:
    return (element for element in group.elements if element.has_table)


def _companions(universe: Universe, element: Element) -> list[Element]:
    return [other for other in universe.elements.values() if other.populated_by == element.name and other.has_table]


def _unread(records: Records, done: set[Key]) -> Records:
    """Leave out records that were read before, and remember the others."""
    keys = records.tuples(records.element.required)
    rows = [row for row, key in enumerate(keys) if key not in done]
    done.update(keys)
    columns = {name: [values[row] for row in rows] for name, values in records.columns.items()}
    return Records(records.element, columns)


def read_records(
    session: Session, element: Element, table: Mapping[str, Sequence[Any]] | None = None
) -> Iterator[Records]:
    """Yield records of an element, all or those that match rows of a table, in batches."""
    batches = _all(session, element) if table is None else _matching(session, element, table)
    for batch in batches:
        yield Records(element, {name: values_of(batch.column(name)) for name in stored_columns(element)})


def _all(session: Session, element: Element) -> Iterator[Any]:
    from bunter.query import bind_query

    query = bind_query(universe=element.universe, kind="records", result=element)
    yield from session.repository.execute(session.principal, query).batches()


def _matching(session: Session, element: Element, table: Mapping[str, Sequence[Any]]) -> Iterator[Any]:
    for begin in range(0, len(next(iter(table.values()))), _TOGETHER):
        keys = {name: values[begin : begin + _TOGETHER] for name, values in table.items()}
        found = session.repository.answer(session.principal, KeyedRecords(element.name, keys))
        yield from found.combine_chunks().to_batches()
