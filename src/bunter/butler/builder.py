"""Questions put together step by step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bunter.butler.search import Search, Searched
from bunter.errors import InvalidQueryError
from bunter.query import conjoined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bunter.butler.queries import Queries
    from bunter.butler.results import DataIdResults, DatasetResults, JoinedResults, RecordResults, TableResults
    from bunter.butler.search import Names
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup
    from bunter.query.bind import Where
    from bunter.query.expression import Term

__all__ = ["Query"]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question in the making, from ``butler.query()``; every method returns a new one and leaves this as it is.

    Join dimensions, datasets and tables of data IDs, narrow down with `where`, and then take `data_ids`, `datasets`,
    `dimension_records`, `joined` rows or a `table` of columns. Nothing is asked before somebody looks at the rows.

    Parameters
    ----------
    queries : Queries
        Who answers.
    """

    queries: Queries = field(repr=False)
    _where: Where = None
    _binds: Mapping[str, object] = field(default_factory=dict)
    _data_id: Mapping[str, object] = field(default_factory=dict)
    _searches: tuple[Searched, ...] = ()
    _dimensions: tuple[str, ...] = ()
    _table: Mapping[str, Sequence[object]] | None = field(default=None, repr=False)
    _beside: Mapping[str, Any] | None = field(default=None, repr=False)

    def where(self, *conditions: Where, bind: Mapping[str, object] | None = None, **data_id: object) -> Query:
        """Keep the rows for which all of these hold: text or `bunter.query.x`, and values of a data ID."""
        return replace(
            self,
            _where=conjoined(self._where, *conditions),
            _binds={**self._binds, **(bind or {})},
            _data_id={**self._data_id, **data_id},
        )

    def join_dimensions(self, *dimensions: str | Iterable[str]) -> Query:
        """Join dimensions: rows have values of these that belong together."""
        names = [name for each in dimensions for name in ((each,) if isinstance(each, str) else each)]
        return replace(self, _dimensions=(*self._dimensions, *names))

    def join_datasets(self, *dataset_types: str | DatasetType | Search, collections: Names = None) -> Query:
        """Join datasets: rows have one of each type, or may have one where a `Search` is optional."""
        wanted = [each if isinstance(each, Search) else Search(each) for each in dataset_types]
        found = (self.queries.search(each, collections) for each in wanted)
        return replace(self, _searches=(*self._searches, *found))

    def join_data_ids(self, table: Any) -> Query:
        """Join data IDs: rows match one of a table, see `Butler.query_datasets` for what may be one."""
        from bunter.butler.given_data_ids import given_data_ids

        if self._table is not None:
            raise InvalidQueryError("data IDs have been joined already; put all of them into one table")
        keys, others = given_data_ids(table, self.queries.universe)
        return replace(self, _table=keys, _beside=others)

    def data_ids(self, dimensions: str | Iterable[str] | None = None) -> DataIdResults:
        """Return the data IDs of some dimensions, by default of all that were joined."""
        from bunter.butler.results import DataIdResults

        group = self._group() if dimensions is None else self.queries.group(dimensions)
        return DataIdResults(self.queries, self.queries.question("data_ids", group, **self._parts()))

    def datasets(self, dataset_type: str | DatasetType | Search, collections: Names = None) -> DatasetResults:
        """Return the datasets of a type; one that was joined already is that one."""
        from bunter.butler.results import DatasetResults

        label = dataset_type if isinstance(dataset_type, str) else getattr(dataset_type, "name", "")
        known = [search for search in self._searches if search.label == label and search.join == "inner"]
        search = known[0] if known else self.queries.search(dataset_type, collections)
        parts = self._parts()
        parts["searches"] = (search, *(each for each in self._searches if each is not search))
        return DatasetResults(self.queries, self.queries.question("datasets", search.dataset_type, **parts))

    def dimension_records(self, element: str) -> RecordResults:
        """Return the records of a dimension element."""
        from bunter.butler.results import RecordResults

        question = self.queries.question("records", self.queries.element(element), **self._parts())
        return RecordResults(self.queries, question)

    def joined(self) -> JoinedResults:
        """Return a row per data ID of all that was joined, with one dataset of each search."""
        from bunter.butler.results import JoinedResults

        return JoinedResults(self.queries, self.queries.question("joined", self._group(), **self._parts()))

    def table(self, *names: str | Term, **named: str | Term) -> TableResults:
        """Return columns of choice, values of the language, of the rows of `joined`; joins the dimensions that they name."""
        from bunter.query.mentions import names_in

        universe = self.queries.universe
        heads = {name.partition(".")[0] for each in (*names, *named.values()) for name in names_in(each)}
        needed = {key for head in heads if head in universe for key in universe[head].required}
        return self.join_dimensions(sorted(needed)).joined().select(*names, **named)

    def _group(self) -> DimensionGroup:
        """Return all dimensions joined."""
        names = {name for search in self._searches for name in search.dataset_type.dimensions.names}
        return self.queries.group({*names, *self._dimensions, *(self._table or ())})

    def _parts(self) -> dict[str, Any]:
        return {
            "searches": self._searches,
            "where": self._where,
            "binds": self._binds,
            "data_id": self._data_id,
            "table": self._table,
            "beside": self._beside,
            "more": self.queries.group(self._dimensions) if self._dimensions else None,
        }
