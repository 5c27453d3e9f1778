"""Sky pixels that a query can be about, and those of regions, as long as they are not too many to list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bunter.errors import InvalidQueryError
from bunter.query import bound
from bunter.query.bound import BoundQuery, Constant, KeyColumn
from bunter.registry.translate import translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.database import Connection
    from bunter.geometry import Region
    from bunter.registry.relations import Catalog

__all__ = ["known_pixels", "pixels_of"]

_MOST: Final = 5_000_000


def pixels_of(name: str, region: Region) -> list[int]:
    """Return the pixels of a pixelization that overlap a region.

    Raises
    ------
    InvalidQueryError
        If they are more than a computer should be asked to list.
    """
    from bunter.geometry import skypix

    pixels = skypix(name)
    if (many := pixels.at_most(region)) > _MOST:
        raise InvalidQueryError(
            f"a region covers up to {many} pixels of {name}; take a coarser level or a smaller region"
        )
    return pixels.pixels_of(region)


def known_pixels(connection: Connection, query: BoundQuery, catalog: Catalog, name: str) -> set[int] | None:
    """Return the pixels that rows can have by the datasets and data IDs joined and by the condition; None if nothing limits them.

    Parameters
    ----------
    connection : Connection
        Where datasets are looked up.
    query : BoundQuery
        The question.
    catalog : Catalog
        Where datasets are.
    name : str
        The pixelization.
    """
    limits = [*_of_condition(query, name), *_of_datasets(connection, query, catalog, name)]
    if query.data_id_table is not None and name in query.data_id_table:
        given: Any = query.data_id_table[name]
        limits.append(set(given))
    return set.intersection(*limits) if limits else None


def _of_condition(query: BoundQuery, name: str) -> Iterator[set[int]]:
    for term in bound.conjuncts(query.where):
        match term:
            case bound.Comparison("=", KeyColumn(dimension), Constant(int(pixel))) if dimension == name:
                yield {pixel}
            case bound.Membership(KeyColumn(dimension), constants, ranges) if dimension == name:
                if sum((end - begin) // stride for begin, end, stride in ranges) < _MOST:
                    spans = (range(begin, end + 1, stride) for begin, end, stride in ranges)
                    yield {int(str(each)) for each in constants}.union(*spans)


def _of_datasets(connection: Connection, query: BoundQuery, catalog: Catalog, name: str) -> Iterator[set[int]]:
    for search in query.searches:
        dimensions = catalog.dimensions(search.dataset_type)
        if search.join != "inner" or name not in dimensions:
            continue
        group = dimensions.universe.conform([name])
        question = BoundQuery(kind="data_ids", dimensions=dimensions, result=group, searches=(search,))
        statement = translate(question, catalog, fields=(name,))
        yield {pixel for (pixel,) in connection.fetchall(statement.text, statement.parameters)}
