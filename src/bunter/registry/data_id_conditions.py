"""What a condition says about the data IDs of a search, so that rows are left out before the first of each is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.query import bound
from bunter.query.bound import BoundQuery
from bunter.registry.predicates import KeysOnly, condition_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bunter.dimensions import DimensionGroup
    from bunter.query.bound import Predicate
    from bunter.registry.relations import Binding
    from bunter.registry.settled import Settled

__all__ = ["Early"]


class Early:
    """Conditions on the keys of one search that follow from the condition of its query.

    A condition on the keys themselves is repeated. One on what the keys determine, such as the day or the band of an
    exposure, becomes a list of keys: those of the records that satisfy it.

    Parameters
    ----------
    query : BoundQuery
        The query.
    dimensions : DimensionGroup
        Dimensions of the search.
    settled : Settled, optional
        What is known of overlaps.
    binding : Binding
        Where values go.
    select : callable
        Writes SQL for the fields of a further question, with its values in the same binding.
    """

    def __init__(
        self,
        query: BoundQuery,
        dimensions: DimensionGroup,
        *,
        settled: Settled | None,
        binding: Binding,
        select: Callable[[BoundQuery, Sequence[str]], str],
    ) -> None:
        self._terms = bound.conjuncts(query.where)
        self._dimensions = dimensions
        self._settled = settled
        self._binding = binding
        self._select = select

    def __call__(self, keys: Mapping[str, str]) -> list[str]:
        """Return SQL conditions, given SQL for each key."""
        names = KeysOnly(dict(keys), self._binding)
        plain = [term for term in self._terms if self._is_plain(term)]
        found = [condition_sql(term, names) for term in plain]
        for chosen, terms in self._derived().items():
            related = [t for t in plain if bound.dimensions_of(t, self._dimensions.universe) <= self._group(chosen)]
            found.append(f"{_row(keys, chosen)} IN ({self._selected(chosen, [*related, *terms])})")
        if self._settled is not None:
            found += self._overlapping(keys)
        return found

    @property
    def complete(self) -> bool:
        """Whether these conditions say all that the condition of the query says."""
        derived = [term for terms in self._derived().values() for term in terms]
        return all(self._is_plain(term) or term in derived for term in self._terms)

    def _is_plain(self, term: Predicate) -> bool:
        required = self._dimensions.required
        columns = bound.columns_of(term)
        return bool(columns) and all(isinstance(c, bound.KeyColumn) and c.dimension in required for c in columns)

    def _derived(self) -> dict[tuple[str, ...], list[Predicate]]:
        """Gather conditions on facts by the keys that determine them."""
        found: dict[tuple[str, ...], list[Predicate]] = {}
        for term in self._terms:
            if self._is_plain(term) or not _reads_records_only(term):
                continue
            needed = bound.dimensions_of(term, self._dimensions.universe)
            keys = self._keys_of(needed)
            if keys and needed <= self._group(keys):
                found.setdefault(keys, []).append(term)
        return found

    def _keys_of(self, needed: DimensionGroup) -> tuple[str, ...]:
        universe, required = self._dimensions.universe, self._dimensions.required
        facts = {name for name in needed.names if not universe[name].governor} or set(needed.names)
        chosen = [name for name in required if not facts.isdisjoint(self._own(name))]
        group = universe.conform(chosen)
        return tuple(name for name in required if name in group)

    def _own(self, name: str) -> set[str]:
        """Return a dimension and what its record alone determines."""
        universe = self._dimensions.universe
        return set(universe.conform([name]).names) - set(universe[name].requires)

    def _group(self, keys: Iterable[str]) -> DimensionGroup:
        return self._dimensions.universe.conform(keys)

    def _selected(self, keys: tuple[str, ...], terms: Sequence[Predicate]) -> str:
        group = self._group(keys)
        query = BoundQuery(kind="data_ids", dimensions=group, result=group, where=bound.all_of(terms))
        return self._select(query, keys)

    def _overlapping(self, keys: Mapping[str, str]) -> Iterator[str]:
        assert self._settled is not None
        table = self._settled.table
        for relation in (*self._settled.relations, *([] if table is None else [table])):
            if keys.keys() >= relation.keys.keys():
                columns = ", ".join(relation.keys.values())
                chosen = tuple(relation.keys)
                yield f"{_row(keys, chosen)} IN (SELECT {columns} FROM {relation.source})"


def _row(keys: Mapping[str, str], chosen: Sequence[str]) -> str:
    return f"({', '.join(keys[name] for name in chosen)})"


def _reads_records_only(term: Predicate) -> bool:
    columns = bound.columns_of(term)
    kinds = bound.KeyColumn | bound.ElementColumn
    if not columns or any(isinstance(node, bound.RegionOverlap) for node in bound.walk(term)):
        return False
    return all(isinstance(column, kinds) for column in columns)
