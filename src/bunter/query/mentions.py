"""Names in a syntax tree, before anybody asks what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bunter.query import tree
from bunter.query.parser import parse

if TYPE_CHECKING:
    from bunter.query.expression import Condition, Term
    from bunter.query.tree import Node

__all__ = ["children_of", "names_in"]

_NODES: Final = tuple(getattr(tree, name) for name in tree.__all__ if isinstance(getattr(tree, name), type))


def children_of(node: Node) -> list[Any]:
    """Return the nodes right below a node."""
    found: list[Any] = []
    for name in node.__slots__:
        value = getattr(node, name)
        if isinstance(value, tuple):
            found += value
        elif isinstance(value, _NODES):
            found.append(value)
    return found


def names_in(what: str | Term | Condition) -> list[str]:
    """Return the names that text or an expression has in it, in no particular order."""
    node = parse(what) if isinstance(what, str) else what.node
    pending: list[Any] = [] if node is None else [node]
    found: list[str] = []
    while pending:
        each = pending.pop()
        if isinstance(each, tree.Name):
            found.append(each.name)
        pending += children_of(each)
    return found
