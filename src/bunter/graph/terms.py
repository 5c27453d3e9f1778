"""Under which terms quanta are selected: what the user, the tasks and the operators say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter.graph.decisions import Decisions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bunter.graph.conjuncts import Conjunct

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Everything but the data that decides what is planned.

    Parameters
    ----------
    conjuncts : sequence of Conjunct
        The user's conditions.
    restrictions : mapping of (str, str) to Conjunct
        By label and connection, a connection's own condition.
    decisions : Decisions
        Vetoes and overrides of operators.
    indispensable : collection of (str, str)
        Labels and connections of inputs whose lack does not remove a quantum but is an error if it is planned.
    awaited : collection of (str, str)
        Labels and connections of inputs whose lack does not remove a quantum either: it waits until they are there.
    """

    conjuncts: Sequence[Conjunct] = ()
    restrictions: Mapping[tuple[str, str], Conjunct] = field(default_factory=dict)
    decisions: Decisions = field(default_factory=Decisions)
    indispensable: Collection[tuple[str, str]] = ()
    awaited: Collection[tuple[str, str]] = ()
