"""Overlaps of regions, settled before the query: candidates from SQL, exact tests in bulk, pairs back as tables."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Any

from bunter.database import Columns
from bunter.errors import InvalidQueryError
from bunter.query import bound
from bunter.query.bound import BoundQuery, Constant, ElementColumn, KeyColumn, RegionOverlap
from bunter.registry.known_pixels import known_pixels, pixels_of
from bunter.registry.relations import Relation
from bunter.registry.settled import Settled
from bunter.registry.sky_index import near, read_by_place
from bunter.registry.translate import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from bunter.database import Connection
    from bunter.dimensions import Element
    from bunter.query.bound import Predicate
    from bunter.registry.join import Join
    from bunter.registry.relations import Catalog

__all__ = ["settle"]

_SLACK = 1e-14  # of a dot product of unit vectors in double precision


def settle(connection: Connection, query: BoundQuery, catalog: Catalog) -> Settled | None:
    """Find out which regions overlap, exactly, and which data IDs are asked for.

    Parameters
    ----------
    connection : Connection
        Within a snapshot; gets temporary tables.
    query : BoundQuery
        The question.
    catalog : Catalog
        Where records are.

    Returns
    -------
    Settled or None
        None if the query has nothing to settle.
    """
    terms = query.condition
    nodes = dict.fromkeys(n for term in terms for n in bound.walk(term) if isinstance(n, RegionOverlap))
    if not nodes and query.data_id_table is None:
        return None
    settled = Settled()
    if query.data_id_table is not None:
        settled.table = _data_ids(connection, query)
    for place, node in enumerate(nodes):
        keys, rows = _Overlap(connection, query, catalog, node).pairs()
        table = connection.upload(f"overlap{place}", len(keys), rows, _kinds(query, keys))
        if node in terms:
            alias = f"o{place}"
            settled.relations.append(Relation(f"{table} {alias}", _numbered(keys, alias)))
            settled.joined.add(node)
        settled.tests[node] = _test(node, keys, table)
    return settled


def _kinds(query: BoundQuery, keys: Sequence[str]) -> list[str]:
    return [query.dimensions.universe.key_column(key).kind for key in keys]


def _numbered(keys: Sequence[str], alias: str) -> dict[str, str]:
    return {key: f"{alias}.c{place}" for place, key in enumerate(keys)}


def _test(node: RegionOverlap, keys: Sequence[str], table: str) -> Callable[[Join], str]:
    def write(join: Join) -> str:
        sides = [side for side in (node.left, node.right) if isinstance(side, ElementColumn)]
        regions = [join.column(side) for side in sides if not join.universe[side.element].skypix]
        values = ", ".join(join.key(key) for key in keys)
        inside = f"({values}) IN (SELECT {', '.join(f'c{place}' for place in range(len(keys)))} FROM {table})"
        unknown = " OR ".join(f"{region} IS NULL" for region in regions)
        return f"(CASE WHEN {unknown} THEN NULL ELSE {inside} END)" if unknown else f"({inside})"

    return write


def _data_ids(connection: Connection, query: BoundQuery) -> Relation:
    assert query.data_id_table is not None
    keys = tuple(query.data_id_table)
    rows = dict.fromkeys(zip(*query.data_id_table.values(), strict=True))
    table = connection.upload("data_ids", len(keys), rows, _kinds(query, keys))
    return Relation(f"{table} given", _numbered(keys, "given"), leading=True)


class _Overlap:
    """One overlap of a query."""

    def __init__(self, connection: Connection, query: BoundQuery, catalog: Catalog, node: RegionOverlap) -> None:
        self.connection = connection
        self.query = query
        self.catalog = catalog
        self.universe = query.dimensions.universe
        self.sides = [node.left, node.right]

    def pairs(self) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """Return names of dimensions, and their values where the two regions overlap."""
        elements = [self.universe[side.element] for side in self.sides if isinstance(side, ElementColumn)]
        constants = [side.value for side in self.sides if isinstance(side, Constant)]
        if len(elements) == 1 and constants:
            return self._with_constant(elements[0], bytes(constants[0]))  # type: ignore[call-overload]
        first, second = sorted(elements, key=lambda element: element.skypix)
        if first.skypix:
            return self._of_pixels(first, second)
        return self._with_pixels(first, second) if second.skypix else self._of_two(first, second)

    def _with_constant(self, element: Element, region: bytes) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        from bunter.geometry import Region, caps, overlapping_pairs

        if element.skypix:
            return (element.name,), [(pixel,) for pixel in pixels_of(element.name, Region.decode(region))]
        rows = self._candidates(element, None, caps([region])[0].tolist())
        hits, _ = overlapping_pairs([row[-1] for row in rows], [region])
        return element.required, [rows[hit][:-1] for hit in hits.tolist()]

    def _with_pixels(self, element: Element, pixels: Element) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        from bunter.geometry import Region

        rows = self._candidates(element, pixels)
        found = [(*row[:-1], pixel) for row in rows for pixel in pixels_of(pixels.name, Region.decode(row[-1]))]
        return (*element.required, pixels.name), found

    def _of_pixels(self, first: Element, second: Element) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Pair pixels of two systems, of which one at least is known from datasets, data IDs or the condition."""
        from bunter.geometry import skypix

        ours, theirs = (known_pixels(self.connection, self.query, self.catalog, each.name) for each in (first, second))
        if ours is None and theirs is None:
            raise InvalidQueryError(
                f"all pixels of {first.name} and {second.name} are too many to join; name a dataset type, a region or pixels"
            )
        if ours is None or (theirs is not None and len(theirs) < len(ours)):
            keys, rows = self._of_pixels(second, first)
            return keys, rows
        region = skypix(first.name).region
        pairs = [(pixel, other) for pixel in ours for other in pixels_of(second.name, region(pixel))]
        return (first.name, second.name), pairs if theirs is None else [pair for pair in pairs if pair[1] in theirs]

    def _of_two(self, first: Element, second: Element) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        from bunter.geometry import Decoded, overlapping_pairs

        left = self._candidates(first, second)
        regions = Decoded([row[-1] for row in left])
        right = self._candidates(second, first, _cap_around(regions.caps)) if left else []
        new = [place for place, name in enumerate(second.required) if name not in first.required]
        common = [(first.required.index(name), place) for place, name in enumerate(second.required) if place not in new]
        ours, theirs = overlapping_pairs(regions, [row[-1] for row in right])
        i, j = ours.tolist(), theirs.tolist()
        if common:
            same = [all(left[a][n] == right[b][m] for n, m in common) for a, b in zip(i, j, strict=True)]
            i, j = list(compress(i, same)), list(compress(j, same))
        keys = (*first.required, *(second.required[place] for place in new))
        heads = [list(map([row[n] for row in left].__getitem__, i)) for n in range(len(first.required))]
        return keys, Columns([*heads, *(list(map([row[n] for row in right].__getitem__, j)) for n in new)])

    def _candidates(
        self, element: Element, other: Element | None, around: Sequence[float] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return keys and region of the records that can take part, by all conditions that do not speak of the other."""
        universe = self.universe
        own = universe.conform(element.required)
        strange = set() if other is None else set(universe.conform(other.required).names) - set(own.names)
        terms = [term for term in bound.conjuncts(self.query.where) if self._speaks_of_it(term, strange)]
        inner = (search for search in self.query.searches if search.join == "inner")
        searches = [search for search in inner if self.catalog.dimensions(search.dataset_type) <= own]
        dimensions = own
        for term in terms:
            dimensions = dimensions | bound.dimensions_of(term, universe)
        question = BoundQuery(
            kind="records",
            dimensions=dimensions,
            result=element,
            where=bound.all_of(terms) if terms else None,
            searches=tuple(searches),
        )
        by_place = self.connection if around is not None and read_by_place(element, terms) else None
        narrowed = _Regions(self.catalog, element, around, by_place)
        statement = translate(question, narrowed, fields=(*element.required, "region"))
        return self.connection.fetchall(statement.text, statement.parameters)

    def _speaks_of_it(self, term: Predicate, strange: set[str]) -> bool:
        columns = bound.columns_of(term)
        if any(isinstance(node, RegionOverlap) for node in bound.walk(term)):
            return False
        if any(not isinstance(column, KeyColumn | ElementColumn) for column in columns):
            return False
        return strange.isdisjoint(bound.dimensions_of(term, self.universe).names)


class _Regions:
    """A catalog in which one element has only those records whose region is known and may reach into a cap."""

    def __init__(
        self, catalog: Catalog, element: Element, around: Sequence[float] | None, by_place: Connection | None
    ) -> None:
        self._catalog = catalog
        self._element = element
        self._around = around
        self._by_place = by_place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    def element(self, element: Element, alias: str) -> Relation:
        relation = self._catalog.element(element, alias)
        if element is not self._element:
            return relation
        conditions = [f"{relation.columns['region']} IS NOT NULL"]
        if self._around is not None:
            conditions.append(_may_reach(relation.columns, self._around))
            if self._by_place is not None:
                relation = near(self._by_place, element, relation, self._around)
        return replace(relation, conditions=tuple(conditions))


def _may_reach(columns: dict[str, str], cap: Sequence[float]) -> str:
    """Return SQL for: the angle between the centres is at most the sum of the opening angles, or that is above pi."""
    x, y, z, angle = cap
    if angle >= math.pi:
        return "TRUE"
    cos, sin = math.cos(angle), math.sin(angle)
    product = f"{columns['cap_x']} * {x!r} + {columns['cap_y']} * {y!r} + {columns['cap_z']} * {z!r}"
    limit = f"{columns['cap_cos']} * {cos!r} - {columns['cap_sin']} * {sin!r}"
    beyond = f"{columns['cap_sin']} * {cos!r} + {columns['cap_cos']} * {sin!r}"
    return f"({product} >= {limit} - {_SLACK!r} OR {beyond} < 0)"


def _cap_around(circles: NDArray[np.float64]) -> Sequence[float] | None:
    """Return a cap that has all of the caps in it; None where that would be most of the sky."""
    import numpy as np

    if not len(circles):
        return None
    centre = circles[:, :3].sum(axis=0)
    length = float(np.linalg.norm(centre))
    if length < 0.5 * len(circles):
        return None
    centre /= length
    angles = np.arccos(np.clip(circles[:, :3] @ centre, -1, 1)) + circles[:, 3]
    angle = float(angles.max()) + 1e-7
    return [*centre.tolist(), angle] if angle < math.pi / 2 else None
