"""Which records a database should read before the datasets: those that a condition leaves few of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bunter.registry.layout import GroupLayout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bunter.dimensions import DimensionGroup, Universe
    from bunter.registry.relations import Relation

__all__ = ["records_ahead"]

_NAMED = re.compile(r"\b(t\d+)\.")


def records_ahead(
    universe: Universe,
    elements: Mapping[str, Relation],
    searched: Iterable[DimensionGroup],
    conditions: Sequence[str],
) -> list[Relation]:
    """Pick the records to be read before the datasets.

    A condition on the day of an exposure leaves few exposures, whose datasets lie together; a database without statistics
    would rather look at all datasets, each with its exposure. Records of detectors are left behind: the datasets of one
    are all over a run.

    Parameters
    ----------
    universe : Universe
        The dimensions.
    elements : mapping of str to Relation
        Records that are joined, by element.
    searched : iterable of DimensionGroup
        Dimensions of the dataset types that are joined.
    conditions : sequence of str
        SQL of all that must hold.
    """
    narrowed = set(_narrowed(conditions))
    few = {name for name, relation in elements.items() if _alias(relation) in narrowed}
    if not few:
        return []
    orders = [_order(group) for group in searched]
    found: dict[str, Relation] = {}
    for name, relation in elements.items():
        keys = {key for key in universe[name].required if not universe[key].governor}
        if keys and orders and all(keys == set(order[: len(keys)]) for order in orders):
            decisive = [other for other in _followed(universe, name, elements) if other in few]
            found |= {other: elements[other] for other in decisive}
            if decisive:
                found[name] = relation
    return list(found.values())


def _narrowed(conditions: Iterable[str]) -> Iterator[str]:
    """Yield the aliases that have a condition for themselves."""
    for condition in conditions:
        if "SELECT" not in condition and len(names := set(_NAMED.findall(condition))) == 1:
            yield from names


def _alias(relation: Relation) -> str:
    return relation.source.rpartition(" ")[2]


def _order(group: DimensionGroup) -> list[str]:
    """Return the keys by which rows of a run lie together, in their order."""
    return [key for key in GroupLayout(0, group).keys if not group.universe[key].governor]


def _followed(universe: Universe, name: str, elements: Mapping[str, Relation]) -> Iterator[str]:
    """Yield an element and those that its records imply, as far as they are joined."""
    yield name
    for other in universe[name].implies:
        if other in elements:
            yield from _followed(universe, other, elements)
