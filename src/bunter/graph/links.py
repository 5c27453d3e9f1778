"""Which relations tie the two sides of a link together: the definition of a link, without any rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.dimensions import DimensionGroup, Element

__all__ = ["Tie", "ties"]


@dataclass(frozen=True, slots=True)
class Tie:
    """One condition on data IDs beyond equal values.

    Parameters
    ----------
    first, second : str
        Elements whose regions or timespans must overlap; for a join table the element twice.
    families : frozenset of str
        The two families compared; empty for a join table.
    dimensions : tuple of str
        Required dimensions of both.
    """

    first: str
    second: str
    families: frozenset[str]
    dimensions: tuple[str, ...]

    @property
    def is_table(self) -> bool:
        """Whether it is a join table."""
        return self.first == self.second


def ties(group: DimensionGroup, sides: Sequence[DimensionGroup] = ()) -> list[Tie]:
    """Return the conditions that hold in a group and not already within one side.

    Parameters
    ----------
    group : DimensionGroup
        All dimensions of a link, or of a task.
    sides : sequence of DimensionGroup
        The two sides of a link; conditions that lie wholly in one of them are left out.
    """
    found = [*_tables(group), *_overlaps(group)]
    return [tie for tie in found if not any(set(tie.dimensions) <= set(side.names) for side in sides)]


def _tables(group: DimensionGroup) -> Iterator[Tie]:
    for element in group.elements:
        if element.always_join:
            yield Tie(element.name, element.name, frozenset(), element.required)


def _overlaps(group: DimensionGroup) -> Iterator[Tie]:
    for first, second in combinations(group.finest_spatial(), 2):
        yield _tie(first, second, str(first.spatial), str(second.spatial))
    for first, second in combinations(group.finest_temporal(), 2):
        yield _tie(first, second, str(first.temporal), str(second.temporal))
    for first, second in combinations((group.universe[name] for name in group.skypix), 2):
        if first.spatial == second.spatial:
            yield _tie(first, second, str(first.spatial), str(second.spatial))


def _tie(first: Element, second: Element, one: str, other: str) -> Tie:
    dimensions = tuple(dict.fromkeys([*first.required, *second.required]))
    return Tie(first.name, second.name, frozenset([one, other]), dimensions)
