"""What refers to dimension records: other records and datasets, counted in sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bunter.dataset import CollectionType
from bunter.registry.layout import element_table
from bunter.registry.relations import quoted
from bunter.values import counted, pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import RecordReferences
    from bunter.dimensions import Element
    from bunter.registry.layout import GroupLayout
    from bunter.registry.roster import Roster

__all__ = ["Reference", "answer_references", "companions", "references"]

_SEEKS = 200_000


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows of one kind that name some dimension records.

    Parameters
    ----------
    kind : str
        "records", "datasets", or "along" for records that go with those that they name.
    name : str
        Element or dataset type.
    count : int
        How many rows.
    example : str
        Data ID of one of them.
    """

    kind: str
    name: str
    count: int
    example: str

    def __str__(self) -> str:
        if self.kind == "datasets":
            return f"{counted(self.count, 'dataset')} of type {self.name!r} (such as {self.example})"
        return f"{counted(self.count, f'{self.name} record')} (such as {self.example})"


class _Given(NamedTuple):
    """Uploaded values of some dimensions."""

    names: tuple[str, ...]
    table: str
    size: int


def references(
    connection: Connection, roster: Roster, element: Element, columns: Mapping[str, Sequence[Any]]
) -> list[Reference]:
    """Return what names some records of an element.

    Parameters
    ----------
    connection : Connection
        Where to look.
    roster : Roster
        Dataset types and runs.
    element : Element
        What they are records of.
    columns : mapping of str to sequence
        Values of its required dimensions.
    """
    if not element.is_dimension:  # nothing but queries joins a combination
        return []
    rows = list(dict.fromkeys(zip(*(columns[name] for name in element.required), strict=True)))
    found = list(_of_values(connection, roster, element, element.required, rows))
    for union in element.universe.elements.values():
        if union.implied_union_target == element.name:
            values = _vanishing(connection, element, union.name, rows)
            found += _of_values(connection, roster, union, (union.name,), values)
    return found


def answer_references(connection: Connection, roster: Roster, inquiry: RecordReferences) -> pa.Table:
    """See `bunter.dataset.inquiries.RecordReferences`."""
    found = references(connection, roster, roster.universe[inquiry.element], inquiry.columns)
    pa = pyarrow()
    schema = pa.schema([("kind", pa.string()), ("name", pa.string()), ("count", pa.int64()), ("example", pa.string())])
    rows = [{name: getattr(each, name) for name in schema.names} for each in found]
    return pa.Table.from_pylist(rows, schema=schema)


def companions(element: Element) -> list[Element]:
    """Pick the combinations whose records go with those of an element."""
    return [each for each in element.universe.combinations if each.populated_by == element.name]


def _of_values(
    connection: Connection, roster: Roster, element: Element, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> Iterator[Reference]:
    if not rows:
        return
    given = _Given(names, connection.upload("referred", len(names), rows), len(rows))
    for other in element.universe.elements.values():
        if other.name != element.implied_union_target and element.name in (*other.requires, *other.implies):
            kind = "along" if other.populated_by == element.name else "records"
            yield from _records(connection, other, given, kind)
    for layout in sorted(roster.layouts.values(), key=lambda each: each.number):
        if set(names) <= set(layout.dimensions.required):
            yield from _datasets(connection, roster, layout, given)


def _records(connection: Connection, other: Element, given: _Given, kind: str) -> Iterator[Reference]:
    inside = f"FROM {quoted(element_table(other))} WHERE {_among(given.names, given.table)}"
    count = _number(connection, f"SELECT count(*) {inside}")
    if count:
        keys = ", ".join(map(quoted, other.required))
        example = connection.fetchone(f"SELECT {keys} {inside} LIMIT 1")
        assert example is not None, "there is one"
        yield Reference(kind, other.name, count, _said(other.required, example))


def _datasets(connection: Connection, roster: Roster, layout: GroupLayout, given: _Given) -> Iterator[Reference]:
    types = [row for row in roster.rows.values() if row.layout.number == layout.number]
    rows = map(roster.collections.row, roster.collections)
    runs = [row.number for row in rows if row.type is CollectionType.RUN]
    if not types or not runs:
        return
    keys = ", ".join(f"s.{quoted(name)}" for name in layout.dimensions.required)
    leading = set(layout.keys[: len(given.names)]) == set(given.names)
    if leading and given.size * len(types) * len(runs) <= _SEEKS:
        inside = _sought(layout, given, [row.number for row in types], runs)
    else:
        inside = f"FROM {layout.datasets} s WHERE {_among(given.names, given.table, 's')}"
    for number, count in connection.fetchall(f"SELECT s.type, count(*) {inside} GROUP BY s.type"):
        kind = roster.by_number[number].dataset_type
        example = connection.fetchone(f"SELECT {keys} {inside} AND s.type = {number} LIMIT 1")
        assert example is not None, "there is one"
        yield Reference("datasets", kind.name, count, _said(layout.dimensions.required, example))


def _sought(layout: GroupLayout, given: _Given, types: Sequence[int], runs: Sequence[int]) -> str:
    """Return a join that looks up each value in each run: the values lead the index behind type and run."""
    equal = " AND ".join(f"s.{quoted(name)} = q.c{place}" for place, name in enumerate(given.names))
    of = f"s.type IN ({', '.join(map(str, types))}) AND s.run IN ({', '.join(map(str, runs))})"
    return f"FROM {given.table} q CROSS JOIN {layout.datasets} s WHERE {of} AND {equal}"


def _vanishing(connection: Connection, element: Element, union: str, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return the values of an implied dimension that only the records named have."""
    given = connection.upload("vanishing", len(element.required), rows)
    table, column = quoted(element_table(element)), quoted(union)
    ours = _among(element.required, given)
    others = f"SELECT {column} FROM {table} WHERE NOT {ours} AND {column} IS NOT NULL"
    found = (
        f"SELECT DISTINCT {column} FROM {table} WHERE {ours} AND {column} IS NOT NULL AND {column} NOT IN ({others})"
    )
    return connection.fetchall(found)


def _among(names: Sequence[str], given: str, alias: str = "") -> str:
    dot = f"{alias}." if alias else ""
    values = ", ".join(f"{dot}{quoted(name)}" for name in names)
    places = ", ".join(f"c{place}" for place in range(len(names)))
    return f"({values}) IN (SELECT {places} FROM {given})"


def _number(connection: Connection, sql: str) -> int:
    row = connection.fetchone(sql)
    assert row is not None, "a count is a row"
    return int(row[0])


def _said(names: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))
