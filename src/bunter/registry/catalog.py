"""Our own schema as a catalog of relations."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bunter.database import SQLITE
from bunter.database.json_text import json_text
from bunter.dataset import CollectionType
from bunter.registry.activities import activity_of
from bunter.registry.annotation_sql import annotation_sql
from bunter.registry.layout import SKY_COLUMNS, element_columns, element_table, lived
from bunter.registry.metadata_index import indexes_of
from bunter.registry.relations import Relation, quoted
from bunter.values import MAX_NS, MIN_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Connection, Dialect
    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bound import HeaderColumn
    from bunter.registry.collections import CollectionRow
    from bunter.registry.relations import Binding, SearchRequest
    from bunter.registry.roster import Roster, TypeRow

__all__ = ["BunterCatalog"]

_APART = 16  # runs that are read one by one
_FIELDS = ("id", "run", "collection", "timespan_begin", "timespan_end")


class BunterCatalog:
    """Relations in the tables of `bunter.registry.schema`.

    Parameters
    ----------
    roster : Roster
        Numbers of collections and dataset types.
    connection : Connection, optional
        Where to see which collections of a chain have calibrations of a type at all; all are searched by default.
    """

    def __init__(self, roster: Roster, connection: Connection | None = None) -> None:
        self._roster = roster
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        """See `Catalog`."""
        return SQLITE if self._connection is None else self._connection.dialect

    def element(self, element: Element, alias: str) -> Relation:
        """See `Catalog`."""
        names = element_columns(element) + (tuple(SKY_COLUMNS) if element.spatial is not None else ())
        dimensions = {*element.required, *element.implies}
        return Relation(
            f"{quoted(element_table(element))} {alias}",
            {name: f"{alias}.{quoted(name)}" for name in names if name in dimensions},
            {name: f"{alias}.{quoted(name)}" for name in names},
        )

    def values(self, element: Element, alias: str) -> Relation:
        """See `Catalog`."""
        assert element.implied_union_target is not None, "all other elements have tables"
        table = quoted(element_table(element.universe[element.implied_union_target]))
        name = quoted(element.name)
        source = f"(SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL) {alias}"
        return Relation(source, {element.name: f"{alias}.{name}"}, {element.name: f"{alias}.{name}"})

    def dimensions(self, dataset_type: str) -> DimensionGroup:
        """See `Catalog`."""
        return self._roster.type_row(dataset_type).dataset_type.dimensions

    def annotation(self, column: HeaderColumn, id_: str, binding: Binding) -> str:
        """See `Catalog`."""
        spelling = json_text(self._connection)
        path = binding(spelling.path(column.path))
        wanted: Any = column.kind
        return annotation_sql(spelling, column.field, id_, path, wanted, self._roster.as_of)  # type: ignore[arg-type]

    def metadata_index(self, dataset_type: str, column: HeaderColumn) -> int | None:
        """See `Catalog`."""
        if self._connection is None or self._roster.as_of is not None:
            return None
        key = (self._roster.type_row(dataset_type).number, column.field, column.path)
        return indexes_of(self._roster, self._connection).get(key)

    def collection_name(self, number: str) -> str:
        """See `Catalog`."""
        now = f"(SELECT name FROM collection WHERE number = {number})"
        if (as_of := self._roster.as_of) is None:
            return now
        former = f"SELECT f.name FROM collection_former f WHERE f.number = {number} AND f.retired > {as_of}"
        return f"coalesce(({former} ORDER BY f.retired LIMIT 1), {now})"

    def names(self, numbers: Iterable[int]) -> list[str]:
        """See `Catalog`."""
        name = self._roster.collections.name
        return [name(number) for number in numbers]

    def search(self, request: SearchRequest, alias: str) -> Relation:
        """See `Catalog`."""
        kind = self._roster.type_row(request.search.dataset_type)
        catalog = self._roster.collections
        rows = [catalog.row(name) for name in catalog.flatten(request.search.collections)]
        if not kind.dataset_type.is_calibration:
            rows = [row for row in rows if row.type is not CollectionType.CALIBRATION]
        elif len({row.type for row in rows}) > 1 and self._connection is not None and self._roster.as_of is None:
            rows = _filled(self._connection, kind, rows)
        ranked = request.find_first and len(rows) > 1
        order = [row.number for row in rows]
        if request.before_last:
            rows = rows[:-1]
        if len({row.type for row in rows}) == 1 and not ranked:
            return self._alike(kind, rows, alias)
        timed = any(row.type is CollectionType.CALIBRATION for row in rows)
        if rows and (timed or request.before_last or not ranked):
            return self._separate(kind, rows, alias, order, timed=timed, ranked=ranked)
        early = request.early({name: quoted(name) for name in kind.dataset_type.dimensions.required})
        if request.ordered and {row.type for row in rows} == {CollectionType.RUN} and len(rows) <= _APART:
            first, *others = (f"({arm}) {alias}" for arm in _run_by_run(kind, order, early))
            fields = {name: f"{alias}.{name}" for name in (*_FIELDS, "rank")}
            return self._relation(kind, first, alias, fields, others=tuple(others))
        body = " UNION ALL ".join(_parts(kind, rows, order, early))
        return self._chosen(kind, _first(body, _quick_keys(kind), self.dialect) if rows else _nothing(kind), alias)

    def _relation(self, kind: TypeRow, source: str, alias: str, fields: dict[str, str], **more: object) -> Relation:
        fields["ingest_date"] = _ingest_date(fields["id"], self._roster.as_of)
        fields["activity"] = activity_of(fields["id"], "c.activity")
        fields["activity_label"] = activity_of(fields["id"], "a.label")
        keys = {name: f"{alias}.{quoted(name)}" for name in kind.dataset_type.dimensions.required}
        return Relation(source, keys, fields, **more)  # type: ignore[arg-type]

    def _alike(self, kind: TypeRow, rows: Sequence[CollectionRow], alias: str) -> Relation:
        """Read collections of one type straight from their table."""
        fields = {name: f"{alias}.{name}" for name in _FIELDS} | {"rank": "0"}
        conditions = [f"{alias}.type = {kind.number}"]
        tables, column = _sources(kind, rows[0].type), "collection"
        if rows[0].type is CollectionType.RUN:
            column = "run"
            fields["collection"] = f"{alias}.run"
        else:
            conditions.append(kind.layout.living(alias))
        if rows[0].type is not CollectionType.CALIBRATION:
            fields |= {"timespan_begin": str(MIN_NS), "timespan_end": str(MAX_NS)}
        conditions.append(f"{alias}.{column} IN ({_listed(row.number for row in rows)})")
        timed = rows[0].type is CollectionType.CALIBRATION
        more: dict[str, object] = {
            "conditions": tuple(conditions),
            "unique": len(rows) == 1 and not timed,
            "timed": timed,
            "runs": tuple(row.number for row in rows if row.type is CollectionType.RUN),
            "clustered": kind.layout.keys if rows[0].type is not CollectionType.TAGGED and len(tables) == 1 else (),
        }
        first, *others = (f"{table} {alias}" for table in tables)
        return self._relation(kind, first, alias, fields, others=tuple(others), **more)

    def _separate(
        self, kind: TypeRow, rows: Sequence[CollectionRow], alias: str, order: Sequence[int], **more: Any
    ) -> Relation:
        """Read collections each from the table of its type: all count, or which does depends on the time in question."""
        first, *others = (f"({part}) {alias}" for part in _parts(kind, rows, order))
        fields = {name: f"{alias}.{name}" for name in (*_FIELDS, "rank")}
        return self._relation(kind, first, alias, fields, unique=False, others=tuple(others), **more)

    def _chosen(self, kind: TypeRow, body: str, alias: str) -> Relation:
        """Read what a statement makes of the choice between collections."""
        fields = {name: f"{alias}.{name}" for name in (*_FIELDS, "rank")}
        return self._relation(kind, f"({body}) {alias}", alias, fields)


def _filled(connection: Connection, kind: TypeRow, rows: Sequence[CollectionRow]) -> list[CollectionRow]:
    """Leave out collections that have no dataset of a type, so that most searches end up in a single table."""
    found: set[int] = set()
    for each, table in _tables(kind).items():
        column = "run" if each is CollectionType.RUN else "collection"
        source, parameters = connection.inline(1, [(row.number,) for row in rows if row.type is each])
        sql = (
            f"SELECT q.c0 FROM {source} q WHERE EXISTS "
            f"(SELECT 1 FROM {table} WHERE type = {kind.number} AND {column} = q.c0)"
        )
        found.update(number for (number,) in connection.fetchall(sql, parameters))
    return [row for row in rows if row.number in found]


def _quick_keys(kind: TypeRow) -> list[str]:
    """Return the keys with whole numbers first: rows are told apart by these before any text is compared."""
    universe = kind.dataset_type.dimensions.universe
    names = sorted(kind.dataset_type.dimensions.required, key=lambda name: universe.key_column(name).kind != "int")
    return [quoted(name) for name in names]


def _keys(kind: TypeRow) -> list[str]:
    return [quoted(name) for name in kind.dataset_type.dimensions.required]


def _tables(kind: TypeRow) -> dict[CollectionType, str]:
    layout = kind.layout
    return {
        CollectionType.RUN: layout.datasets,
        CollectionType.TAGGED: layout.tags,
        CollectionType.CALIBRATION: layout.calibrations,
    }


def _sources(kind: TypeRow, of: CollectionType) -> tuple[str, ...]:
    """Return what stands in FROM for the members of collections of one type, now or then."""
    return kind.layout.sources if of is CollectionType.RUN else (_tables(kind)[of],)


def _ingest_date(id_: str, as_of: int | None) -> str:
    """Return SQL for the time when a dataset was added."""
    column = "SELECT c.committed FROM {} o JOIN change c ON c.n = o.added WHERE o.id = {}"
    if as_of is None:
        return f"({column.format('dataset', id_)})"
    now = f"{column.format('dataset', id_)} AND o.added <= {as_of}"
    gone = f"{column.format('removed_dataset', id_)} AND {lived('o', as_of, 'removed')}"
    return f"coalesce(({now}), ({gone}))"


def _parts(
    kind: TypeRow, rows: Sequence[CollectionRow], order: Sequence[int], conditions: Sequence[str] = ()
) -> Iterable[str]:
    """Select from the table of each type of collection; ``order`` has the numbers of all collections that are searched."""
    layout = kind.layout
    numbers = {each: [row.number for row in rows if row.type is each] for each in CollectionType}
    values = "".join(f", {key}" for key in _keys(kind))
    condition = "".join(f" AND {term}" for term in conditions)
    always = f"{MIN_NS} AS timespan_begin, {MAX_NS} AS timespan_end"
    if runs := numbers[CollectionType.RUN]:
        for source in layout.sources:
            yield (
                f"SELECT id, run, run AS collection, {always}{values}, {_rank(order, 'run')} AS rank "
                f"FROM {source} d WHERE type = {kind.number} AND run IN ({_listed(runs)}){condition}"
            )
    rank = _rank(order, "collection")
    of_type = f"WHERE type = {kind.number} AND {layout.living()} AND collection"
    if tags := numbers[CollectionType.TAGGED]:
        yield (
            f"SELECT id, run, collection, {always}{values}, {rank} AS rank FROM {layout.tags} "
            f"{of_type} IN ({_listed(tags)}){condition}"
        )
    if calibrations := numbers[CollectionType.CALIBRATION]:
        yield (
            f"SELECT id, run, collection, timespan_begin, timespan_end{values}, {rank} AS rank "
            f"FROM {layout.calibrations} {of_type} IN ({_listed(calibrations)}){condition}"
        )


def _run_by_run(kind: TypeRow, order: Sequence[int], conditions: Sequence[str]) -> Iterable[str]:
    """Select the first of each data ID run by run: each part is read in the order of its index, and no further than asked."""
    values = "".join(f", d.{key}" for key in _keys(kind))
    condition = "".join(f" AND {term}" for term in conditions)
    same = " AND ".join(f"o.{key} = d.{key}" for key in _keys(kind)) or "TRUE"
    for place, run in enumerate(order):
        earlier = _listed(order[:place])
        for source in kind.layout.sources:
            taken = [
                f" AND NOT EXISTS (SELECT 1 FROM {other} o WHERE o.type = {kind.number} AND o.run IN ({earlier}) AND {same})"
                for other in (kind.layout.sources if earlier else ())
            ]
            yield (
                f"SELECT d.id, d.run, d.run AS collection, {MIN_NS} AS timespan_begin, {MAX_NS} AS timespan_end{values}, "
                f"{place} AS rank FROM {source} d WHERE d.type = {kind.number} AND d.run = {run}{''.join(taken)}{condition}"
            )


def _nothing(kind: TypeRow) -> str:
    values = "".join(f", {key}" for key in _keys(kind))
    return (
        f"SELECT id, run, run AS collection, 0 AS timespan_begin, 0 AS timespan_end{values}, 0 AS rank "
        f"FROM {kind.layout.datasets} WHERE FALSE"
    )


def _first(body: str, keys: Sequence[str], dialect: Dialect) -> str:
    """Keep the row of the first collection for each data ID."""
    if not keys:
        return f"SELECT * FROM ({body}) AS found ORDER BY rank LIMIT 1"
    return dialect.first_of_each(body, _FIELDS, keys, "rank")


def _rank(order: Sequence[int], column: str) -> str:
    """Return SQL for the place of a collection's number in the order of search; a sign keeps it from use in an index."""
    if all(later > earlier for earlier, later in pairwise(order)):
        return f"+{column}"
    if all(later < earlier for earlier, later in pairwise(order)):
        return f"-{column}"
    places = sorted((number, place) for place, number in enumerate(order))
    return _search_tree(places, column)


def _search_tree(places: Sequence[tuple[int, int]], column: str) -> str:
    if len(places) == 1:
        return str(places[0][1])
    middle = len(places) // 2
    below, above = _search_tree(places[:middle], column), _search_tree(places[middle:], column)
    return f"CASE WHEN {column} < {places[middle][0]} THEN {below} ELSE {above} END"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
