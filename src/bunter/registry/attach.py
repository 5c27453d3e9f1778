"""Implied dimensions filled in behind a statement: one look at each record instead of a join for each row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Connection
    from bunter.dimensions import DimensionGroup, Element
    from bunter.registry.relations import Catalog

__all__ = ["Attachments"]


@dataclass(slots=True)
class _Step:
    """Values of some columns from the records of one element, by its required dimensions."""

    element: Element
    wanted: tuple[str, ...]
    known: dict[tuple[Any, ...], int] = field(default_factory=dict)
    values: list[tuple[Any, ...]] = field(default_factory=list)


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

    def __init__(
        self, connection: Connection, catalog: Catalog, group: DimensionGroup, columns: Sequence[str]
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._steps = list(_steps(group, set(columns)))

    def __call__(self, columns: dict[str, Any]) -> None:
        """Add the missing columns, as Arrow arrays, to a batch of lists or arrays."""
        for step in self._steps:
            self._fill(step, columns)

    def _fill(self, step: _Step, columns: dict[str, Any]) -> None:
        import pyarrow as pa

        keys = [columns[name] for name in step.element.required]
        keys = [key.to_pylist() if isinstance(key, pa.Array) else key for key in keys]
        rows = list(zip(*keys, strict=True))
        self._learn(step, set(rows).difference(step.known))
        places = pa.array(list(map(step.known.__getitem__, rows)), pa.int64())
        kinds = {column.name: column.kind for column in step.element.columns}
        for name, values in zip(step.wanted, zip(*step.values, strict=True), strict=True):
            kind = pa.int64() if kinds[name] == "int" else pa.string()
            columns[name] = pa.array(values, kind).take(places)

    def _learn(self, step: _Step, rows: set[tuple[Any, ...]]) -> None:
        if not rows:
            return
        names = step.element.required
        table = self._connection.upload("attach", len(names), rows)
        relation = self._catalog.element(step.element, "r")
        equal = " AND ".join(f"{relation.keys[name]} = q.c{place}" for place, name in enumerate(names))
        columns = ", ".join(relation.columns[name] for name in step.wanted)
        sql = f"SELECT q.*, {columns} FROM {table} q LEFT JOIN {relation.source} ON {equal}"  # noqa: S608 - our names
        for row in self._connection.fetchall(sql):
            step.known[row[: len(names)]] = len(step.values)
            step.values.append(row[len(names) :])


def _steps(group: DimensionGroup, have: set[str]) -> Sequence[_Step]:
    """Plan such that the keys of each step come from the statement or from earlier steps."""
    steps: list[_Step] = []
    missing = [name for name in group.implied if name not in have]
    while missing:
        for element in (group.universe[name] for name in group.names):
            wanted = tuple(name for name in missing if name in element.implies)
            if wanted and have.issuperset(element.required):
                steps.append(_Step(element, wanted))
                have.update(wanted)
                break
        else:
            raise AssertionError(f"nothing supplies {missing} of {group!r}")
        missing = [name for name in missing if name not in have]
    return steps


