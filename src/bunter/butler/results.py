"""Results of queries: lazy, iterable, sized on request, and tables when asked."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeAlias, TypeVar, overload

from bunter.butler.tables import Tabular
from bunter.dataset import DatasetRef
from bunter.dimensions import DataCoordinate, DimensionRecord, ExpandedDataCoordinate
from bunter.errors import EmptyQueryResultError, InvalidQueryError, SeveralResultsError
from bunter.query.summaries import Selection
from bunter.values.arrow import values_of
from bunter.values.rows import instances, unhindered, uuids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from bunter.butler.pages import Page
    from bunter.butler.question import Question
    from bunter.butler.reasons import Explanation
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bind import Where
    from bunter.query.expression import Order, Term
    from bunter.query.summaries import Summary
    from bunter.registry import ResultStream

__all__ = [
    "DataIdResults",
    "DatasetResults",
    "Groups",
    "JoinedResults",
    "RecordResults",
    "Results",
    "TableResults",
]

Item = TypeVar("Item")
Tables: TypeAlias = "Mapping[str, Mapping[tuple[Any, ...], DimensionRecord]]"
_SHOWN = 10


class Answers(Protocol):
    """What results need of those who answer."""

    def stream(self, question: Question) -> ResultStream:
        """Return the rows of a question."""

    def explain(self, question: Question) -> Explanation:
        """Say why a question has the rows it has."""


class Results(Tabular, Generic[Item]):
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
            with unhindered():
                made = list(self.items(batch))
            yield from made

    def items(self, batch: pa.RecordBatch) -> Iterable[Item]:
        """Make the rows of a batch of columns."""
        raise NotImplementedError

    def _narrow(self, **changes: Any) -> Self:
        return self.ask(replace(self.question, **changes))

    def ask(self, question: Question) -> Self:
        """Ask another question of the same kind."""
        return type(self)(self._queries, question)

    def where(self, condition: Where, **binds: object) -> Self:
        """Return the rows that also satisfy ``condition``."""
        from bunter.query import conjoined

        both = conjoined(self.question.where, condition)
        return self._narrow(where=both, binds={**self.question.binds, **binds})

    def order_by(self, *names: str | Order | Term) -> Self:
        """Return the same rows sorted by values of the language; ``"-visit"`` sorts downwards, nulls come last."""
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

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        """Return one row by its place, or a list of rows; without `order_by` the order may differ from question to question."""
        if isinstance(place, slice):
            return self._cut(place)
        if place < 0:
            return list(self)[place]
        within = self.question.limit is None or place < self.question.limit
        rows = list(self._narrow(limit=1, offset=self.question.offset + place)) if within else []
        if not rows:
            raise IndexError(f"there is no row {place}; .count() says how many there are")
        return rows[0]

    def _cut(self, place: slice) -> list[Item]:
        begin, end = place.start or 0, place.stop
        if begin < 0 or (end is not None and end < 0) or (place.step or 1) != 1:
            return list(self)[place]
        most = self.question.limit
        ends = [each for each in (end, most) if each is not None]
        limit = max(0, min(ends) - begin) if ends else None
        return list(self._narrow(limit=limit, offset=self.question.offset + begin))

    def page(self, size: int, after: str | None = None) -> Page[Item]:
        """Return rows behind a place: the token of an earlier page, or the first rows.

        The order is that of `order_by`, made complete by what tells rows apart; rows that are added or removed meanwhile neither
        shift nor repeat those to come.
        """
        from bunter.butler.pages import page

        return page(self.question, self.ask, self.items, size, after)

    def pages(self, size: int, after: str | None = None) -> Iterator[Page[Item]]:
        """Yield all rows in pages of ``size``, each asked for when it is wanted; see `page`."""
        token = after
        while True:
            found = self.page(size, token)
            if len(found):
                yield found
            if found.token is None:
                return
            token = found.token

    def select(self, *names: str | Term, **named: str | Term) -> TableResults:
        """Return the same rows with columns of choice: values of the language, under their own names or others."""
        return self._shown(Selection(_columns_of(names, named)))

    def distinct(self, *names: str | Term, **named: str | Term) -> TableResults:
        """Return the different combinations of some values."""
        return self._shown(Selection(_columns_of(names, named), grouped=True))

    def group_by(self, *names: str | Term, **named: str | Term) -> Groups:
        """Put rows into groups that agree on some values, to be summed up by `Groups.aggregate`."""
        return Groups(self, _columns_of(names, named))

    def aggregate(self, **summaries: str | Summary) -> TableResults:
        """Sum up all rows in one: ``n="count(*)"``, ``first="min(exposure.timespan.begin)"``."""
        return Groups(self, ()).aggregate(**summaries)

    def with_dimension_records(self) -> Self:
        """Return the same rows with their dimension records.

        In tables these are columns such as ``visit.exposure_time``; data IDs have ``.records["visit"]``.
        """
        return self._narrow(with_records=True)

    def _tables(self, batch: pa.RecordBatch) -> Tables | None:
        if not self.question.with_records:
            return None
        from bunter.butler.carried import carried_records

        return carried_records(batch, self.question.result)

    def _shown(self, selection: Selection) -> TableResults:
        question = self.question
        if selection.grouped and (question.limit is not None or question.offset):
            raise InvalidQueryError(
                "groups are of whole results: leave out limit and offset, and give them to the groups"
            )
        if question.selection is not None:
            raise InvalidQueryError("columns have been chosen already; begin with the rows themselves")
        order = () if selection.grouped else question.order_by
        return TableResults(self._queries, replace(question, selection=selection, with_records=False, order_by=order))

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
            If there is no row; the message names the constraint that empties the result.
        SeveralResultsError
            If there is more than one.
        """
        rows = list(self.limit(2))
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise SeveralResultsError(
                f"more than one result; the first two are {rows[0]} and {rows[1]}. Narrow the query"
            )
        raise EmptyQueryResultError(self.explain().sentence)

    def explain(self) -> Explanation:
        """Say which constraints empty the result, with counts at each step and what is near; prints as text."""
        return self._queries.explain(self.question)

    def to_reader(self) -> pa.RecordBatchReader:
        """Return the rows as a stream of Arrow record batches, for results that are larger than memory."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(*self._whole_rows())

    def to_arrow(self) -> pa.Table:
        """Return all rows as a pyarrow table."""
        import pyarrow as pa

        schema, batches = self._whole_rows()
        return pa.Table.from_batches(list(batches), schema=schema)

    def _whole_rows(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Return the rows with the columns that a table of data IDs had beside these."""
        stream, question = self._queries.stream(self.question), self.question
        if not question.beside or question.selection is not None:
            return stream.schema, stream.batches()
        from bunter.butler.carried_columns import Beside

        beside = Beside(stream.schema, question.table or {}, question.beside)
        return beside.schema, map(beside.batch, stream.batches())

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


class TableResults(Results[dict[str, Any]]):
    """Rows with columns of choice, each a dict; times are `~astropy.time.Time` in tables and ns TAI in the dicts."""

    def items(self, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
        """See `Results`."""
        yield from batch.to_pylist()


class Groups:
    """Rows put into groups; nothing is asked before they are summed up.

    Parameters
    ----------
    results : Results
        The rows.
    columns : tuple of (str, str or Term)
        What rows of a group agree on.
    """

    def __init__(self, results: Results[Any], columns: tuple[tuple[str, str | Term], ...]) -> None:
        self._results = results
        self._columns = columns

    def aggregate(self, **summaries: str | Summary) -> TableResults:
        """Return one row per group.

        Parameters
        ----------
        **summaries
            Name of each column, and what it says: ``"count(*)"``, ``"count(distinct band)"``, ``"min(...)"``, ``"max(...)"``,
            ``"sum(...)"``, ``"avg(...)"``, or `bunter.query.count` and its like.
        """
        return self._results._shown(Selection(self._columns, tuple(summaries.items()), grouped=True))  # noqa: SLF001 - its other half

    def count(self) -> TableResults:
        """Return the number of rows of each group, as ``count``."""
        return self.aggregate(count="count(*)")


class DataIdResults(Results[DataCoordinate]):
    """Data IDs, each a `DataCoordinate`."""

    def items(self, batch: pa.RecordBatch) -> list[DataCoordinate]:
        """See `Results`."""
        group: DimensionGroup = self.question.result  # type: ignore[assignment]
        return _data_ids(group, _columns(batch, group), batch.num_rows, self._tables(batch))


class DatasetResults(Results[DatasetRef]):
    """Datasets of one type, each a `DatasetRef`."""

    def items(self, batch: pa.RecordBatch) -> list[DatasetRef]:
        """See `Results`."""
        dataset_type: DatasetType = self.question.result  # type: ignore[assignment]
        group = dataset_type.dimensions
        ids, runs = values_of(batch.column("id")), values_of(batch.column("run"))
        data_ids = _data_ids(group, _columns(batch, group), len(ids), self._tables(batch))
        return _refs(dataset_type, ids, runs, data_ids)


class RecordResults(Results[DimensionRecord]):
    """Records of one dimension element, each a `DimensionRecord`."""

    def items(self, batch: pa.RecordBatch) -> Iterator[DimensionRecord]:
        """See `Results`."""
        from bunter.dimensions import Records
        from bunter.dimensions.records import stored_columns

        element: Element = self.question.result  # type: ignore[assignment]
        yield from Records(element, batch.select(stored_columns(element)).to_pydict())


class JoinedResults(Results[tuple[Any, ...]]):
    """One row per data ID: a tuple of the `DataCoordinate` and one `DatasetRef` per dataset type asked for.

    None stands for an optional dataset that is not there.
    """

    def items(self, batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
        """See `Results`."""
        group: DimensionGroup = self.question.result  # type: ignore[assignment]
        columns = _columns(batch, group)
        tables = self._tables(batch)
        data_ids = _data_ids(group, columns, batch.num_rows, tables)
        found: list[Sequence[DatasetRef | None]] = []
        for search in self.question.searches:
            dataset_type = search.dataset_type
            ids, runs = (values_of(batch.column(f"{search.label}.{name}")) for name in ("id", "run"))
            if dataset_type.dimensions is group and search.join == "inner":
                found.append(_refs(dataset_type, ids, runs, data_ids))
            else:
                found.append(_shared_refs(dataset_type, ids, runs, columns, tables))
        yield from zip(data_ids, *found, strict=True)


def _columns(batch: pa.RecordBatch, group: DimensionGroup) -> dict[str, list[Any]]:
    return {key: values_of(batch.column(key)) for key in group.data_id_keys}


def _data_ids(
    group: DimensionGroup, columns: dict[str, list[Any]], count: int, tables: Tables | None = None
) -> list[DataCoordinate]:
    rows = zip(*(columns[key] for key in group.data_id_keys), strict=True) if columns else repeat(())
    if tables is None:
        return instances(DataCoordinate, count, group=repeat(group), values=rows)
    own = {element.name: tables[element.name] for element in group.elements if element.name in tables}
    found: list[DataCoordinate] = []
    found += instances(ExpandedDataCoordinate, count, group=repeat(group), values=rows, tables=repeat(own))
    return found


def _refs(
    dataset_type: DatasetType, ids: list[bytes], runs: list[str], data_ids: list[DataCoordinate]
) -> list[DatasetRef]:
    kinds = repeat(dataset_type)
    whole = repeat(None)
    return instances(
        DatasetRef, len(ids), id=uuids(ids), dataset_type=kinds, data_id=data_ids, run=runs, component=whole
    )


def _shared_refs(
    dataset_type: DatasetType,
    ids: list[bytes | None],
    runs: list[str],
    columns: dict[str, list[Any]],
    tables: Tables | None = None,
) -> list[DatasetRef | None]:
    """Make one reference for each dataset, of which many rows may have the same one, as a calibration; None for null."""
    places = {id_: place for place, id_ in enumerate(ids) if id_ is not None}
    group = dataset_type.dimensions
    chosen = {key: [columns[key][place] for place in places.values()] for key in group.data_id_keys}
    data_ids = _data_ids(group, chosen, len(places), tables)
    refs = _refs(dataset_type, list(places), [runs[place] for place in places.values()], data_ids)
    known: dict[bytes | None, DatasetRef] = dict(zip(places, refs, strict=True))
    return [known.get(id_) for id_ in ids]


def _columns_of(names: tuple[str | Term, ...], named: Mapping[str, str | Term]) -> tuple[tuple[str, str | Term], ...]:
    """Name columns: a value given without a name is called as it is written."""
    plain = ((each.strip() if isinstance(each, str) else str(each), each) for each in names)
    return (*plain, *named.items())
