"""Joins along links: which data IDs of two dimension groups belong together, set by set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bunter.graph.links import ties
from bunter.graph.relation import Pairs, Relation, joint_keys, single

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bunter.dimensions import DimensionGroup
    from bunter.graph.keys import Array
    from bunter.graph.links import Tie
    from bunter.graph.sources import Sources

__all__ = ["Joins"]


class Joins:
    """Relations of the dimension records, made once and joined as links need them.

    Parameters
    ----------
    sources : Sources
        The records.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._ties: dict[Tie, Relation] = {}
        self._elements: dict[str, Relation] = {}

    def tie(self, tie: Tie) -> Relation:
        """Return the data IDs over the dimensions of a tie that satisfy it."""
        if tie not in self._ties:
            self._ties[tie] = self._table(tie) if tie.is_table else self._overlap(tie)
        return self._ties[tie]

    def _table(self, tie: Tie) -> Relation:
        return self.element(tie.first).only(tie.dimensions)

    def _overlap(self, tie: Tie) -> Relation:
        records = self.sources.records
        if tie.first not in records or tie.second not in records:
            return Relation({name: np.zeros(0, np.int64) for name in tie.dimensions}, 0)
        pairs = self.sources.overlap(tie.first, tie.second)
        first, second = records[tie.first].keys, records[tie.second].keys
        columns, agree = {}, np.ones(len(pairs), bool)
        for name in tie.dimensions:
            one = first.columns[name][pairs.left] if name in first else None
            other = second.columns[name][pairs.right] if name in second else None
            columns[name] = one if one is not None else other
            if one is not None and other is not None:
                agree &= one == other
        kept = {name: column for name, column in columns.items() if column is not None}
        return Relation(kept, len(pairs)).take(np.flatnonzero(agree))

    def element(self, name: str) -> Relation:
        """Return the data IDs that an element's records allow: required and implied dimensions."""
        if name not in self._elements:
            self._elements[name] = self._allowed(name)
        return self._elements[name]

    def _allowed(self, name: str) -> Relation:
        element, records = self.sources.universe[name], self.sources.records
        if name in records:
            return records[name].keys.only([*element.required, *element.implies])
        target = element.implied_union_target
        if target is not None:
            values = self.element(target).columns[name]
            found = np.unique(values[values >= 0])
            return Relation({name: found}, len(found))
        return Relation({each: np.zeros(0, np.int64) for each in (*element.required, *element.implies)}, 0)

    def complete(
        self, relation: Relation, group: DimensionGroup, *, waived: Collection[frozenset[str]] = ()
    ) -> Relation:
        """Extend rows to all data IDs of a group that agree with them, and drop rows that no data ID agrees with.

        Parameters
        ----------
        relation : Relation
            Some dimensions of the group.
        group : DimensionGroup
            What the rows shall have.
        waived : collection of frozenset of str
            Pairs of families whose overlap is decided elsewhere.

        Returns
        -------
        Relation
            All dimensions of the group, required and implied; rows may repeat if those given do.
        """
        pending = [self.tie(tie) for tie in ties(group) if tie.families not in waived]
        pending += [self.element(name) for name in group.names]
        while pending:
            best = min(pending, key=lambda other: self._cost(relation, other))
            pending = [other for other in pending if other is not best]
            relation = relation.join(best)
        return relation.only(group.data_id_keys)

    def expand(self, relation: Relation, group: DimensionGroup) -> Relation:
        """Add implied dimensions to rows that have the required ones of a group; rows keep their number and order."""
        columns = {name: relation.columns[name] for name in group.required}
        for name in group.lookup_order:
            implied = [other for other in self.sources.universe[name].implies if other not in columns]
            if implied:
                element = self.element(name)
                rows = self.rows_of(Relation(columns, relation.size), element, self.sources.universe[name].required)
                for other in implied:
                    columns[other] = _picked(element.columns[other], rows)
        return Relation({name: columns[name] for name in group.data_id_keys}, relation.size)

    @staticmethod
    def rows_of(relation: Relation, table: Relation, names: Sequence[str]) -> Array:
        """Find for each row the row of a table that agrees on ``names``, of which there is at most one; -1 for none."""
        keys = joint_keys(relation, table, names)
        return single(keys[: relation.size], keys[relation.size :])

    def _cost(self, relation: Relation, other: Relation) -> int:
        """How much a join may let the rows grow: not at all, along some dimension, within governors, without bounds."""
        shared = [name for name in other.columns if name in relation]
        if len(shared) == len(other.columns):
            return 0
        if not shared:
            return 3 if relation.columns else 2
        universe = self.sources.universe
        return 2 if all(universe[name].governor for name in shared) else 1

    def linked(self, left: Relation, left_group: DimensionGroup, right: Relation, right_group: DimensionGroup) -> Pairs:
        """Find the pairs of rows of two relations that are linked.

        Parameters
        ----------
        left, right : Relation
            Data IDs with all dimensions of their groups, required and implied.
        left_group, right_group : DimensionGroup
            The two sides.

        Returns
        -------
        Pairs
            Sorted by left row, then right row, without repeats.
        """
        steps = self.steps(left_group, right_group)
        if not steps:
            return left.matches(right)
        walked = Relation({**left.columns, " left": np.arange(left.size)}, left.size)
        for step in steps:
            walked = walked.join(step)
        pairs = walked.matches(right)
        return _unique(Pairs(walked.columns[" left"][pairs.left], pairs.right), right.size)

    def steps(self, left_group: DimensionGroup, right_group: DimensionGroup) -> Sequence[Relation]:
        """Return the relations of the ties of a link, from the left side to the right."""
        sides = (left_group, right_group)
        return [self.tie(tie) for tie in ties(left_group | right_group, sides)]


def _unique(pairs: Pairs, size: int) -> Pairs:
    keys = np.unique(pairs.left * max(size, 1) + pairs.right)
    left, right = np.divmod(keys, max(size, 1))
    return Pairs(left, right)


def _picked(column: Array, rows: Array) -> Array:
    """Values of the rows; -1 (null) where the row is -1."""
    if not len(column):
        return np.full(len(rows), -1, np.int64)
    return np.where(rows >= 0, column[rows], -1)
