"""Which questions are answered from blocks of rows, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.query import bound
from bunter.registry.attach import facts
from bunter.registry.blocks import Blocks, BlockShape
from bunter.registry.data_id_conditions import Early
from bunter.registry.join import Join, projected
from bunter.registry.relations import SearchRequest, quoted
from bunter.registry.translate import part_of_statement, result_group
from bunter.registry.validities import CalibrationColumns, read_validities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bunter.database import Connection
    from bunter.dataset import DatasetSearch
    from bunter.query.bound import BoundQuery, TimespanOverlap
    from bunter.registry.relations import Catalog, Relation

    Attach = Callable[[dict[str, Any]], None]

__all__ = ["BlockReading", "block_reading"]

_LEAST_ROWS = 1000
_LEAST_IN_BLOCK = 4
_MOST_IN_BLOCK = 100_000  # a block is one value, which must fit into memory and into the limits of a database
_MOST_ROWS = 500_000  # of calibrations, which are all kept in memory
_ENOUGH = 4  # calibrations for each row that needs one


@dataclass(frozen=True, slots=True)
class BlockReading:
    """The datasets of runs that answer a question, fetched in blocks.

    Parameters
    ----------
    text : str
        Statement for the blocks.
    parameters : dict
        Its parameters.
    blocks : Blocks
        What makes columns of them.
    attach : tuple of callable
        What changes batches of columns that have the data IDs with implied dimensions.
    """

    text: str
    parameters: Mapping[str, object]
    blocks: Blocks
    attach: tuple[Attach, ...]

    def columns(self, connection: Connection) -> Iterator[dict[str, Any]]:
        """Yield the columns of a batch of rows at a time: ids, runs and required dimensions."""
        return self.blocks.batches(connection, self.text, self.parameters)


def block_reading(connection: Connection, catalog: Catalog, query: BoundQuery) -> BlockReading | None:
    """Return how to answer a question from blocks; None if it must, or had better, be answered row by row.

    Such a question is about all datasets of one type in runs, with conditions on nothing but their data IDs and the
    records of these, perhaps together with the calibrations that were valid then. Their number is looked at: few rows
    need no blocks, and blocks of few rows are slower than rows.

    Parameters
    ----------
    connection : Connection
        In the snapshot in which the question is to be answered.
    catalog : Catalog
        Where relations come from.
    query : BoundQuery
        The question.
    """
    if not _is_plain(query):
        return None
    relations = {s.label: _relation(catalog, s, f"t{place}") for place, s in enumerate(query.searches)}
    if not all(relation.clustered for relation in relations.values()):
        return None
    timed = {label: relation for label, relation in relations.items() if relation.timed}
    main = [search for search in query.searches if search.label not in timed]
    if len(main) != 1 or not _comes_in_blocks(relations[main[0].label], query):
        return None
    rows = _rows(catalog, query, main[0], relations[main[0].label])
    if rows is None or not rows.fit(connection):
        return None
    attach = _calibrations(connection, catalog, query, timed, rows)
    return None if attach is None else rows.reading(connection, query, main[0], attach)


def _is_plain(query: BoundQuery) -> bool:
    """Whether nothing is asked for but whole rows, in any order."""
    cut = query.order_by or query.limit is not None or query.offset or query.keyed or query.projection is not None
    joined = query.data_id_table is not None or query.spatial_joins
    kind = query.kind == "joined" or (query.kind == "datasets" and len(query.searches) == 1)
    if cut or joined or not kind or _is_about_one(query):
        return False
    return all(search.join == "inner" for search in query.searches)


def _is_about_one(query: BoundQuery) -> bool:
    """Whether a data ID is given whole: the question is not worth a thought, let alone a look at the rows."""
    given = {
        term.left.dimension
        for term in bound.conjuncts(query.where)
        if isinstance(term, bound.Comparison) and term.op == "=" and isinstance(term.left, bound.KeyColumn)
    }
    return given.issuperset(query.dimensions.required)


def _relation(catalog: Catalog, search: DatasetSearch, alias: str) -> Relation:
    """Return the datasets of all runs, of which the first are chosen later, or what else a search finds."""
    every = catalog.search(SearchRequest(search, find_first=False, early=lambda _: ()), alias)
    return every if every.runs else catalog.search(SearchRequest(search, search.find_first, lambda _: ()), alias)


def _comes_in_blocks(relation: Relation, query: BoundQuery) -> bool:
    """Whether several rows agree in all keys but the last, a number, and no condition is about this one."""
    universe = query.dimensions.universe
    *_, last = relation.clustered
    varying = [name for name in relation.clustered if not universe[name].governor]
    restricted = bound.dimensions_of(query.where, universe)
    return len(varying) > 1 and universe.key_column(last).kind == "int" and last not in restricted


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that come in blocks: FROM and WHERE, with parameters, and the relation that these are about."""

    source: str
    parameters: Mapping[str, object]
    relation: Relation

    def fit(self, connection: Connection) -> bool:
        """Say whether there are enough rows, and enough of them in a block but not too many."""
        blocks, rows = self._sample(connection, max(1, _LEAST_ROWS))
        if blocks == 1 and rows >= _LEAST_ROWS:
            blocks, rows = self._sample(connection, _MOST_IN_BLOCK)
        few = blocks == 0 or rows < _LEAST_ROWS or rows < _LEAST_IN_BLOCK * blocks
        return not few and rows < _MOST_IN_BLOCK * blocks

    def _sample(self, connection: Connection, most: int) -> tuple[int, int]:
        """Return the number of blocks, and of rows, among some rows."""
        shared = {"run": self.relation.columns["run"], **self._leading()}
        some = f"SELECT {projected(shared)} {self.source} LIMIT {most}"
        names = ", ".join(map(quoted, shared))
        sizes = f"SELECT count(*) AS size FROM ({some}) AS looked_at GROUP BY {names}"
        sql = f"SELECT count(*), coalesce(sum(size), 0) FROM ({sizes}) AS sizes"
        found = connection.fetchone(sql, self.parameters)
        assert found is not None, "a count is a row"
        return int(found[0]), int(found[1])

    def count(self, connection: Connection, most: int) -> int:
        """Return the number of rows, up to a limit."""
        sql = f"SELECT count(*) FROM (SELECT 1 {self.source} LIMIT {most}) AS counted"
        found = connection.fetchone(sql, self.parameters)
        assert found is not None, "a count is a row"
        return int(found[0])

    def _leading(self) -> dict[str, str]:
        return {name: self.relation.keys[name] for name in self.relation.clustered[:-1]}

    def reading(
        self, connection: Connection, query: BoundQuery, search: DatasetSearch, attach: tuple[Attach, ...]
    ) -> BlockReading:
        """Return how to read them."""
        relation, last = self.relation, self.relation.clustered[-1]
        prefix = f"{search.label}." if query.kind == "joined" else ""
        shared = {f"{prefix}run": relation.columns["run"], **self._leading()}
        shape = BlockShape(shared, {last: relation.keys[last]}, (f"{prefix}id", relation.columns["id"]))
        text, rank = shape.select(connection.dialect, self.source), None
        if search.find_first and len(relation.runs) > 1:
            text += f" ORDER BY {', '.join(self._leading().values())}"
            rank = {run: place for place, run in enumerate(relation.runs)}
        return BlockReading(text, self.parameters, Blocks(shape, rank), attach)


def _rows(catalog: Catalog, query: BoundQuery, search: DatasetSearch, relation: Relation) -> _Rows | None:
    """Return the rows of a search, None if the question joins them with anything but calibrations."""
    join = Join(catalog, query.dimensions)
    join.add(relation)
    join.supply()
    dimensions, select = catalog.dimensions(search.dataset_type), part_of_statement(catalog, join.binding)
    early = Early(query, dimensions, settled=None, binding=join.binding, select=select)
    join.close()
    if len(join.relations) != 1 or not early.complete:
        return None
    join.conditions += early(relation.keys)
    (source,) = join.sources()
    return _Rows(source, join.binding.values, relation)


def _calibrations(
    connection: Connection, catalog: Catalog, query: BoundQuery, timed: Mapping[str, Relation], rows: _Rows
) -> tuple[Attach, ...] | None:
    """Return what adds the calibrations of each search, None if a join in SQL must do or is cheaper."""
    universe, group = query.dimensions.universe, result_group(query)
    elements = dict(map(_calibrated, query.temporal_joins))
    if elements.keys() != timed.keys() or len(elements) != len(query.temporal_joins):
        return None
    if any(not relation.keys.keys() <= set(group.data_id_keys) for relation in timed.values()):
        return None
    most = _ENOUGH * rows.count(connection, _MOST_ROWS // _ENOUGH) if timed else 0
    found: list[Attach] = []
    for label, relation in timed.items():
        element = universe[elements[label]]
        validities = read_validities(
            connection, relation, {n: universe.key_column(n).kind for n in relation.keys}, most
        )
        if validities is None or not rows.relation.keys.keys() >= {*element.required}:
            return None
        times = facts(connection, catalog, element, dict.fromkeys(("timespan_begin", "timespan_end"), "int"))
        found.append(CalibrationColumns(validities, label, times))
    return tuple(found)


def _calibrated(term: TimespanOverlap) -> tuple[str, str]:
    """Return the search whose validity ranges must overlap, and the element whose time; empty texts for other overlaps."""
    match term:
        case bound.TimespanOverlap(bound.ElementColumn(element), bound.DatasetColumn(label)):
            return label, element
        case bound.TimespanOverlap(bound.DatasetColumn(label), bound.ElementColumn(element)):
            return label, element
        case _:
            return "", ""
