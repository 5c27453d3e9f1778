"""Which relations a query joins, and how they hang together."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from bunter.errors import InvalidQueryError
from bunter.query import bound
from bunter.registry.records_first import records_ahead
from bunter.registry.relations import Binding, Relation, balanced, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bound import Column, RegionOverlap
    from bunter.registry.relations import Catalog, SearchRequest

__all__ = ["Join", "level", "projected", "same_system"]

_COMBINATIONS = 32


class Join:
    """A natural join that grows as its columns are asked for; the names of `Columns` at the top of a query.

    Two relations that have a dimension in common agree on it. A dimension is supplied by a dataset search or a settled
    overlap that has it, else by the records of the dimensions that imply it, else by its own records.

    Parameters
    ----------
    catalog : Catalog
        Where relations come from.
    dimensions : DimensionGroup
        All dimensions that the query joins.
    binding : Binding, optional
        Where values go, shared by the parts of one statement.
    """

    def __init__(self, catalog: Catalog, dimensions: DimensionGroup, binding: Binding | None = None) -> None:
        self.catalog = catalog
        self.dimensions = dimensions
        self.universe = dimensions.universe
        self.binding = Binding(catalog.dialect) if binding is None else binding
        self.relations: list[Relation] = []
        self.datasets: dict[str, Relation] = {}
        self.overlaps: Mapping[RegionOverlap, Callable[[Join], str]] = {}
        self.conditions: list[str] = []
        self.optional: list[tuple[Relation, list[str]]] = []
        self._elements: dict[str, Relation] = {}
        self._keys: dict[str, list[str]] = {}
        self._identified: set[str] = set()

    def add(self, relation: Relation, identifies: Mapping[str, str] | None = None) -> Relation:
        """Join a relation; ``identifies`` are those of its keys that it does not merely imply (all by default)."""
        self.relations.append(relation)
        for dimension, sql in relation.keys.items():
            self._keys.setdefault(dimension, []).append(sql)
        self._identified.update(relation.keys if identifies is None else identifies)
        return relation

    def alias(self) -> str:
        """Return a name for the next relation."""
        return f"t{len(self.relations)}"

    def search(self, request: SearchRequest) -> Relation:
        """Join the datasets of a search."""
        relation = self.catalog.search(request, self.alias())
        self.datasets[request.search.label] = self.add(relation)
        return relation

    def beside(self, request: SearchRequest) -> Relation:
        """Name the datasets of a search that rows need not have: they supply no dimension."""
        relation = self.catalog.search(request, f"side{len(self.datasets)}")
        self.datasets[request.search.label] = relation
        return relation

    def element(self, name: str) -> Relation:
        """Join the records of an element, once."""
        if name not in self._elements:
            element = self.universe[name]
            relation = self._relation(element)
            self._elements[name] = relation
            self.add(relation, {key: relation.keys[key] for key in element.required})
        return self._elements[name]

    def _relation(self, element: Element) -> Relation:
        if element.skypix:
            raise InvalidQueryError(
                f"all pixels of {element.name} are too many to list; name a dataset type, a region or pixels to join"
            )
        if not element.has_table:
            return self.catalog.values(element, self.alias())
        return self.catalog.element(element, self.alias())

    def key(self, dimension: str) -> str:
        """Return SQL for the value of a dimension, joining what supplies it."""
        if dimension not in self._keys:
            if (holder := self._holding(dimension)) is not None:
                return holder
            if dimension in self.dimensions.implied:
                self._join_implying(dimension)
            else:
                self.element(dimension)
        return self._keys[dimension][0]

    def _holding(self, dimension: str) -> str | None:
        """Return SQL for the sky pixel that holds one of a finer level, if the join has one of these."""
        finer = [name for name in same_system(dimension, self.dimensions) if name in self._keys]
        if not finer or level(finer[0]) < level(dimension):
            return None
        return f"({self._keys[finer[0]][0]} / {4 ** (level(finer[0]) - level(dimension))})"

    def supplied(self, dimension: str) -> str | None:
        """Return SQL for the value of a dimension if something supplies it already."""
        return self._keys[dimension][0] if dimension in self._keys else None

    def _implying(self, dimension: str) -> list[str]:
        return [name for name in self.dimensions.names if dimension in self.universe[name].implies]

    def _join_implying(self, dimension: str) -> None:
        for name in self._implying(dimension):
            self.element(name)

    def supply(self) -> None:
        """Join what gives every required dimension a value, the finest first, which give those they require as well."""
        self._join_relationships()
        for dimension in reversed(self.dimensions.required):
            self.key(dimension)

    def close(self) -> None:
        """Join what must agree with what has been joined, and relate everything."""
        while self._connect_implied():
            pass
        self.conditions += self._nested()
        for sqls in self._keys.values():
            self.conditions += [f"{sqls[0]} = {other}" for other in sqls[1:]]
        for relation in self.relations:
            self.conditions += relation.conditions

    def _nested(self) -> Iterator[str]:
        """Relate sky pixels of several levels of one system, where more than one is supplied."""
        for name in self.dimensions.skypix:
            if name in self._keys and (holder := self._holding(name)) is not None:
                yield f"{self._keys[name][0]} = {holder}"

    def _join_relationships(self) -> None:
        for element in self.universe.combinations:
            if element.always_join and all(name in self.dimensions for name in element.requires):
                self.element(element.name)

    def _connect_implied(self) -> bool:
        """Join the records that imply a dimension which has a second source; say whether there were any to join."""
        before = len(self.relations)
        for dimension in self.dimensions.implied:
            implying = self._implying(dimension)
            if dimension in self._identified or len(implying) > 1:
                self._join_implying(dimension)
        return len(self.relations) > before

    def column(self, column: Column) -> str:
        """See `Columns`."""
        match column:
            case bound.KeyColumn(dimension):
                return self.key(dimension)
            case bound.ElementColumn(element, name):
                return self.element(element).columns[name]
            case bound.HeaderColumn():
                return self.catalog.annotation(column, self.datasets[column.dataset_type].columns["id"], self.binding)
            case bound.DatasetColumn(dataset_type, field):
                sql = self.datasets[dataset_type].columns[field]
                return self.catalog.collection_name(sql) if field in {"run", "collection"} else sql

    def bound_of(self, column: Column, which: str) -> str:
        """See `Columns`."""
        assert not isinstance(column, bound.KeyColumn), "keys are no timespans"
        relation = (
            self.element(column.element)
            if isinstance(column, bound.ElementColumn)
            else self.datasets[column.dataset_type]
        )
        return relation.columns[f"timespan_{which}"]

    def overlap(self, node: RegionOverlap) -> str:
        """See `Columns`."""
        return self.overlaps[node](self)

    @property
    def unique(self) -> bool:
        """Whether no two rows agree on all required dimensions."""
        return all(relation.unique for relation in (*self.relations, *(relation for relation, _ in self.optional)))

    def sources(self) -> list[str]:
        """Return FROM and WHERE, several times if relations have several sources: the rows of all are the join's."""
        where = balanced(self.conditions, "AND") if self.conditions else "TRUE"
        choices = product(
            *_limited([(relation.source, *relation.others) for relation in self.relations], _COMBINATIONS)
        )
        return [self._from(choice) + f"WHERE {where}" for choice in choices]

    def _ahead(self) -> list[Relation]:
        joined = list(map(id, self.relations))
        mine = [each for each in self.datasets.values() if id(each) in joined and not each.timed]
        searched = [self.universe.conform(relation.keys) for relation in mine]
        return records_ahead(self.universe, self._elements, searched, self.conditions)

    def _from(self, sources: Sequence[str]) -> str:
        """Return FROM. Databases keep the two sides of CROSS JOIN in order, or know better from statistics."""
        pairs = list(zip(self.relations, sources, strict=True))
        leading = [source for relation, source in pairs if relation.leading]
        ahead = [] if leading else list(map(id, self._ahead()))
        if first := [source for relation, source in pairs if id(relation) in ahead]:
            leading = [" JOIN ".join([*first[:1], *(f"{source} ON TRUE" for source in first[1:])])]
        early = [
            source for relation, source in pairs if not (relation.timed or relation.leading or id(relation) in ahead)
        ]
        timed = [source for relation, source in pairs if relation.timed]
        if self.optional:  # what stands before a comma is out of reach for an outer join behind it
            joined = [*early[:1], *(f"{source} ON TRUE" for source in early[1:])]
            tables = " CROSS JOIN ".join([*leading, " JOIN ".join(joined) or "(SELECT 1 AS one) AS nothing", *timed])
        else:
            tables = " CROSS JOIN ".join([*leading, *([", ".join(early)] if early else []), *timed])
        beside = (
            f"LEFT JOIN {_united(relation)} ON {' AND '.join(terms) or 'TRUE'} " for relation, terms in self.optional
        )
        return f"FROM {tables} {''.join(beside)}" if tables else ""


def _united(relation: Relation) -> str:
    """Return the one source of a relation."""
    (source,) = _limited([(relation.source, *relation.others)], 1)
    return source[0]


def _limited(sources: list[tuple[str, ...]], most: int) -> Iterator[tuple[str, ...]]:
    """Unite the sources of relations where their combinations would be more than a number."""
    combinations = 1
    for each in sources:
        if combinations * len(each) > most:
            alias = each[0].rpartition(" ")[2]
            yield (f"({' UNION ALL '.join(f'SELECT * FROM {source}' for source in each)}) {alias}",)
        else:
            combinations *= len(each)
            yield each


def same_system(dimension: str, dimensions: DimensionGroup) -> list[str]:
    """Return the other levels of a pixelization among dimensions, the finest first; none for what is no pixelization."""
    if not dimensions.universe[dimension].skypix:
        return []
    family = dimensions.universe[dimension].spatial
    same = [name for name in dimensions.skypix if name != dimension and dimensions.universe[name].spatial == family]
    return sorted(same, key=level, reverse=True)


def level(skypix: str) -> int:
    """Return the level of a pixelization such as ``htm7``."""
    return int("".join(filter(str.isdigit, skypix)))


def projected(columns: Mapping[str, str]) -> str:
    """Return the list of a SELECT."""
    return ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
