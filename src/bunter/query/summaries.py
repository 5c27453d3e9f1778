"""What can be said of many rows at once: counts, least and greatest values, sums, averages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from bunter.errors import InvalidQueryError, near
from bunter.query.expression import Condition, Term
from bunter.query.parser import parse
from bunter.query.unparse import unparse

if TYPE_CHECKING:
    from bunter.query.tree import Node

__all__ = ["Selection", "Summary", "average", "count", "count_distinct", "maximum", "minimum", "summary_of", "total"]

Function: TypeAlias = Literal["count", "min", "max", "sum", "avg"]
Of: TypeAlias = "str | Term"

_FUNCTIONS: Final = ("count", "min", "max", "sum", "avg")
_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", re.DOTALL)
_DISTINCT = re.compile(r"\s*distinct\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of a group's rows that was asked for; made by `count` and its like, or from text.

    Parameters
    ----------
    function : str
        "count", "min", "max", "sum" or "avg".
    of : Node, optional
        What it is taken of; None counts rows.
    distinct : bool
        Whether equal values count once.
    text : str
        What was written, for messages.
    """

    function: Function
    of: Node | None = None
    distinct: bool = False
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be shown of the rows of a query.

    Parameters
    ----------
    columns : tuple of (str, str or Term)
        Names of columns, and the values in them.
    summaries : tuple of (str, str or Summary)
        Names of further columns, and what they say of each group.
    grouped : bool
        Whether rows that agree on all columns are one.
    """

    columns: tuple[tuple[str, str | Term], ...] = ()
    summaries: tuple[tuple[str, str | Summary], ...] = ()
    grouped: bool = False


def count(of: Of | None = None) -> Summary:
    """Count rows, or those in which a value is not null."""
    return _summary("count", of)


def count_distinct(of: Of) -> Summary:
    """Count different values; null is none."""
    return _summary("count", of, distinct=True)


def minimum(of: Of) -> Summary:
    """Return the least value."""
    return _summary("min", of)


def maximum(of: Of) -> Summary:
    """Return the greatest value."""
    return _summary("max", of)


def total(of: Of) -> Summary:
    """Return the sum of numbers; null if there are none."""
    return _summary("sum", of)


def average(of: Of) -> Summary:
    """Return the mean of numbers, a float; null if there are none."""
    return _summary("avg", of)


def summary_of(what: str | Summary) -> Summary:
    """Return a summary written as text, such as ``count(*)``, ``count(distinct band)`` or ``min(exposure.timespan.begin)``.

    Raises
    ------
    InvalidQueryError
        If it is none.
    """
    if isinstance(what, Summary):
        return what
    match = _CALL.fullmatch(what) if isinstance(what, str) else None
    if match is None:
        raise InvalidQueryError(
            f"{what!r} is no summary; write count(*) or one of {', '.join(_FUNCTIONS[1:])} of a value"
        )
    name, inner = match[1].lower(), match[2]
    if name not in _FUNCTIONS:
        raise InvalidQueryError(
            f"there is no summary {match[1]!r}{near(name, _FUNCTIONS)}; there are {', '.join(_FUNCTIONS)}"
        )
    distinct = bool(_DISTINCT.match(inner))
    inner = inner.strip()[len("distinct ") :] if distinct else inner
    if name == "count" and inner.strip() in {"", "*"}:
        return Summary("count", text=what)
    return Summary(name, _node(inner), distinct, what)  # type: ignore[arg-type]


def _summary(function: Function, of: Of | None, *, distinct: bool = False) -> Summary:
    if of is None:
        return Summary(function, text=f"{function}(*)")
    node = of.node if isinstance(of, Term) else _node(of)
    return Summary(function, node, distinct, f"{function}({'distinct ' if distinct else ''}{unparse(node)})")


def _node(of: object) -> Node:
    if isinstance(of, Condition) or not isinstance(of, str):
        raise InvalidQueryError(f"a summary is of a value, given as text or as a term of bunter.query.x, not of {of!r}")
    node = parse(of)
    if node is None:
        raise InvalidQueryError("say what the summary is of, as in min(exposure.exposure_time)")
    return node
