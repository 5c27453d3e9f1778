"""Sky pixels in a condition, where neither the result nor a dataset has them: ``htm7 = 15000`` asks about a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bunter.query import bound
from bunter.query.bound import Constant, ElementColumn, KeyColumn
from bunter.query.scope import PlacedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bunter.dimensions import DimensionGroup, Universe
    from bunter.query.bound import Predicate, Value

__all__ = ["pixels_as_regions"]

_MOST: Final = 1000


def pixels_as_regions(where: Predicate, joined: DimensionGroup, universe: Universe) -> Predicate:
    """Return the condition with pixels of foreign pixelizations replaced by overlaps with their regions.

    Parameters
    ----------
    where : Predicate
        The condition.
    joined : DimensionGroup
        Dimensions of the result and the datasets; the pixels among them are keys like others and stay. Pixels of another
        level of the same system lie in, or hold, those: that is arithmetic, not geometry.
    universe : Universe
        Where the names come from.

    Raises
    ------
    PlacedError
        If pixels are compared other than by ``=``, ``!=`` and IN, if there are more than 1000 of them, or if it is not clear
        whose region they should overlap.
    """
    where = _nested(where, universe)
    named = {name for name in bound.referenced_dimensions(where) if universe[name].skypix}
    foreign = named - set(joined.names)
    if not foreign:
        return where
    others = [name for name in bound.referenced_dimensions(where) if name not in named]
    required = {name for other in others for name in universe[other].required}
    group = joined | universe.conform(required)
    for name in sorted(foreign):
        where = _Replacement(name, group, where).predicate(where)
    return where


def _nested(where: Predicate, universe: Universe) -> Predicate:
    """Replace the overlap of two levels of one system: the finer pixel lies in the coarser one, or it does not."""
    match where:
        case bound.And(terms):
            return bound.all_of([_nested(term, universe) for term in terms])
        case bound.Or(terms):
            return bound.any_of([_nested(term, universe) for term in terms])
        case bound.Not(term):
            return bound.none_of(_nested(term, universe))
        case bound.RegionOverlap(ElementColumn(left), ElementColumn(right)):
            return _held(left, right, universe) or where
        case _:
            return where


def _held(left: str, right: str, universe: Universe) -> Predicate | None:
    from bunter.geometry import skypix

    if not (universe[left].skypix and universe[right].skypix) or skypix(left).system != skypix(right).system:
        return None
    coarse, fine = sorted((left, right), key=lambda name: skypix(name).level)
    each = Constant(4 ** (skypix(fine).level - skypix(coarse).level), "int")
    first = bound.Arithmetic("*", KeyColumn(coarse, "int"), each, "int")
    behind = bound.Arithmetic("+", first, each, "int")
    finer = KeyColumn(fine, "int")
    return bound.all_of([bound.Comparison(">=", finer, first), bound.Comparison("<", finer, behind)])


class _Replacement:
    """Replaces the pixels of one pixelization."""

    def __init__(self, name: str, group: DimensionGroup, where: Predicate) -> None:
        self.name, self.group = name, group
        self.only = next(
            (_pixel(term, name) for term in bound.conjuncts(where) if _pixel(term, name) is not None), None
        )

    def predicate(self, node: Predicate) -> Predicate:
        match node:
            case bound.And(terms):
                return bound.all_of([self.predicate(term) for term in terms])
            case bound.Or(terms):
                return bound.any_of([self.predicate(term) for term in terms])
            case bound.Not(term):
                return bound.none_of(self.predicate(term))
            case bound.RegionOverlap(left, right):
                return bound.RegionOverlap(self.region(left), self.region(right))
            case _ if self.name in bound.referenced_dimensions(node):
                return self.overlap(node)
            case _:
                return node

    def region(self, value: Value) -> Value:
        """Region of the one pixel, in place of the pixelization's region column."""
        if not isinstance(value, ElementColumn) or value.element != self.name:
            return value
        if self.only is None:
            raise PlacedError(
                f"say which pixel is meant, as in {self.name} = 15000; it is not part of the result",
                self.name,
            )
        return self.constant(self.only)

    def overlap(self, node: Predicate) -> Predicate:
        """Return the overlap with the pixels of a leaf, which compares the key of the pixelization."""
        if (other := self.relative()) is not None:
            return self.within(node, other)
        column = self.column()
        match node:
            case bound.Comparison("=", KeyColumn(), Constant(pixel)):
                return bound.RegionOverlap(column, self.constant(pixel))
            case bound.Comparison("!=", KeyColumn(), Constant(pixel)):
                return bound.Not(bound.RegionOverlap(column, self.constant(pixel)))
            case bound.Membership(KeyColumn()):
                pixels = list(_members(node, self.name))
                return bound.any_of([bound.RegionOverlap(column, self.constant(pixel)) for pixel in pixels])
            case _:
                raise PlacedError(f"{self.name} is compared with numbers by =, != or IN only", self.name)

    def relative(self) -> str | None:
        """Level of the same system that rows have."""
        from bunter.geometry import skypix

        system = skypix(self.name).system
        same = [name for name in self.group.skypix if name != self.name and skypix(name).system == system]
        return max(same, key=lambda name: skypix(name).level, default=None)

    def within(self, node: Predicate, other: str) -> Predicate:
        """Return the condition on the other level: the pixel that holds those of a leaf, or those in them."""
        from bunter.geometry import skypix

        match node:
            case bound.Comparison("=" | "!=", KeyColumn(), Constant(pixel)):
                pixels, negated = [pixel], node.op == "!="
            case bound.Membership(KeyColumn()):
                pixels, negated = list(_members(node, self.name)), False
            case _:
                raise PlacedError(f"{self.name} is compared with numbers by =, != or IN only", self.name)
        steps = 2 * (skypix(other).level - skypix(self.name).level)
        numbers = [int(str(pixel)) for pixel in pixels]
        key = KeyColumn(other, "int")
        if steps < 0:
            found: Predicate = bound.Membership(key, tuple(dict.fromkeys(number >> -steps for number in numbers)))
        else:
            found = bound.Membership(key, ranges=tuple((n << steps, ((n + 1) << steps) - 1, 1) for n in numbers))
        return bound.none_of(found) if negated else found

    def column(self) -> ElementColumn:
        """Region that the pixels are to overlap."""
        spatial = self.group.finest_spatial()
        elements = [element for element in spatial if not element.skypix] or [e for e in spatial if e.name != self.name]
        if len(elements) == 1:
            return ElementColumn(elements[0].name, "region", "region")
        if not elements:
            raise PlacedError(f"nothing in {self.group!r} has a region that {self.name} could overlap", self.name)
        choices = " or ".join(f"{element.name}.region" for element in elements)
        message = f"say what should overlap pixels of {self.name}: {choices} OVERLAPS {self.name}.region"
        raise PlacedError(message, self.name)

    def constant(self, pixel: object) -> Constant:
        from bunter.geometry import skypix

        try:
            return Constant(skypix(self.name).region(int(str(pixel))).encode(), "region")
        except ValueError as error:
            raise PlacedError(f"{self.name} has no pixel {pixel}: {error}", self.name) from error


def _pixel(term: Predicate, name: str) -> object:
    """Pixel that the term fixes, or None."""
    match term:
        case bound.Comparison("=", KeyColumn(dimension), Constant(pixel)) if dimension == name:
            return pixel
        case _:
            return None


def _members(node: bound.Membership, name: str) -> Iterator[object]:
    count = len(node.constants) + sum((end - begin) // stride + 1 for begin, end, stride in node.ranges)
    if count > _MOST:
        raise PlacedError(f"{count} pixels of {name} are too many; {_MOST} is the most", name)
    yield from node.constants
    for begin, end, stride in node.ranges:
        yield from range(begin, end + 1, stride)
