"""Syntax trees: what was written, before anybody asks what it means.

Nodes are frozen values; the position (offset in the text) is carried along for error messages and takes no part in
equality. Trees are kept in one canonical form: an `And` holds no `And`, an `Or` no `Or`, and numbers are not negative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "And",
    "Between",
    "Binary",
    "Bind",
    "Boolean",
    "Bytes",
    "Call",
    "Compare",
    "In",
    "IsNull",
    "Like",
    "Name",
    "Node",
    "Not",
    "Null",
    "Number",
    "Or",
    "Overlaps",
    "Pair",
    "Range",
    "Text",
    "Time",
    "Unary",
    "conjunction",
    "disjunction",
]

ComparisonOperator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
ArithmeticOperator: TypeAlias = Literal["+", "-", "*", "/", "%"]


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier with its dots, such as ``exposure.timespan.begin``."""

    name: str
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Bind:
    """``:name``, a place for a value given beside the expression."""

    name: str
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A number without sign; ints fit 64 bits, floats are finite."""

    value: int | float
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """``'text'``; a quote inside is written twice."""

    value: str
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Time:
    """``T'[format/]value[/scale]'``; holds what stands between the quotes."""

    text: str
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Bytes:
    """``X'00ff'``."""

    value: bytes
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    """``TRUE`` or ``FALSE``."""

    value: bool
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Null:
    """``NULL``."""

    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """``(begin, end)``: a timespan, half-open; NULL is an open end."""

    begin: Node
    end: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function such as ``CIRCLE(10, 20, 0.5)``; its name in capitals."""

    function: str
    arguments: tuple[Node, ...]
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """A number with a sign before it."""

    operator: Literal["+", "-"]
    operand: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic; the position is that of the operator."""

    operator: ArithmeticOperator
    left: Node
    right: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; the position is that of the operator."""

    operator: ComparisonOperator
    left: Node
    right: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Overlaps:
    """``left OVERLAPS right``; the position is that of the word."""

    left: Node
    right: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Range:
    """``begin..end`` or ``begin..end:stride`` in a list; both ends belong to it."""

    begin: int
    end: int
    stride: int = 1
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class In:
    """``value [NOT] IN (item, ...)``; the position is that of IN."""

    value: Node
    items: tuple[Node, ...]
    negated: bool = False
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Between:
    """``value [NOT] BETWEEN low AND high``, both ends included."""

    value: Node
    low: Node
    high: Node
    negated: bool = False
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Like:
    """``value [NOT] LIKE pattern``."""

    value: Node
    pattern: Node
    negated: bool = False
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IsNull:
    """``value IS [NOT] NULL``."""

    value: Node
    negated: bool = False
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """``NOT term``."""

    term: Node
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    """Terms joined by AND, at least two, none of them an `And`."""

    terms: tuple[Node, ...]
    position: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """Terms joined by OR, at least two, none of them an `Or`."""

    terms: tuple[Node, ...]
    position: int = field(default=0, compare=False, repr=False)


Node: TypeAlias = (
    Name
    | Bind
    | Number
    | Text
    | Time
    | Bytes
    | Boolean
    | Null
    | Pair
    | Call
    | Unary
    | Binary
    | Compare
    | Overlaps
    | Range
    | In
    | Between
    | Like
    | IsNull
    | Not
    | And
    | Or
)


def conjunction(terms: list[Node], position: int = 0) -> Node:
    """Return the terms joined by AND, those that are themselves joined by AND taken apart; one term stays itself."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, And) else (term,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat), position)


def disjunction(terms: list[Node], position: int = 0) -> Node:
    """Return the terms joined by OR, those that are themselves joined by OR taken apart; one term stays itself."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, Or) else (term,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat), position)
