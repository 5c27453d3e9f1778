"""Closed sets of dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bunter.dimensions.element import Element
    from bunter.dimensions.universe import Universe


class DimensionGroup:
    """Set of dimensions that holds all that its members require or imply, in the order of the universe.

    Made by `Universe.conform`; there is one object per set and universe, so groups compare by identity.

    Attributes
    ----------
    universe : Universe
        Where the dimensions are defined.
    names : tuple[str, ...]
        All dimensions.
    required : tuple[str, ...]
        Those that no other member implies: their values identify a data ID.
    implied : tuple[str, ...]
        The others.
    data_id_keys : tuple[str, ...]
        Required, then implied.
    elements : tuple[Element, ...]
        The dimensions, then the combinations whose dimensions are all members.
    key : str
        Required names joined by ``+``; ``empty`` for the empty group.
    """

    __slots__ = (
        "_members", "coercions", "data_id_keys", "elements", "implied", "implied_coercions", "key", "names", "required",
        "required_coercions", "required_names", "universe",
    )  # fmt: skip

    def __init__(self, universe: Universe, names: frozenset[str]) -> None:
        self.universe = universe
        self._members = names
        self.names = universe.sorted(names)
        implied = {name for member in names for name in universe[member].implies}
        self.required = tuple(name for name in self.names if name not in implied)
        self.implied = tuple(name for name in self.names if name in implied)
        self.data_id_keys = self.required + self.implied
        self.elements = tuple(self._find_elements())
        self.key = "+".join(self.required) or "empty"
        # What a data ID is checked against, without a look-up per value: (name, kind, length).
        columns = [universe.key_column(name) for name in self.data_id_keys]
        self.coercions = tuple((column.name, column.kind, column.length) for column in columns)
        self.required_coercions = self.coercions[: len(self.required)]
        self.required_names = frozenset(self.required)
        self.implied_coercions = self.coercions[len(self.required) :]

    def _find_elements(self) -> Iterator[Element]:
        yield from (self.universe[name] for name in self.names)
        for element in self.universe.combinations:
            if self._members.issuperset(element.requires):
                yield element

    @property
    def governors(self) -> tuple[str, ...]:
        """Members that are governors."""
        return tuple(name for name in self.names if self.universe[name].governor)

    @property
    def skypix(self) -> tuple[str, ...]:
        """Members that are pixelizations of the sky."""
        return tuple(name for name in self.names if self.universe[name].skypix)

    @property
    def spatial(self) -> tuple[str, ...]:
        """Families of regions among the elements, in the order of the universe."""
        return tuple(dict.fromkeys(element.spatial for element in self.elements if element.spatial is not None))

    @property
    def temporal(self) -> tuple[str, ...]:
        """Families of timespans among the elements, in the order of the universe."""
        return tuple(dict.fromkeys(element.temporal for element in self.elements if element.temporal is not None))

    def finest_spatial(self) -> list[Element]:
        """Element with the smallest regions of each spatial family, also of each system of sky pixels."""
        return [self._finest(self.universe.spatial_family(family)) for family in self.spatial]

    def finest_temporal(self) -> list[Element]:
        """Element with the shortest timespans of each temporal family."""
        return [self._finest(self.universe.temporal_family(family)) for family in self.temporal]

    def _finest(self, fine_to_coarse: Iterable[str]) -> Element:
        present = {element.name for element in self.elements}
        return self.universe[next(name for name in fine_to_coarse if name in present)]

    @property
    def lookup_order(self) -> tuple[str, ...]:
        """Members such that each comes after those that imply it: the order to find implied values in."""
        found: dict[str, None] = {}
        for name in self.required:
            self._visit(name, found)
        return tuple(found)

    def _visit(self, name: str, found: dict[str, None]) -> None:
        if name not in found:
            found[name] = None
            for implied in self.universe[name].implies:
                self._visit(implied, found)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __or__(self, other: DimensionGroup) -> DimensionGroup:
        return self.universe.conform(self._members | other._members)

    def __and__(self, other: DimensionGroup) -> DimensionGroup:
        return self.universe.conform(self._members & other._members)

    def __sub__(self, other: DimensionGroup) -> DimensionGroup:
        return self.universe.conform(self._members - other._members)

    def __le__(self, other: DimensionGroup) -> bool:
        return self._members <= other._members

    def __lt__(self, other: DimensionGroup) -> bool:
        return self._members < other._members

    def __ge__(self, other: DimensionGroup) -> bool:
        return self._members >= other._members

    def __gt__(self, other: DimensionGroup) -> bool:
        return self._members > other._members

    def isdisjoint(self, other: DimensionGroup) -> bool:
        """Whether no dimension is in both."""
        return self._members.isdisjoint(other._members)

    def __repr__(self) -> str:
        return f"{{{', '.join(self.required)}}}"

    def __reduce__(self) -> tuple[object, ...]:
        return _conform, (self.universe, self.required)


def _conform(universe: Universe, names: tuple[str, ...]) -> DimensionGroup:
    return universe.conform(names)
