"""The search for what covers a position: few statements for each dimension group, whatever the number of types."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bunter.butler.coverage import Coverage, CoveringDatasets
from bunter.butler.question import dataset_type_of
from bunter.dataset.inquiries import Among
from bunter.errors import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from bunter.butler.position import Position
    from bunter.butler.queries import Queries
    from bunter.butler.repository import RepositoryFacts
    from bunter.butler.search import Names
    from bunter.butler.session import Session
    from bunter.dataset import DatasetType
    from bunter.dimensions import DimensionGroup, Element
    from bunter.query.bind import Where

__all__ = ["Covering", "Narrowing"]

_WILD = frozenset("*?[")
NO_REGION, NO_TIME, NOT_MEANT = "without a region", "without a time", "to which the condition does not apply"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What datasets must satisfy besides their place.

    Parameters
    ----------
    collections, dataset_types : str or iterable of str, optional
        Where to look, and for what; everywhere and for all by default.
    find_first : bool
        Whether only the first dataset of each data ID counts.
    where : str or expression
        Condition on dimensions.
    binds : mapping
        Values in it.
    time : time or timespan, optional
        When they were taken.
    """

    collections: Names = None
    dataset_types: str | Iterable[str] | None = None
    find_first: bool = True
    where: Where = ""
    binds: Mapping[str, object] | None = None
    time: object = None


@dataclass(frozen=True, slots=True)
class _Path:
    """How the datasets of a group come to a place: elements whose regions tell, and the keys they are found by."""

    elements: tuple[str, ...]
    keys: tuple[str, ...]


class Covering:
    """Finds datasets by their place on the sky.

    Parameters
    ----------
    session : Session
        The repository.
    queries : Queries
        Asks.
    """

    def __init__(self, session: Session, queries: Queries) -> None:
        self._session = session
        self._queries = queries

    def at(self, position: Position, radius_deg: float, narrowing: Narrowing) -> Coverage:
        """Find what covers a position; see `Butler.at`."""
        from bunter.geometry import Region

        facts = self._session.facts
        here = Region.circle(position.ra, position.dec, radius_deg)
        searched = self._queries.collections(narrowing.collections, facts)
        found: dict[str, CoveringDatasets] = {}
        unlisted: dict[str, list[str]] = {}
        places: dict[_Path, list[tuple[Any, ...]]] = {}
        groups = _by_group(_chosen_types(facts, narrowing.dataset_types))
        bare = self._bare(facts)
        for group, kinds in groups.items():
            names = tuple(kind.name for kind in kinds)
            path = _path(group, bare)
            if path is None or (narrowing.time is not None and not _timed(group)):
                unlisted.setdefault(NO_REGION if path is None else NO_TIME, []).extend(names)
                continue
            if path not in places:
                places[path] = self._keys(path, here)
            if not places[path]:
                continue
            inquiry = Among(names, searched, path.keys, places[path], narrowing.find_first)
            table = self._narrowed(group, self._answer(inquiry), narrowing)
            if table is None:
                unlisted.setdefault(NOT_MEANT, []).extend(names)
            else:
                found.update(_by_type(kinds, path, table))
        nearest = () if found else tuple(self._nearest(places, here))
        reasons = {reason: tuple(sorted(names)) for reason, names in unlisted.items()}
        return Coverage(position, radius_deg, dict(sorted(found.items())), searched, reasons, nearest)

    def _bare(self, facts: RepositoryFacts) -> set[str]:
        """Return the elements with regions that have no records here, as detectors' regions where nobody computed them."""
        spatial = [e for e in facts.universe.elements.values() if e.spatial is not None and e.has_table]
        return {element.name for element in spatial if not self._queries.records(element.name).any()}

    def _answer(self, inquiry: Among) -> Any:
        return self._session.repository.answer(self._session.principal, inquiry)

    def _keys(self, path: _Path, here: Any) -> list[tuple[Any, ...]]:
        """Return the data IDs whose regions overlap."""
        where = " AND ".join(f"{element}.region OVERLAPS here" for element in path.elements)
        table = self._queries.data_ids(path.keys, where=where, bind={"here": here}).to_arrow()
        return list(zip(*(table.column(key).to_pylist() for key in path.keys), strict=True))

    def _narrowed(self, group: DimensionGroup, table: Any, narrowing: Narrowing) -> Any | None:
        """Keep the rows whose data IDs satisfy the condition; None if it makes no sense for them."""
        if not table.num_rows or (not narrowing.where and narrowing.time is None):
            return table
        where, binds = _conditions(group, narrowing)
        asked = {key: table.column(key).to_pylist() for key in group.required}
        try:
            kept = self._queries.data_ids(group.required, where=where, bind=binds, data_ids=asked).to_arrow()
        except InvalidQueryError as error:
            if error.position is None:
                raise
            return None
        satisfied = set(zip(*(kept.column(key).to_pylist() for key in group.required), strict=True))
        rows = zip(*asked.values(), strict=True)
        return table.filter([row in satisfied for row in rows])

    def _nearest(self, paths: Iterable[_Path], here: Any) -> Iterable[str]:
        """Say what lies nearest where there is nothing."""
        from bunter.butler.reasons.near_sky import region_hints
        from bunter.query import bound

        universe = self._session.facts.universe
        target = bound.Constant(here.encode(), "region")
        for name in dict.fromkeys(element for path in paths for element in path.elements):
            group = universe.conform(universe[name].required)
            column = bound.ElementColumn(name, "region", "region")
            context = bound.BoundQuery(kind="data_ids", dimensions=group, result=group)
            yield from region_hints(self._table, context, column, target)

    def _table(self, query: Any) -> Any:
        import pyarrow as pa

        stream = self._session.repository.execute(self._session.principal, query)
        return pa.Table.from_batches(list(stream.batches()), schema=stream.schema)


def _chosen_types(facts: RepositoryFacts, names: str | Iterable[str] | None) -> list[DatasetType]:
    """Return the types that are meant: names or globs, all by default."""
    patterns = ("*",) if names is None else (names,) if isinstance(names, str) else tuple(names)
    found: dict[str, DatasetType] = {}
    for pattern in patterns:
        if _WILD & set(pattern):
            found |= {name: kind for name, kind in facts.dataset_types.items() if fnmatchcase(name, pattern)}
        else:
            found[pattern] = dataset_type_of(facts, pattern)
    return list(found.values())


def _by_group(kinds: Sequence[DatasetType]) -> dict[DimensionGroup, list[DatasetType]]:
    groups: dict[DimensionGroup, list[DatasetType]] = {}
    for kind in kinds:
        groups.setdefault(kind.dimensions, []).append(kind)
    return groups


def _path(group: DimensionGroup, bare: Container[str]) -> _Path | None:
    """Find the smallest regions that tell where datasets of a group are; those of visits for exposures."""
    universe = group.universe
    if elements := _finest(group, bare):
        return _Path(_names(elements), universe.conform(name for e in elements for name in e.required).required)
    for relation in universe.combinations:
        beyond = [name for name in relation.requires if name not in group]
        if relation.always_join and len(beyond) == 1 and (elements := _finest(group | universe.conform(beyond), bare)):
            needed = universe.conform([*relation.requires, *(name for e in elements for name in e.required)])
            return _Path(_names(elements), tuple(name for name in needed.required if name in group.required))
    return None


def _finest(group: DimensionGroup, bare: Container[str]) -> list[Element]:
    """Return the element with the smallest regions of each family, of those that have records; else the smallest of all."""
    return [next((e for e in each if e.name not in bare), each[0]) for each in _families(group)]


def _families(group: DimensionGroup) -> list[list[Element]]:
    """Return the elements of each spatial family that a group has, fine to coarse."""
    present = {element.name for element in group.elements}
    families = (group.universe.spatial_family(family) for family in group.spatial)
    return [[group.universe[name] for name in family if name in present] for family in families]


def _names(elements: Iterable[Element]) -> tuple[str, ...]:
    return tuple(element.name for element in elements)


def _timed(group: DimensionGroup) -> bool:
    return bool(group.temporal)


def _conditions(group: DimensionGroup, narrowing: Narrowing) -> tuple[Any, dict[str, object]]:
    from bunter.query import conjoined

    if narrowing.time is None:
        return narrowing.where, dict(narrowing.binds or {})
    times = " AND ".join(f"{element.name}.timespan OVERLAPS moment_asked" for element in group.finest_temporal())
    return conjoined(narrowing.where, times), {**(narrowing.binds or {}), "moment_asked": narrowing.time}


def _by_type(kinds: Sequence[DatasetType], path: _Path, table: Any) -> dict[str, CoveringDatasets]:
    import pyarrow.compute as pc

    names = table.column("dataset_type")
    rows = table.drop_columns(["dataset_type"])
    parts = {kind.name: (kind, rows.filter(pc.equal(names, kind.name))) for kind in kinds}
    return {name: CoveringDatasets(kind, path.elements, part) for name, (kind, part) in parts.items() if part.num_rows}
