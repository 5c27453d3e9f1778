"""Syntax tree to text: the inverse of `bunter.query.parse`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bunter.query import tree

if TYPE_CHECKING:
    from bunter.query.tree import Node

__all__ = ["quote", "unparse"]

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _ATOM = range(1, 9)
_SUMS: Final = frozenset("+-")


def unparse(node: Node | None) -> str:
    """Return text that parses to the same tree, with as few parentheses as that takes; "" for None."""
    return "" if node is None else _text(node, _OR)


def quote(text: str) -> str:
    """Return the text as a literal of the language."""
    return "'" + text.replace("'", "''") + "'"


def _text(node: Node, weakest: int) -> str:
    text, strength = _phrase(node)
    return f"({text})" if strength < weakest else text


def _phrase(node: Node) -> tuple[str, int]:  # noqa: PLR0911 - one line per kind
    match node:
        case tree.Or(terms):
            return " OR ".join([_text(term, _AND) for term in terms]), _OR
        case tree.And(terms):
            return " AND ".join([_text(term, _NOT) for term in terms]), _AND
        case tree.Not(term):
            return f"NOT {_text(term, _NOT)}", _NOT
        case tree.Compare(operator, left, right):
            return f"{_text(left, _SUM)} {operator} {_text(right, _SUM)}", _COMPARE
        case tree.Binary(operator, left, right):
            strength = _SUM if operator in _SUMS else _PRODUCT
            return f"{_text(left, strength)} {operator} {_text(right, strength + 1)}", strength
        case tree.Unary(operator, operand):
            return f"{operator}{_text(operand, _SIGN)}", _SIGN
        case tree.Overlaps() | tree.In() | tree.Between() | tree.Like() | tree.IsNull():
            return _test(node), _COMPARE
        case _:
            return _atom(node), _ATOM


def _test(node: tree.Overlaps | tree.In | tree.Between | tree.Like | tree.IsNull) -> str:
    if isinstance(node, tree.Overlaps):
        return f"{_text(node.left, _SUM)} OVERLAPS {_text(node.right, _SUM)}"
    value, negation = _text(node.value, _SUM), "NOT " if node.negated else ""
    match node:
        case tree.In(_, items):
            return f"{value} {negation}IN ({', '.join([_text(item, _SUM) for item in items])})"
        case tree.Between(_, low, high):
            return f"{value} {negation}BETWEEN {_text(low, _SUM)} AND {_text(high, _SUM)}"
        case tree.Like(_, pattern):
            return f"{value} {negation}LIKE {_text(pattern, _SUM)}"
        case _:
            return f"{value} IS {negation}NULL"


def _atom(node: Node) -> str:  # noqa: C901, PLR0911 - one line per kind
    match node:
        case tree.Name(name):
            return name
        case tree.Bind(name):
            return f":{name}"
        case tree.Number(value):
            return repr(value)
        case tree.Text(value):
            return quote(value)
        case tree.Time(text):
            return "T" + quote(text)
        case tree.Bytes(octets):
            return f"X'{octets.hex()}'"
        case tree.Boolean(truth):
            return "TRUE" if truth else "FALSE"
        case tree.Pair(begin, end):
            return f"({_text(begin, _OR)}, {_text(end, _OR)})"
        case tree.Call(function, arguments):
            return f"{function}({', '.join([_text(argument, _SUM) for argument in arguments])})"
        case tree.Range(begin, end, stride):
            return f"{begin}..{end}" + (f":{stride}" if stride != 1 else "")
        case _:
            return "NULL"
