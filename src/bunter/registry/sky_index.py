"""The index by which records are found by where on the sky their region is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.query import bound
from bunter.registry.layout import element_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Connection, Transaction
    from bunter.dimensions import Element, Universe
    from bunter.query.bound import Predicate
    from bunter.registry.relations import Relation

__all__ = ["add_cell_columns", "create_sky_index", "fill_cells", "near", "read_by_place"]

_CELL = "sky_cell"
_BLOCK = 50_000


def create_sky_index(tx: Transaction, element: Element) -> None:
    """Make the index of an element's table, if it has regions."""
    if element.has_table and element.spatial is not None:
        table = element_table(element)
        tx.execute(f'CREATE INDEX IF NOT EXISTS "{table}_{_CELL}" ON "{table}" ({_CELL})')


def add_cell_columns(tx: Transaction, universe: Universe) -> None:
    """Give tables of older formats the column, empty."""
    from bunter.database.migrations import column_names, table_names

    known = table_names(tx)
    for element in universe.elements.values():
        table = element_table(element)
        if (
            element.has_table
            and element.spatial is not None
            and table in known
            and _CELL not in column_names(tx, table)
        ):
            tx.execute(f'ALTER TABLE "{table}" ADD COLUMN {_CELL} INTEGER')


def fill_cells(tx: Transaction, element: Element) -> None:
    """Work out the cells of records that have a region and no cell, some at a time."""
    from bunter.geometry import caps
    from bunter.geometry.cells import cells_of

    table = element_table(element)
    keys = ", ".join(f'"{name}"' for name in element.required)
    which = " AND ".join(f'"{name}" = ?' for name in element.required)
    without = f'SELECT {keys}, region FROM "{table}" WHERE region IS NOT NULL AND {_CELL} IS NULL LIMIT {_BLOCK}'
    while rows := tx.fetchall(without):
        cells = cells_of(caps([bytes(row[-1]) for row in rows])).tolist()
        values = [(cell, *row[:-1]) for cell, row in zip(cells, rows, strict=True)]
        tx.executemany(f'UPDATE "{table}" SET {_CELL} = ? WHERE {which}', values)


def read_by_place(element: Element, terms: Iterable[Predicate]) -> bool:
    """Say whether the index leaves fewer records than conditions: none names some of the element's own, or a range."""
    own = {name for name in element.required if not element.universe[name].governor}
    return not any(own & _named(term) for term in terms)


def _named(term: Predicate) -> set[str]:
    match term:
        case bound.Comparison(op, bound.KeyColumn(name), bound.Constant()) if op != "!=":
            return {name}
        case bound.Comparison(op, bound.Constant(), bound.KeyColumn(name)) if op != "!=":
            return {name}
        case bound.Membership(bound.KeyColumn(name)):
            return {name}
        case _:
            return set()


def near(connection: Connection, element: Element, relation: Relation, circle: Sequence[float]) -> Relation:
    """Return those records of a relation that may meet a circle, by the index, to be read before all others.

    Parameters
    ----------
    connection : Connection
        Gets the ranges of cells.
    element : Element
        Whose records.
    relation : Relation
        All of them.
    circle : sequence of float
        Unit vector of the centre and opening angle in radians.
    """
    from bunter.geometry.cells import cells_near

    ranges = connection.upload(f"cells_{element.name}", 2, cells_near(circle), ["int", "int"])
    alias = relation.source.rpartition(" ")[2]
    source = (
        f'(SELECT s.* FROM {ranges} r CROSS JOIN "{element_table(element)}" s '
        f"WHERE s.{_CELL} BETWEEN r.c0 AND r.c1) {alias}"
    )
    return replace(relation, source=source, leading=True)
