"""From a bound query to one statement, and to what is filled in after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bunter.dataset import DatasetType
from bunter.dimensions import DimensionGroup, Element
from bunter.query import bound
from bunter.registry.annotation_columns import narrowing
from bunter.registry.data_id_conditions import Early
from bunter.registry.join import Join, projected
from bunter.registry.layout import element_columns
from bunter.registry.predicates import condition_sql, value_sql
from bunter.registry.relations import SearchRequest, quoted, selected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bunter.dataset import DatasetSearch
    from bunter.query.bound import Aggregate, BoundQuery, Predicate, Projection, Value
    from bunter.registry.relations import Binding, Catalog, Relation
    from bunter.registry.settled import Settled

__all__ = ["Statement", "part_of_statement", "result_group", "translate"]

_FEW = 100_000  # rows for which it does not pay to find the first dataset of every data ID
_ALL = 2**63 - 1  # SQLite knows no offset without a limit


@dataclass(frozen=True, slots=True)
class Statement:
    """A query in SQL.

    Parameters
    ----------
    text : str
        The statement, with named parameters.
    parameters : dict
        Their values.
    columns : tuple of str
        Names of its columns. Collections are numbers.
    fixed : dict of str to object
        Columns that have one value in all rows, and are not in the statement.
    """

    text: str
    parameters: dict[str, object]
    columns: tuple[str, ...]
    fixed: dict[str, object]

    @property
    def count(self) -> str:
        """Statement that counts the rows."""
        return f"SELECT count(*) FROM ({self.text}) AS counted"


def result_group(query: BoundQuery) -> DimensionGroup:
    """Return the dimensions that tell one row of the result from another."""
    result = query.result
    if isinstance(result, DimensionGroup):
        return result
    if isinstance(result, DatasetType):
        return result.dimensions
    return result.universe.conform(result.required)


def translate(
    query: BoundQuery,
    catalog: Catalog,
    settled: Settled | None = None,
    *,
    fields: Sequence[str] | None = None,
    binding: Binding | None = None,
) -> Statement:
    """Compose the statement for a query.

    Parameters
    ----------
    query : BoundQuery
        The question.
    catalog : Catalog
        Where relations come from.
    settled : Settled, optional
        What `bunter.registry.spatial.settle` found about its overlaps of regions.
    fields : sequence of str, optional
        The columns of records, or the required dimensions of data IDs, that are wanted; all by default.
    binding : Binding, optional
        Where values go, if the statement is to be part of another one.

    Returns
    -------
    Statement
        Its columns are those of the result, but for implied dimensions that nothing else in the query needs: these
        are cheaper to fill in afterwards.
    """
    return _Translation(query, Join(catalog, query.dimensions, binding), settled, fields).statement()


def part_of_statement(catalog: Catalog, binding: Binding) -> Callable[[BoundQuery, Sequence[str]], str]:
    """Return what writes SQL for fields of a further question, with its values in the binding of the statement around it."""

    def select(query: BoundQuery, fields: Sequence[str]) -> str:
        return translate(query, catalog, fields=fields, binding=binding).text

    return select


class _Translation:
    def __init__(self, query: BoundQuery, join: Join, settled: Settled | None, fields: Sequence[str] | None) -> None:
        self.query = query
        self.fields = fields
        self.group = result_group(query)
        self.join = join
        self.settled = settled
        self._shown: list[str] = []

    def statement(self) -> Statement:
        query, join = self.query, self.join
        self._join_sources()
        join.supply()
        self._join_sides()
        conditions = list(self._conditions())
        columns = self._columns()
        self._shown = [value_sql(value, join) for value in _values(query.projection)]
        order = [(value_sql(value, join), ascending) for value, ascending in query.order_by]
        self._restrict_visits()
        join.relations[:0] = narrowing(query, join)
        join.close()
        self._keep_first()
        join.conditions += conditions
        if self.fields is None and not self._distinct() and query.projection is None:
            columns |= self._supplied()
        pinned = {} if self.fields is not None or query.projection is not None else self._pinned()
        fixed = {name: value for name, value in pinned.items() if name in columns}
        columns = {name: sql for name, sql in columns.items() if name not in fixed}
        return Statement(self._text(columns, order), join.binding.values, self._names(columns), fixed)

    def _names(self, columns: Mapping[str, str]) -> tuple[str, ...]:
        if self.query.projection is not None:
            return tuple(self.query.projection.kinds)
        sort = [f"sort {place}" for place in range(len(self.query.order_by))] if self.query.keyed else []
        return (*columns, *sort)

    def _join_sources(self) -> None:
        """Join what the question names itself, and what is known of overlaps."""
        query, join, settled = self.query, self.join, self.settled
        for search in query.searches:
            if search.join == "inner":
                join.search(self._request(search))
        if settled is not None:
            for relation in settled.relations:
                join.add(relation)
            if settled.table is not None:
                self._join_table(settled.table)
        if isinstance(query.result, Element) and query.result.has_table:
            join.element(query.result.name)

    def _join_table(self, table: Relation) -> None:
        """Join data IDs that were given: they narrow down what there is, and make nothing up."""
        for dimension in reversed(self.join.universe.sorted(table.keys)):
            if not self.join.universe[dimension].skypix:
                self.join.key(dimension)
        self.join.add(table)

    def _join_sides(self) -> None:
        """Join what rows may have, and leave out rows with what they may not have."""
        query = self.query
        for place, search in enumerate(query.searches):
            if search.join == "inner":
                continue
            relation = self.join.beside(self._request(search))
            terms = [
                *(
                    f"{sql} = {self.join.key(name)}"
                    for name, sql in relation.keys.items()
                    if name in self.query.dimensions
                ),
                *relation.conditions,
                *(
                    condition_sql(term, self.join)
                    for term in query.condition
                    if search.label in _searches_of(term, query) and not self._always_valid(term)
                ),
            ]
            if relation.ranked:
                terms.append(self._none_better(place, search, relation))
            if search.join == "left":
                self.join.optional.append((relation, terms))
            else:
                self.join.conditions.append(f"NOT EXISTS ({selected('1', relation, {}, terms)})")

    def _distinct(self) -> bool:
        """Whether rows of the join may be equal in all columns of the result."""
        return not self.join.unique or any(name not in self.group for name in self.query.dimensions.required)

    def _pinned(self) -> dict[str, object]:
        """Pick dimensions that the condition gives one value."""
        found: dict[str, object] = {}
        for term in bound.conjuncts(self.query.where):
            match term:
                case bound.Comparison("=", bound.KeyColumn(name, kind), bound.Constant(value, given)) if kind == given:
                    found[name] = value
        return found

    def _request(self, search: DatasetSearch) -> SearchRequest:
        """Ask for the first of each data ID only where it matters which one it is."""
        shown = self.query.kind in {"datasets", "joined"} and search.join != "anti"
        matters = shown or search.label in self._read_datasets()
        catalog = self.join.catalog
        dimensions = catalog.dimensions(search.dataset_type)
        binding = self.join.binding
        select = part_of_statement(catalog, binding)
        early = Early(self.query, dimensions, settled=self.settled, binding=binding, select=select)
        few = self.query.limit is not None and self.query.limit <= _FEW
        return SearchRequest(search, search.find_first and matters, early, ordered=few)

    def _read_datasets(self) -> set[str]:
        shown = _values(self.query.projection)
        terms = (*self.query.condition, *(value for value, _ in self.query.order_by), *shown)
        columns = (column for term in terms for column in bound.columns_of(term))
        return {column.dataset_type for column in columns if isinstance(column, bound.DatasetColumn)}

    def _conditions(self) -> Iterator[str]:
        join, settled = self.join, self.settled
        if settled is not None:
            join.overlaps = settled.tests
        for term in self.query.condition:
            if settled is not None and term in settled.joined:
                continue
            if not _searches_of(term, self.query) and not self._always_valid(term):
                yield condition_sql(term, join)

    def _always_valid(self, term: Predicate) -> bool:
        """Whether an automatic join in time is with datasets of runs and tags alone: valid always, also at an unknown time."""
        if term not in self.query.temporal_joins:
            return False
        columns = [column for column in bound.columns_of(term) if isinstance(column, bound.DatasetColumn)]
        return any(not self.join.datasets[column.dataset_type].timed for column in columns)

    def _columns(self) -> dict[str, str]:
        """Pick the columns that must be in the statement; joins what they need."""
        query, join = self.query, self.join
        result = query.result
        if query.kind == "records":
            return self._record_columns(result)  # type: ignore[arg-type]
        columns: dict[str, str] = {}
        if isinstance(result, DatasetType):
            relation = join.datasets[result.name]
            columns |= {"id": relation.columns["id"], "run": relation.columns["run"]}
        if query.kind == "joined":
            for search in query.searches:
                if search.join != "anti":
                    columns |= _dataset_columns(search.label, join.datasets[search.label])
        return columns | {name: join.key(name) for name in self.fields or self.group.required}

    def _record_columns(self, element: Element) -> dict[str, str]:
        if not element.has_table:
            return {element.name: self.join.key(element.name)}
        relation = self.join.element(element.name)
        return {name: relation.columns[name] for name in self.fields or element_columns(element)}

    def _supplied(self) -> Mapping[str, str]:
        """Pick implied dimensions that the join has a value for anyway."""
        if self.query.kind == "records":
            return {}
        found = {name: self.join.supplied(name) for name in self.group.implied}
        return {name: sql for name, sql in found.items() if sql is not None}

    def _restrict_visits(self) -> None:
        """Relate exposures to visits of the instrument's own visit system, unless the query names visit systems."""
        join = self.join
        names = join.dimensions.names
        universe = join.universe
        if "visit_system_membership" not in universe or "visit_system" in names:
            return
        if not {"exposure", "visit"} <= set(names):
            return
        if self.query.kind == "records" and {"exposure", "visit"} <= set(self.group.required):
            return  # the definitions themselves are asked for
        instrument, visit = join.key("instrument"), join.key("visit")
        default = join.catalog.element(universe["instrument"], "vi")
        member = join.catalog.element(universe["visit_system_membership"], "vm")
        system = f"({selected(default.columns['visit_system'], default, {'instrument': instrument})})"
        mine = {"instrument": instrument, "visit": visit, "visit_system": system}
        join.conditions.append(f"({system} IS NULL OR EXISTS ({selected('1', member, mine)}))")

    def _keep_first(self) -> None:
        """Of calibrations found in several collections keep those of the first that is valid at the time in question."""
        for place, search in enumerate(self.query.searches):
            if search.join == "inner" and (relation := self.join.datasets[search.label]).ranked:
                self.join.conditions.append(self._none_better(place, search, relation))

    def _none_better(self, place: int, search: DatasetSearch, relation: Relation) -> str:
        other = self.join.catalog.search(replace(self._request(search), before_last=True), f"better{place}")
        earlier = f"{other.columns['rank']} < {relation.columns['rank']}"
        terms = [earlier, *other.conditions, *self._times(search.label, other)]
        return f"NOT EXISTS ({selected('1', other, relation.keys, terms)})"

    def _times(self, label: str, other: Relation) -> Iterator[str]:
        """Apply the overlaps in time that this calibration must satisfy to another one."""
        own = bound.DatasetColumn(label, "timespan", "timespan")
        mine = dict(self.join.datasets)
        for term in self.query.condition:
            if isinstance(term, bound.TimespanOverlap) and own in (term.left, term.right):
                self.join.datasets[label] = other
                yield condition_sql(term, self.join)
                self.join.datasets = dict(mine)

    def _text(self, columns: Mapping[str, str], order: list[tuple[str, bool]]) -> str:
        query, distinct = self.query, self._distinct()
        if query.projection is not None:
            return self._projected(query.projection, columns, order)
        columns, order, source = self._body(columns, order)
        sort = {f"sort {place}": sql for place, (sql, _) in enumerate(order)} if query.keyed else {}
        text = f"SELECT {'DISTINCT ' if distinct else ''}{projected({**columns, **sort}) or '1'} {source}"
        if distinct and not columns:  # all are fixed: there is one row at most, and nothing to sort
            order = []
        if order and distinct:  # sort keys need not be columns of the result, but depend on them
            keys = ", ".join(str(place) for place in range(1, len(columns) + 1))
            shown = set(columns.values())
            order = [(sql if sql in shown else f"{'min' if up else 'max'}({sql})", up) for sql, up in order]
            sort = {name: sql for name, (sql, _) in zip(sort, order, strict=False)}
            text = f"SELECT {projected({**columns, **sort})} {source} GROUP BY {keys}"
        return text + _sorted_and_cut(query, order)

    def _projected(self, projection: Projection, columns: Mapping[str, str], order: list[tuple[str, bool]]) -> str:
        """Show values of the rows: a statement around that of the rows."""
        values = {f"value {place}": sql for place, sql in enumerate(self._shown)}
        distinct = self._distinct()
        by_name = [isinstance(value, bound.OutputColumn) for value, _ in self.query.order_by]
        within = [key for key, shown_already in zip(order, by_name, strict=True) if not shown_already]
        inner, within, source = self._body({**(columns if distinct else {}), **values}, within)
        sort = {f"sort {place}": sql for place, (sql, _) in enumerate(within)} if not projection.grouped else {}
        rows = f"SELECT {'DISTINCT ' if distinct else ''}{projected({**inner, **sort}) or '1 AS one'} {source}"
        names = iter(values)
        shown = {name: quoted(next(names)) for name, _ in projection.columns}
        keys = list(shown.values())
        for name, aggregate in projection.aggregates:
            shown[name] = _aggregate_sql(aggregate, None if aggregate.of is None else quoted(next(names)))
        text = f"SELECT {projected(shown)} FROM ({rows}) AS listed"
        if not projection.grouped:
            hidden = map(quoted, sort)
            order = [(sql if named else next(hidden), up) for (sql, up), named in zip(order, by_name, strict=True)]
        elif keys:
            text += f" GROUP BY {', '.join(keys)}"
        return text + _sorted_and_cut(self.query, order)

    def _body(
        self, columns: Mapping[str, str], order: list[tuple[str, bool]]
    ) -> tuple[Mapping[str, str], list[tuple[str, bool]], str]:
        """Return columns, sort keys and where they come from: the join, or what its alternatives have found together."""
        sources = self.join.sources()
        if len(sources) == 1:
            return columns, order, sources[0]
        sort = {f"sort {place}": sql for place, (sql, _) in enumerate(order)}
        listed = projected({**columns, **sort}) or "1"
        united = " UNION ALL ".join(f"SELECT {listed} {source}" for source in sources)
        sorted_by = [(quoted(name), ascending) for name, (_, ascending) in zip(sort, order, strict=True)]
        return {name: quoted(name) for name in columns}, sorted_by, f"FROM ({united}) AS united"


def _searches_of(term: Predicate, query: BoundQuery) -> set[str]:
    """Names of searches that rows need not satisfy and that an automatic join in time is about."""
    if term not in query.temporal_joins:
        return set()
    beside = {search.label for search in query.searches if search.join != "inner"}
    return {c.dataset_type for c in bound.columns_of(term) if isinstance(c, bound.DatasetColumn)} & beside


def _values(projection: Projection | None) -> list[Value]:
    """Return what stands in the columns of a projection, in order."""
    if projection is None:
        return []
    summed = (aggregate.of for _, aggregate in projection.aggregates)
    return [*(value for _, value in projection.columns), *(value for value in summed if value is not None)]


def _aggregate_sql(aggregate: Aggregate, of: str | None) -> str:
    if of is None:
        return "count(*)"
    value = f"CAST({of} AS DOUBLE PRECISION)" if aggregate.function == "avg" else of
    text = f"{aggregate.function}({'DISTINCT ' if aggregate.distinct else ''}{value})"
    return f"CAST({text} AS BIGINT)" if aggregate.function == "sum" and aggregate.kind == "int" else text


def _sorted_and_cut(query: BoundQuery, order: list[tuple[str, bool]]) -> str:
    text = ""
    if order:
        keys = zip(order, (value for value, _ in query.order_by), strict=True)
        text = " ORDER BY " + ", ".join(f"{sql} {'ASC' if up else 'DESC'}{_nulls(of, query)}" for (sql, up), of in keys)
    if query.limit is not None or query.offset:
        text += f" LIMIT {_ALL if query.limit is None else query.limit} OFFSET {query.offset}"
    return text


def _nulls(value: Value, query: BoundQuery) -> str:
    """Say where nulls go, but not of what has none: an index of SQLite would then be of no use."""
    there = {search.label for search in query.searches if search.join == "inner"}
    match value:
        case bound.KeyColumn(name) if name in query.dimensions.required:
            return ""
        case bound.DatasetColumn(label, "id") if label in there:
            return ""
        case _:
            return " NULLS LAST"


def _dataset_columns(name: str, relation: Relation) -> dict[str, str]:
    return {f"{name}.id": relation.columns["id"], f"{name}.run": relation.columns["run"]}
