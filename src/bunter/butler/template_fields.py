"""Values for templates of file names that a data ID alone has not: implied dimensions and fields of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bunter.butler.queries import Queries
    from bunter.dimensions import DataCoordinate, DimensionGroup, Element

__all__ = ["TemplateFields"]

_IN_ONE_QUESTION = 20_000
_LARGE = {"region"}


class TemplateFields:
    """Looks values up as templates ask for them: each record once, and those of many data IDs together.

    Parameters
    ----------
    queries : Queries
        Finds records.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._records: dict[str, dict[tuple[object, ...], Mapping[str, Any]]] = {}

    def of(self, names: Collection[str], data_id: DataCoordinate) -> dict[str, object]:
        """Return values of the fields that a data ID does not have itself; those that cannot be found are left out.

        Parameters
        ----------
        names : collection of str
            Fields of a template.
        data_id : DataCoordinate
            Of the dataset.
        """
        return self.of_many(names, data_id.group, [data_id.mapping])[0] if names else {}

    def of_many(
        self, names: Iterable[str], group: DimensionGroup, data_ids: Sequence[Mapping[str, object]]
    ) -> list[dict[str, object]]:
        """Return as `of` does for many data IDs of one group, with one question for each element that is asked."""
        wanted = [
            name
            for name in names
            if name.partition(".")[0] in group.names and not all(name in data_id for data_id in data_ids)
        ]
        known = [dict(data_id) for data_id in data_ids]
        if not wanted:
            return [{} for _ in known]
        for name in group.lookup_order:
            self._imply(name, group, known)
        return self._found(wanted, group, known)

    def _found(
        self, wanted: Sequence[str], group: DimensionGroup, known: Sequence[dict[str, object]]
    ) -> list[dict[str, object]]:
        columns: dict[str, list[object]] = {}
        for name in wanted:
            element, dot, field = name.partition(".")
            if dot:
                columns[name] = self._column(group.universe[element], field, known)
            else:
                columns[name] = [values.get(name) for values in known]
        return [
            {name: column[row] for name, column in columns.items() if column[row] is not None}
            for row in range(len(known))
        ]

    def _imply(self, name: str, group: DimensionGroup, known: Sequence[dict[str, object]]) -> None:
        """Add the values of a dimension that others of the group imply."""
        if all(name in values for values in known):
            return
        for element in group.elements:
            if name in element.implies:
                for values, value in zip(known, self._column(element, name, known), strict=True):
                    if value is not None:
                        values.setdefault(name, value)

    def _column(self, element: Element, field: str, known: Sequence[Mapping[str, object]]) -> list[object]:
        if not element.has_table:
            return [None] * len(known)
        keys = [
            tuple(values[key] for key in element.required) if all(key in values for key in element.required) else None
            for values in known
        ]
        self._look_up(element, {key for key in keys if key is not None})
        records = self._records[element.name]
        return [None if key is None else records.get(key, {}).get(field) for key in keys]

    def _look_up(self, element: Element, keys: set[tuple[Any, ...]]) -> None:
        """Ask for the records that are not known yet; others that share a key with them may come along."""
        there = self._records.setdefault(element.name, {})
        missing = keys - there.keys()
        if not missing:
            return
        own = element.required[-1]
        values = sorted({key[-1] for key in missing})
        for first in range(0, len(values), _IN_ONE_QUESTION):
            some = values[first : first + _IN_ONE_QUESTION]
            table = self._queries.records(element.name, where=f"{own} IN (:some)", bind={"some": some}).to_arrow()
            for row in table.select([name for name in table.column_names if name not in _LARGE]).to_pylist():
                there[tuple(row[key] for key in element.required)] = row
        for key in missing - there.keys():
            there[key] = {}
