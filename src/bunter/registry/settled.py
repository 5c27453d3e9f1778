"""What is known of overlaps before a query is translated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.query.bound import Predicate, RegionOverlap
    from bunter.registry.join import Join
    from bunter.registry.relations import Relation

__all__ = ["Settled"]


@dataclass(slots=True)
class Settled:
    """What is known of the overlaps of a query.

    Parameters
    ----------
    relations : list of Relation
        Tables of keys that overlap, to be joined.
    joined : set of Predicate
        Conditions that these tables stand for.
    tests : dict
        How to write the overlaps that stand under OR or NOT.
    table : Relation, optional
        Data IDs given with the query.
    """

    relations: list[Relation] = field(default_factory=list)
    joined: set[Predicate] = field(default_factory=set)
    tests: dict[RegionOverlap, Callable[[Join], str]] = field(default_factory=dict)
    table: Relation | None = None
