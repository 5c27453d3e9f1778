"""Results of queries: lazy, iterable, sized on request, and tables when asked."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from bunter.dataset import DatasetRef
from bunter.dimensions import DataCoordinate, DimensionRecord
from bunter.errors import EmptyQueryResultError
from bunter.values.arrow import values_of
from bunter.values.rows import instances, uuids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from astropy.table import Table

    from bunter.butler.question import Answers, Question
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bind import Where

__all__ = ["DataIdResults", "DatasetResults", "JoinedResults", "RecordResults", "Results"]

Item = TypeVar("Item")
_SHOWN = 10


class Results(Generic[Item]):
    """Rows that a question has; nothing is asked until somebody looks.

    Iterate over it, ask `count` or `any`, or take a table with `to_arrow`, `to_table` (astropy), `to_pandas` or
    `to_polars`. `order_by`, `limit`, `offset` and `where` return narrower results.
    """

    def __init__(self, queries: Answers, question: Question) -> None:
        self._queries = queries
        self.question = question
        self._coming: int | None = None

    def __iter__(self) -> Iterator[Item]:
        stream = self._queries.stream(self.question)
        batches = stream.batches()
        first = next(batches, None)
        self._coming = stream.rows  # list() asks for the length between here and the first item
        return self._all_items(() if first is None else chain((first,), batches))

    def _all_items(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Item]:
        self._coming = None
        for batch in batches:
            yield from self._items(batch)

    def _items(self, batch: pa.RecordBatch) -> Iterator[Item]:
        raise NotImplementedError

    def _narrow(self, **changes: Any) -> Self:
        return type(self)(self._queries, replace(self.question, **changes))

    def where(self, condition: Where, **binds: object) -> Self:
        """Return the rows that also satisfy ``condition``."""
        from bunter.query import conjoined

        both = conjoined(self.question.where, condition)
        return self._narrow(where=both, binds={**self.question.binds, **binds})

    def order_by(self, *names: str) -> Self:
        """Return the same rows sorted by ``names``; ``"-visit"`` sorts downwards."""
        return self._narrow(order_by=names)

    def limit(self, count: int) -> Self:
        """Return at most ``count`` rows."""
        return self._narrow(limit=count)

    def offset(self, count: int) -> Self:
        """Leave out the first ``count`` rows."""
        return self._narrow(offset=count)

    def count(self) -> int:
        """Return the exact number of rows."""
        return self._queries.stream(self.question).count()

    def __getitem__(self, place: int) -> Item:
        """Return one row by its place; without `order_by` the order may differ from question to question."""
        if place < 0:
            return list(self)[place]
        within = self.question.limit is None or place < self.question.limit
        rows = list(self._narrow(limit=1, offset=self.question.offset + place)) if within else []
        if not rows:
            raise IndexError(f"there is no row {place}; .count() says how many there are")
        return rows[0]

    def any(self) -> bool:
        """Say whether there is any row."""
        return self._queries.stream(self.question).any()

    def __len__(self) -> int:
        return self.count() if self._coming is None else self._coming

    def __bool__(self) -> bool:
        return self.any()

    def first(self) -> Item | None:
        """Return the first row, None if there is none."""
        return next(iter(self.limit(1)), None)

    def one(self) -> Item:
        """Return the only row.

        Raises
        ------
        EmptyQueryResultError
            If there is no row, or more than one.
        """
        rows = list(self.limit(2))
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise EmptyQueryResultError(
                f"more than one result; the first two are {rows[0]} and {rows[1]}. Narrow the query"
            )
        raise EmptyQueryResultError(self.explain())

    def explain(self) -> str:
        """Say which constraint empties the result, with the number of rows without it."""
        return self._queries.explain(self.question)

    def to_arrow(self) -> pa.Table:
        """Return all rows as a pyarrow table."""
        import pyarrow as pa

        stream = self._queries.stream(self.question)
        return pa.Table.from_batches(list(stream.batches()), schema=stream.schema)

    def to_table(self) -> Table:
        """Return all rows as an astropy table; ids are text, times TAI, open ends masked."""
        from bunter.butler.tables import to_astropy

        return to_astropy(self.to_arrow())

    def to_pandas(self) -> Any:
        """Return all rows as a pandas data frame; ids are text, times TAI, open ends NaT."""
        from bunter.butler.tables import to_pandas

        return to_pandas(self.to_arrow())

    def to_polars(self) -> Any:
        """Return all rows as a polars data frame; ids are text."""
        from bunter.butler.tables import to_polars

        return to_polars(self.to_arrow())

    def __repr__(self) -> str:
        rows = list(self.limit(_SHOWN + 1) if self.question.limit is None else self)
        lines = [f"  {row}" for row in rows[:_SHOWN]]
        more = [f"  ... {self.count()} in all; .to_table() has them"] if len(rows) > _SHOWN else []
        return "\n".join(
            [f"{type(self).__name__}: {self._title()}{'' if rows else ' (none; .explain() says why)'}", *lines, *more]
        )

    def _title(self) -> str:
        from bunter.query import split_conjuncts

        parts = split_conjuncts(self.question.where)
        where = f" where {' AND '.join(parts)}" if parts else ""
        name = getattr(self.question.result, "name", None) or str(self.question.result)
        return f"{name}{where}"

    def _repr_html_(self) -> str:
        table = (self.limit(_SHOWN) if self.question.limit is None else self).to_table()
        count = self.count()
        return f"<p>{escape(self._title())}: {count} row{'' if count == 1 else 's'}</p>{table._repr_html_()}"


class DataIdResults(Results[DataCoordinate]):
    """Data IDs, each a `DataCoordinate`."""

    def _items(self, batch: pa.RecordBatch) -> Iterator[DataCoordinate]:
        group: DimensionGroup = self.question.result  # type: ignore[assignment]
        yield from _data_ids(group, _columns(batch, group), batch.num_rows)


class DatasetResults(Results[DatasetRef]):
    """Datasets of one type, each a `DatasetRef`."""

    def _items(self, batch: pa.RecordBatch) -> Iterator[DatasetRef]:
        dataset_type: DatasetType = self.question.result  # type: ignore[assignment]
        group = dataset_type.dimensions
        ids, runs = values_of(batch.column("id")), values_of(batch.column("run"))
        yield from _refs(dataset_type, ids, runs, _data_ids(group, _columns(batch, group), len(ids)))


class RecordResults(Results[DimensionRecord]):
    """Records of one dimension element, each a `DimensionRecord`."""

    def _items(self, batch: pa.RecordBatch) -> Iterator[DimensionRecord]:
        from bunter.dimensions import Records

        element: Element = self.question.result  # type: ignore[assignment]
        yield from Records(element, batch.to_pydict())


class JoinedResults(Results[tuple[Any, ...]]):
    """One row per data ID: a tuple of the `DataCoordinate` and one `DatasetRef` per dataset type asked for."""

    def _items(self, batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
        group: DimensionGroup = self.question.result  # type: ignore[assignment]
        columns = _columns(batch, group)
        data_ids = _data_ids(group, columns, batch.num_rows)
        found = []
        for dataset_type, _, _ in self.question.searches:
            ids, runs = (values_of(batch.column(f"{dataset_type.name}.{name}")) for name in ("id", "run"))
            if dataset_type.dimensions is group:
                found.append(_refs(dataset_type, ids, runs, data_ids))
            else:
                found.append(_shared_refs(dataset_type, ids, runs, columns))
        yield from zip(data_ids, *found, strict=True)


def _columns(batch: pa.RecordBatch, group: DimensionGroup) -> dict[str, list[Any]]:
    return {key: values_of(batch.column(key)) for key in group.data_id_keys}


def _data_ids(group: DimensionGroup, columns: dict[str, list[Any]], count: int) -> list[DataCoordinate]:
    rows = zip(*(columns[key] for key in group.data_id_keys), strict=True) if columns else repeat(())
    return instances(DataCoordinate, count, group=repeat(group), values=rows)


def _refs(
    dataset_type: DatasetType, ids: list[bytes], runs: list[str], data_ids: list[DataCoordinate]
) -> list[DatasetRef]:
    kinds = repeat(dataset_type)
    whole = repeat(None)
    return instances(
        DatasetRef, len(ids), id=uuids(ids), dataset_type=kinds, data_id=data_ids, run=runs, component=whole
    )


def _shared_refs(
    dataset_type: DatasetType, ids: list[bytes], runs: list[str], columns: dict[str, list[Any]]
) -> list[DatasetRef]:
    """Make one reference for each dataset, of which many rows may have the same one, as a calibration."""
    places = dict(zip(ids, range(len(ids)), strict=True))
    group = dataset_type.dimensions
    chosen = {key: [columns[key][place] for place in places.values()] for key in group.data_id_keys}
    data_ids = _data_ids(group, chosen, len(places))
    refs = _refs(dataset_type, list(places), [runs[place] for place in places.values()], data_ids)
    return list(map(dict(zip(places, refs, strict=True)).__getitem__, ids))
