"""Lists: what IN looks through, and ORs of equalities that are lists in disguise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter.query import bound
from bunter.query.bound import Comparison, Constant, Membership
from bunter.query.constants import coerced_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.query.bound import Predicate, Value

__all__ = ["Members", "merged_equalities", "merged_inequalities"]


@dataclass(slots=True)
class Members:
    """What stands in the list of one IN, collected item by item.

    Parameters
    ----------
    value : Value
        What is looked for.
    constants : dict
        Values of its kind, in order, as keys.
    ranges : list of (int, int, int)
        As in `Membership`.
    names : dict
        Strings that stand for a numeric key, per column of names.
    others : list of Predicate
        Items that are no constants, as conditions of their own.
    """

    value: Value
    constants: dict[object, None] = field(default_factory=dict)
    ranges: list[tuple[int, int, int]] = field(default_factory=list)
    names: dict[Value, dict[object, None]] = field(default_factory=dict)
    others: list[Predicate] = field(default_factory=list)

    def add_many(self, values: object) -> list[Constant]:
        """Take over Python values; return those that are not of the kind."""
        assert hasattr(values, "__iter__")
        found = coerced_many(values, self.value.kind)
        misfits = [each for each in found if isinstance(each, Constant)]
        if misfits:
            found = tuple(each for each in found if not isinstance(each, Constant))
        self.constants.update(dict.fromkeys(found))
        return misfits

    def add_range(self, values: range) -> None:
        """Take over a Python range, whose end is exclusive; raise TypeError if the value is not numeric."""
        if self.value.kind not in {"int", "float"}:
            raise TypeError("a range is for whole numbers")
        rising = values if values.step > 0 else values[::-1]
        if rising:
            self.ranges.append((rising[0], rising[-1], rising.step))

    def predicate(self) -> Predicate:
        """Return the condition that the value is one of all these."""
        terms = [_one_of(self.value, tuple(self.constants), tuple(self.ranges))]
        terms += [_one_of(name, tuple(strings), ()) for name, strings in self.names.items()]
        return bound.any_of(terms + self.others)


def _one_of(value: Value, constants: tuple[object, ...], ranges: tuple[tuple[int, int, int], ...]) -> Predicate:
    if not constants and not ranges:
        return bound.Always(False)
    if isinstance(value, Constant):
        inside = any(a <= value.value <= b and (value.value - a) % step == 0 for a, b, step in ranges)  # type: ignore[operator]
        return bound.Always(inside or value.value in constants)
    if len(constants) == 1 and not ranges:
        return Comparison("=", value, Constant(constants[0], value.kind))
    return Membership(value, constants, ranges)


def merged_equalities(terms: Iterable[Predicate]) -> list[Predicate]:
    """Return terms of an OR with those that compare one value with constants made into one `Membership`.

    Ten thousand ``visit = n OR`` become one list, which databases take as an array.
    """
    groups: dict[object, list[Predicate]] = {}
    for index, term in enumerate(terms):
        value = _listed(term)
        groups.setdefault(index if value is None else value, []).append(term)
    return [group[0] if len(group) == 1 else _union(group) for group in groups.values()]


def merged_inequalities(terms: Iterable[Predicate]) -> list[Predicate]:
    """Return terms of an AND with those that exclude constants of one value made into one negated `Membership`."""
    kept: list[Predicate] = []
    excluded: list[Predicate] = []
    for term in terms:
        match term:
            case Comparison("!=", left, Constant() as right) if not isinstance(left, Constant):
                excluded.append(Comparison("=", left, right))
            case bound.Not(Membership() as listed):
                excluded.append(listed)
            case _:
                kept.append(term)
    return kept + [_negated(term) for term in merged_equalities(excluded)]


def _negated(term: Predicate) -> Predicate:
    if isinstance(term, Comparison):
        return Comparison("!=", term.left, term.right)
    return bound.none_of(term)


def _union(terms: list[Predicate]) -> Predicate:
    constants: dict[object, None] = {}
    ranges: list[tuple[int, int, int]] = []
    for term in terms:
        match term:
            case Comparison(_, value, Constant(constant)):
                constants[constant] = None
            case Membership(value, several, more):
                constants.update(dict.fromkeys(several))
                ranges += more
    return _one_of(value, tuple(constants), tuple(ranges))


def _listed(term: Predicate) -> Value | None:
    match term:
        case Comparison("=", left, Constant()) if not isinstance(left, Constant):
            return left
        case Membership(value):
            return value
        case _:
            return None
