"""Results of queries as streams of columns."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from bunter.database.time_limit import limited
from bunter.dimensions import Element
from bunter.dimensions.records import stored_columns
from bunter.registry.attach import Attachments
from bunter.registry.attach_records import RecordColumns, record_columns
from bunter.registry.block_reading import block_reading
from bunter.registry.catalog import BunterCatalog
from bunter.registry.recall import recall
from bunter.registry.spatial import settle
from bunter.registry.spread import Spread
from bunter.registry.translate import result_group, translate
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from bunter.database import Connection, Database
    from bunter.query.bound import BoundQuery
    from bunter.registry.block_reading import Attach
    from bunter.registry.relations import Catalog
    from bunter.registry.roster import Roster
    from bunter.registry.translate import Statement

__all__ = ["ResultColumn", "ResultStream"]

_BATCH_ROWS = 1 << 15
_IN_MEMORY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result.

    Parameters
    ----------
    name : str
        A dimension, a record's column, ``id``, ``run``, or those behind ``<dataset type>.``.
    kind : str
        ``int``, ``str``, ``float``, ``bool``, ``time``, ``hash``, ``region``, ``id`` or ``run`` (in a statement a number).
    """

    name: str
    kind: str


class ResultStream:
    """The rows of a query; each of its methods asks the database anew.

    Parameters
    ----------
    database : Database
        Where to ask.
    roster : callable
        Returns collections and dataset types as a connection sees them.
    query : BoundQuery
        The question.

    Attributes
    ----------
    rows : int
        How many rows `batches` has read.
    time_limit_s : float, optional
        Seconds after which a statement is given up, with a DatabaseBusyError; None, as at first, for no limit.
    """

    def __init__(self, database: Database, roster: Callable[[Connection], Roster], query: BoundQuery) -> None:
        self._database = database
        self._roster = roster
        self.query = query
        self.rows = 0
        self.time_limit_s: float | None = None
        self._known: dict[str, tuple[Any, pa.Array]] = {}

    @cached_property
    def columns(self) -> tuple[ResultColumn, ...]:
        """Columns of the result, in order."""
        query = self.query
        if query.projection is not None:
            return tuple(ResultColumn(name, kind) for name, kind in query.projection.kinds.items())
        sort = ((f"sort {place}", value.kind) for place, (value, _) in enumerate(query.order_by if query.keyed else ()))
        records = record_columns(result_group(query)) if self._with_records else ()
        return (*self._own_columns(), *(ResultColumn(*each) for each in (*records, *sort)))

    @property
    def _with_records(self) -> bool:
        return self.query.with_records and self.query.kind != "records" and self.query.projection is None

    def _own_columns(self) -> tuple[ResultColumn, ...]:
        """Columns that tell rows apart."""
        query = self.query
        if isinstance(query.result, Element):
            return tuple(ResultColumn(name, kind) for name, kind in stored_columns(query.result).items())
        names = [] if query.kind != "datasets" else ["id", "run"]
        if query.kind == "joined":
            labels = (search.label for search in query.searches if search.join != "anti")
            names = [f"{label}.{name}" for label in labels for name in ("id", "run")]
        found = [ResultColumn(name, "id" if name.endswith("id") else "run") for name in names]
        group = result_group(query)
        keys = (ResultColumn(name, group.universe.key_column(name).kind) for name in group.data_id_keys)
        return (*found, *keys)

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow's description of the columns; those of instants (ns TAI) and encoded regions say so in their metadata."""
        pa = pyarrow()
        kinds = (
            (column, {"kind": column.kind} if column.kind in {"time", "region"} else None) for column in self.columns
        )
        return pa.schema([pa.field(column.name, _arrow_type(column.kind), metadata=more) for column, more in kinds])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows in record batches.

        The database is read to its end before the first batch is handed out, into memory or, beyond 64 MB, a temporary
        file: no connection is held while somebody looks at the rows.
        """
        held: list[pa.RecordBatch] = []
        size = 0
        with ExitStack() as stack:
            spool: _Spool | None = None
            for batch in self._read():
                size += batch.nbytes
                self.rows += batch.num_rows
                if spool is None and size > _IN_MEMORY_BYTES:
                    spool = stack.enter_context(_Spool(self.schema))
                if spool is None:
                    held.append(batch)
                else:
                    spool.write(batch)
            yield from held
            if spool is not None:
                yield from spool.read()

    def count(self) -> int:
        """Return the exact number of rows."""
        with self._snapshot() as (connection, catalog):
            statement = self._statement(connection, catalog)
            row = connection.fetchone(statement.count, statement.parameters)
            assert row is not None, "a count is a row"
            return int(row[0])

    def any(self) -> bool:
        """Say whether there is any row."""
        with self._snapshot() as (connection, catalog):
            statement = self._statement(connection, catalog)
            sql = f"SELECT 1 FROM ({statement.text}) AS asked LIMIT 1"
            return connection.fetchone(sql, statement.parameters) is not None

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Connection, BunterCatalog]]:
        with self._database.read(snapshot=True) as connection, limited(connection, self.time_limit_s):
            yield connection, BunterCatalog(self._roster(connection), connection)

    def _statement(self, connection: Connection, catalog: BunterCatalog) -> Statement:
        found = recall(self.query, self._roster(connection), catalog)
        return translate(self.query, catalog, settle(connection, self.query, catalog)) if found is None else found

    def _read(self) -> Iterator[pa.RecordBatch]:
        with self._snapshot() as (connection, catalog):
            group = result_group(self.query)
            blocks = block_reading(connection, catalog, self.query)
            if blocks is not None:
                have, more, found = group.required, blocks.attach, blocks.columns(connection)
            else:
                have, more, found = self._by_row(connection, catalog)
            attach: list[Attach] = [Attachments(connection, catalog, group, have), *more]
            attach += [RecordColumns(connection, catalog, group)] if self._with_records else []
            for columns in found:
                yield self._batch(columns, attach, catalog)

    def _by_row(
        self, connection: Connection, catalog: BunterCatalog
    ) -> tuple[tuple[str, ...], tuple[Attach, ...], Iterator[dict[str, Any]]]:
        statement = self._statement(connection, catalog)
        whole = isinstance(self.query.result, Element) or self.query.projection is not None
        have = result_group(self.query).names if whole else (*statement.columns, *statement.fixed)
        return have, (), _columns_of_rows(connection, statement)

    def _batch(self, columns: dict[str, Any], attach: Sequence[Attach], catalog: Catalog) -> pa.RecordBatch:
        pa = pyarrow()
        for each in attach:
            each(columns)
        arrays = [self._column(column, columns[column.name], catalog) for column in self.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _column(self, column: ResultColumn, values: Any, catalog: Catalog) -> pa.Array:
        if not isinstance(values, Spread):
            return _array(column, values, catalog)
        known = values.values
        if column.name not in self._known or self._known[column.name][0] is not known:
            self._known[column.name] = (known, _array(column, known, catalog))
        return self._known[column.name][1].take(pyarrow().array(values.places))


def _columns_of_rows(connection: Connection, statement: Statement) -> Iterator[dict[str, Any]]:
    getters = [(name, itemgetter(place)) for place, name in enumerate(statement.columns)]
    for rows in connection.stream(statement.text, statement.parameters, _BATCH_ROWS):
        columns: dict[str, Any] = {name: [value] * len(rows) for name, value in statement.fixed.items()}
        yield columns | {name: list(map(getter, rows)) for name, getter in getters}


class _Spool:
    """Record batches in a temporary file, which goes when the context is left."""

    def __init__(self, schema: pa.Schema) -> None:
        pa = pyarrow()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._writer = pa.ipc.new_file(self._file, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def read(self) -> Iterator[pa.RecordBatch]:
        pa = pyarrow()
        self._writer.close()
        reader = pa.ipc.open_file(self._file)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _array(column: ResultColumn, values: Any, catalog: Catalog) -> pa.Array:
    pa = pyarrow()
    if isinstance(values, pa.Array):
        return values
    if column.kind == "run":
        distinct = list(set(values))
        known = [number for number in distinct if number is not None]
        name = dict(zip(known, catalog.names(known), strict=True))
        if len(distinct) == 1 and known:
            return pa.repeat(name[known[0]], len(values))
        return pa.array(map(name.get, values), pa.string(), size=len(values))
    if column.kind == "bool":
        values = [None if value is None else bool(value) for value in values]
    return pa.array(values, _arrow_type(column.kind))


@cache
def _arrow_type(kind: str) -> pa.DataType:
    pa = pyarrow()
    kinds = {
        "int": pa.int64(),
        "str": pa.string(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.int64(),
        "id": pa.binary(16),
        "uuid": pa.binary(16),
        "run": pa.string(),
        "bytes": pa.binary(),
        "hash": pa.binary(),
        "region": pa.binary(),
    }
    return kinds[kind]
