"""How the parts of a query hang together: governors, automatic spatial and temporal joins, and what nothing relates."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from bunter.errors import InvalidQueryError
from bunter.query import bound
from bunter.query.bound import DatasetColumn, ElementColumn, KeyColumn, TimespanOverlap
from bunter.query.scope import PlacedError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Universe
    from bunter.query.bound import Column, Predicate

__all__ = ["check_related", "governors_needed", "pinned", "spatial_joins", "temporal_joins"]


def governors_needed(where: Predicate | None, universe: Universe) -> dict[str, tuple[Column, bool]]:
    """Return the governors that columns in the condition depend on, each with such a column and whether it cannot do without.

    A key means nothing without its governor: visit 42 of one instrument has nothing to do with visit 42 of another. A fact, such as
    ``exposure.observation_type``, and a dimension that is a fact of others, such as ``day_obs`` and ``physical_filter``, can be
    compared between instruments. Regions and times mean the same everywhere.
    """
    needed: dict[str, tuple[Column, bool]] = {}
    for column in bound.columns_of(where):
        if isinstance(column, DatasetColumn) or column.kind in {"region", "timespan"}:
            continue
        own = column.dimension if isinstance(column, KeyColumn) else column.element
        identifies = _identifies(column, universe)
        for name in universe[own].required:
            if universe[name].governor and name != own and (identifies or name not in needed):
                needed[name] = needed[name] if needed.get(name, (column, False))[1] else (column, identifies)
    return needed


def _identifies(column: KeyColumn | ElementColumn, universe: Universe) -> bool:
    """Whether the column is a key, and not that of a dimension that others imply."""
    if isinstance(column, KeyColumn):
        return not any(column.dimension in element.implies for element in universe.elements.values())
    return any(column.column == key.name for key in universe[column.element].alternate_keys)


def pinned(where: Predicate | None, governor: str) -> bool:
    """Whether the condition says which values of the governor are meant: in some term of an AND, in each of an OR."""
    match where:
        case None:
            return False
        case bound.And(terms):
            return any(pinned(term, governor) for term in terms)
        case bound.Or(terms):
            return all(pinned(term, governor) for term in terms)
        case _:
            return governor in bound.referenced_dimensions(where) and any(
                isinstance(column, KeyColumn) and column.dimension == governor for column in bound.columns_of(where)
            )


class _Parts:
    """Disjoint sets of things that have been joined."""

    def __init__(self, names: Iterable[Hashable]) -> None:
        self.parent: dict[Hashable, Hashable] = {name: name for name in names}

    def root(self, name: Hashable) -> Hashable:
        while self.parent[name] != name:
            name = self.parent[name] = self.parent[self.parent[name]]
        return name

    def unite(self, names: Iterable[Hashable]) -> None:
        roots = [self.root(name) for name in names if name in self.parent]
        for root in roots[1:]:
            self.parent[self.root(root)] = self.root(roots[0])

    def sets(self) -> list[list[Hashable]]:
        found: dict[Hashable, list[Hashable]] = {}
        for name in self.parent:
            found.setdefault(self.root(name), []).append(name)
        return list(found.values())


def _leaf_columns(where: Predicate | None, kind: type) -> list[list[Column]]:
    return [bound.columns_of(leaf) for leaf in bound.walk(where) if isinstance(leaf, kind)]


def spatial_joins(
    dimensions: DimensionGroup, where: Predicate | None, joined: Sequence[DimensionGroup]
) -> tuple[tuple[str, str], ...]:
    """Return the pair of elements whose regions must overlap though nobody wrote it, if there is one.

    Parameters
    ----------
    dimensions : DimensionGroup
        All that the query joins.
    where : Predicate, optional
        An overlap written in it, also under OR or NOT, relates its two families.
    joined : sequence of DimensionGroup
        Groups of datasets that rows must have, and of tables of data IDs; each relates the families of which it has the
        finest element.

    Raises
    ------
    InvalidQueryError
        If it is not clear what to join: more than two families, or two groups of families.
    """
    if len(dimensions.spatial) < 2:
        return ()
    finest = {element.spatial or element.name: element.name for element in dimensions.finest_spatial()}
    parts = _Parts(finest)
    for group in joined:
        # A dataset of a visit and a patch says nothing about the visit's detectors: these must overlap the patch as well.
        members = {element.name for element in group.finest_spatial()}
        parts.unite(family for family, name in finest.items() if name in members)
    universe = dimensions.universe
    for columns in _leaf_columns(where, bound.RegionOverlap):
        parts.unite(universe[column.element].spatial for column in columns if isinstance(column, ElementColumn))
    sets = [[finest[str(name)] for name in family] for family in parts.sets()]
    if len(sets) == 1:
        return ()
    if (star := _around_a_region(sets, universe)) is not None:
        return star
    names = [name for family in sets for name in family]
    if len(names) == 2:
        first, second = universe.sorted(names)
        return ((first, second),)
    pairs = " or ".join(f"{a}.region OVERLAPS {b}.region" for a, b in pairwise(names))
    raise InvalidQueryError(f"regions of {', '.join(names)} could be joined in several ways; write {pairs}")


def _around_a_region(sets: list[list[str]], universe: Universe) -> tuple[tuple[str, str], ...] | None:
    """Join pixels of several systems each to the one region that is none of a pixel; None where it is not clear which."""
    pixels = [family for family in sets if all(universe[name].skypix for name in family)]
    others = [name for family in sets if family not in pixels for name in family if not universe[name].skypix]
    if len(others) != 1 or any(len(family) > 1 for family in pixels) or len(sets) - len(pixels) != 1:
        return None
    pairs = (universe.sorted((others[0], family[0])) for family in pixels)
    return tuple((first, second) for first, second in pairs)


def temporal_joins(
    dimensions: DimensionGroup,
    where: Predicate | None,
    searched: Mapping[str, DatasetType],
    joined: Sequence[DimensionGroup],
) -> tuple[TimespanOverlap, ...]:
    """Return the overlaps in time that nobody wrote: of element families, and of calibrations with what is observed.

    Parameters
    ----------
    dimensions : DimensionGroup
        All that the query joins.
    where : Predicate, optional
        A condition written in it about two timespans relates them.
    searched : mapping of str to DatasetType
        Dataset types searched, by what the query calls them; a calibration joins with its validity.
    joined : sequence of DimensionGroup
        Groups of datasets that rows must have; each relates the families within it.
    """
    columns: dict[str, Column] = {
        element.temporal or element.name: ElementColumn(element.name, "timespan", "timespan")
        for element in dimensions.finest_temporal()
    }
    columns |= {
        f"dataset {label}": DatasetColumn(label, "timespan", "timespan")
        for label, kind in searched.items()
        if kind.is_calibration
    }
    if len(columns) < 2:
        return ()
    parts = _Parts(columns)
    for group in joined:
        parts.unite(group.temporal)
    for label, kind in searched.items():
        if kind.is_calibration and kind.dimensions.temporal:
            parts.unite([*kind.dimensions.temporal, f"dataset {label}"])
    for leaf in bound.walk(where):
        if isinstance(leaf, bound.Comparison | TimespanOverlap):
            parts.unite(_temporal_name(column, dimensions.universe) for column in bound.columns_of(leaf))
    return _temporal_star([columns[str(members[0])] for members in parts.sets()])


def _temporal_name(column: Column, universe: Universe) -> str:
    if column.kind != "timespan":
        return ""
    if isinstance(column, ElementColumn):
        return universe[column.element].temporal or ""
    return f"dataset {column.dataset_type}" if isinstance(column, DatasetColumn) else ""


def _temporal_star(columns: list[Column]) -> tuple[TimespanOverlap, ...]:
    """Join every calibration to the one observed timespan; calibrations alone to each other only if they are two."""
    centre = [column for column in columns if isinstance(column, ElementColumn)]
    if len(centre) == 1 or len(columns) == 2:
        middle = centre[0] if centre else columns[0]
        return tuple(TimespanOverlap(middle, column) for column in columns if column != middle)
    return ()


def check_related(
    dimensions: DimensionGroup,
    own: DimensionGroup,
    joined: Sequence[DimensionGroup],
    where: Predicate | None,
    spatial: Sequence[tuple[str, str]],
) -> None:
    """Refuse dimensions that the condition brings in and that nothing relates to the result.

    Parameters
    ----------
    dimensions : DimensionGroup
        All that the query joins.
    own : DimensionGroup
        Dimensions that were there before the condition.
    joined : sequence of DimensionGroup
        Groups of datasets and tables.
    where : Predicate, optional
        The condition; a comparison of two columns relates their dimensions.
    spatial : sequence of (str, str)
        Automatic spatial joins.

    Raises
    ------
    PlacedError
        Otherwise every row would pair with every value of the stranger. Governors may always be named.
    """
    if not own.names or dimensions is own:
        return
    universe = dimensions.universe
    parts = _Parts(dimensions.names)
    for element in dimensions.elements:
        parts.unite([*element.required, *element.implies])
    for group in joined:
        parts.unite(group.names)
    for a, b in spatial:
        parts.unite([*universe[a].required, *universe[b].required])
    for leaf in bound.walk(where):
        if isinstance(leaf, bound.Comparison | bound.RegionOverlap | TimespanOverlap):
            parts.unite(name for one in bound.referenced_dimensions(leaf) for name in universe[one].required)
    home = {parts.root(name) for name in own.names}
    for members in parts.sets():
        strangers = [str(name) for name in members if not universe[str(name)].governor]
        if strangers and parts.root(members[0]) not in home:
            named = bound.referenced_dimensions(where)
            stranger = next((name for name in strangers if name in named), strangers[-1])
            message = (
                f"nothing relates {stranger!r} to {own!r}; add a dimension that does (such as visit), "
                f"or leave it out of the condition"
            )
            raise PlacedError(message, stranger)
