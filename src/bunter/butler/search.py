"""Dataset types that a query joins, and where they are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bunter.dataset import DatasetSearch, DatasetType
from bunter.errors import CollectionTypeError, InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import EllipsisType

    from bunter.dimensions import DimensionGroup

__all__ = ["Names", "Search", "Searched", "check_comparable", "collections_of"]

Names: TypeAlias = "str | Iterable[str] | EllipsisType | None"
"""Collections that a user names; ``...`` is all, None the defaults."""


@dataclass(frozen=True, slots=True)
class Search:
    """A dataset type to join, with collections of its own, a name of its own, or as something that may be missing.

    Parameters
    ----------
    dataset_type : str or DatasetType
        The type.
    collections : str or iterable of str, optional
        Where to look, in order; by default where the whole query looks.
    name : str
        What conditions and columns call it, needed where one type is joined twice.
    optional : bool
        Whether rows without such a dataset stay, with None in its place.
    find_first : bool
        Whether only the dataset of the first collection counts.

    Examples
    --------
    >>> butler.query_joined(Search("src", "old", name="old"), Search("src", "new", name="new"))
    """

    dataset_type: str | DatasetType
    collections: Names = None
    name: str = ""
    optional: bool = False
    find_first: bool = True


@dataclass(frozen=True, slots=True)
class Searched:
    """A search with its dataset type and collections looked up.

    Parameters
    ----------
    dataset_type : DatasetType
        The type.
    collections : tuple of str
        Flat, in order.
    find_first : bool
        Whether only the dataset of the first collection counts.
    name : str
        What the query calls it; the type's own name by default.
    join : str
        See `bunter.dataset.DatasetSearch`.
    """

    dataset_type: DatasetType
    collections: tuple[str, ...]
    find_first: bool = True
    name: str = ""
    join: Literal["inner", "left", "anti"] = "inner"

    @property
    def label(self) -> str:
        """What the query calls it."""
        return self.name or self.dataset_type.name

    @property
    def plain(self) -> DatasetSearch:
        """The search by names only."""
        return DatasetSearch(self.dataset_type.name, self.collections, self.find_first, self.name, self.join)


def collections_of(names: Any) -> tuple[str, ...]:
    """Return names and globs of collections one by one; ``...`` stands for all, and None for none.

    Raises
    ------
    CollectionTypeError
        If one of them is no text.
    """
    listed = () if names is None else (names,) if isinstance(names, str) or names is ... else tuple(names)
    strange = [name for name in listed if not isinstance(name, str) and name is not ...]
    if strange:
        raise CollectionTypeError(f"collections are given by name or glob, not as {strange[0]!r}")
    return tuple("*" if name is ... else name for name in listed)


def check_comparable(missing: DatasetType, group: DimensionGroup) -> None:
    """Refuse to look for what is missing where only an overlap on the sky would relate the two.

    Raises
    ------
    InvalidQueryError
        With the question to ask instead.
    """
    ours, theirs = set(missing.dimensions.spatial), set(group.spatial)
    if ours and theirs and ours.isdisjoint(theirs):
        raise InvalidQueryError(
            f"{missing.name!r} and {group!r} are related by their regions only; ask query_joined with "
            f"Search({missing.name!r}, optional=True) and where='{missing.name}.id IS NULL' for each pair that overlaps"
        )
