"""Values for templates of file names that a data ID alone has not: implied dimensions and fields of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bunter.butler.queries import Queries
    from bunter.dimensions import DataCoordinate

__all__ = ["TemplateFields"]


class TemplateFields:
    """Looks values up as templates ask for them, each record once.

    Parameters
    ----------
    queries : Queries
        Finds records.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._known: dict[tuple[str, tuple[object, ...]], Mapping[str, Any]] = {}

    def of(self, names: Iterable[str], data_id: DataCoordinate) -> dict[str, object]:
        """Return values of the fields that a data ID does not have itself; those that cannot be found are left out.

        Parameters
        ----------
        names : iterable of str
            Fields of a template.
        data_id : DataCoordinate
            Of the dataset.
        """
        mapping, group = data_id.mapping, data_id.group
        found: dict[str, object] = {}
        wanted = [name for name in names if name not in mapping]
        if any(name in group.names for name in wanted):
            implied = self._row("", tuple(group.names), {name: mapping[name] for name in group.required})
            found |= {name: implied[name] for name in wanted if implied.get(name) is not None}
        for name in wanted:
            element, dot, field = name.partition(".")
            if dot and element in group.names:
                keys = self._queries.element(element).required
                values = {key: mapping[key] for key in keys if key in mapping}
                if len(values) == len(keys):
                    found |= {name: v} if (v := self._row(element, (), values).get(field)) is not None else {}
        return found

    def _row(self, element: str, names: tuple[str, ...], values: Mapping[str, object]) -> Mapping[str, Any]:
        place = element, tuple(values.values())
        if place not in self._known:
            results: Any = (
                self._queries.records(element, data_id=values)
                if element
                else self._queries.data_ids(names, data_id=values)
            )
            rows = results.limit(1).to_arrow().to_pylist()
            self._known[place] = rows[0] if rows else {}
        return self._known[place]
