"""Tokens to syntax tree, by precedence climbing.

From weakest to strongest: OR; AND; NOT; comparisons (``= != < <= > >= OVERLAPS IN IS BETWEEN LIKE``, which do not
chain); ``+ -``; ``* / %``; signs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NoReturn

from bunter.query import tree
from bunter.query.lexer import KEYWORDS, Token, fail, tokens

if TYPE_CHECKING:
    from bunter.query.tree import Node

__all__ = ["FUNCTIONS", "MAX_DEPTH", "parse"]

MAX_DEPTH: Final = 100
FUNCTIONS: Final = ("BOX", "CIRCLE", "GLOB", "POINT", "POLYGON", "REGION", "UUID")
_MAX_INT: Final = 2**63 - 1

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT = range(1, 7)
_POWER: Final = {
    "OR": _OR,
    "AND": _AND,
    **dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "OVERLAPS", "IN", "IS", "BETWEEN", "LIKE", "NOT"), _COMPARE),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/%", _PRODUCT),
}
_COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})


def parse(text: str) -> Node | None:
    """Return the syntax tree of an expression, or None for an empty one.

    Parameters
    ----------
    text : str
        The expression, at most `bunter.query.lexer.MAX_LENGTH` characters, nested at most 100 deep; AND, OR and lists
        may have any number of terms.

    Raises
    ------
    InvalidQueryError
        With the position of the first thing that does not fit.
    """
    parser = _Parser(text)
    if parser.token.kind == "end":
        return None
    node = parser.expression()
    if parser.token.kind != "end":
        parser.unexpected()
    return node


class _Parser:
    """The place reached in the tokens, and one method per kind of phrase."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.index = 0
        self.token: Token = self.tokens[0]
        self.depth = 0

    # Moving along.

    def advance(self) -> Token:
        token = self.token
        self.index += 1
        self.token = self.tokens[self.index]
        return token

    def expect(self, kind: str, why: str) -> Token:
        if self.token.kind != kind:
            self.unexpected(why)
        return self.advance()

    def deeper(self, levels: int = 1) -> None:
        self.depth += levels
        if self.depth > MAX_DEPTH:
            fail(f"the expression is nested more than {MAX_DEPTH} deep", self.text, self.token.position)

    def unexpected(self, wanted: str = "") -> NoReturn:
        token = self.token
        if token.kind == "end":
            message = f"the expression ends too early; {wanted or 'a value'} should follow"
        else:
            shown = token.text if len(token.text) <= 40 else token.text[:37] + "..."
            message = f"{shown} is not expected here"
            message += f"; {wanted} should be" if wanted else ""
        fail(message, self.text, token.position)

    # Phrases.

    def expression(self, weakest: int = _OR) -> Node:
        self.deeper()
        before = self.depth
        left = self.prefix()
        power = _POWER.get(self.token.kind, 0)
        while power >= weakest:
            left = self.infix(left, power)
            power = _POWER.get(self.token.kind, 0)
        self.depth = before - 1
        return left

    def prefix(self) -> Node:
        token = self.token
        if token.kind == "NOT":
            self.advance()
            return tree.Not(self.expression(_NOT), token.position)
        if token.kind in {"+", "-"}:
            self.advance()
            sign = "+" if token.kind == "+" else "-"
            return tree.Unary(sign, self.expression(_PRODUCT + 1), token.position)  # type: ignore[arg-type]
        return self.atom()

    def infix(self, left: Node, power: int) -> Node:
        if power == _OR:
            return self.junction("OR", left)
        if power == _AND:
            return self.junction("AND", left)
        if power == _COMPARE:
            return self.comparison(left)
        self.deeper()
        token = self.advance()
        return tree.Binary(token.kind, left, self.expression(power + 1), token.position)  # type: ignore[arg-type]

    def junction(self, word: str, left: Node) -> Node:
        position = self.token.position
        terms = [left]
        stronger = _AND if word == "OR" else _NOT
        while self.token.kind == word:
            self.advance()
            terms.append(self.expression(stronger))
        join = tree.disjunction if word == "OR" else tree.conjunction
        return join(terms, position)

    def comparison(self, left: Node) -> Node:
        token = self.advance()
        negated = token.kind == "NOT"
        if negated:
            if self.token.kind not in {"IN", "BETWEEN", "LIKE"}:
                self.unexpected("IN, BETWEEN or LIKE after NOT")
            token = self.advance()
        node = self.compared(left, token, negated=negated)
        if _POWER.get(self.token.kind, 0) == _COMPARE:
            fail("comparisons do not chain; write a < b AND b < c", self.text, self.token.position)
        return node

    def compared(self, left: Node, token: Token, *, negated: bool) -> Node:
        kind, position = token.kind, token.position
        if kind in _COMPARISONS:
            return tree.Compare(kind, left, self.operand(), position)  # type: ignore[arg-type]
        if kind == "OVERLAPS":
            return tree.Overlaps(left, self.operand(), position)
        if kind == "IN":
            return tree.In(left, self.items(), negated, position)
        if kind == "LIKE":
            return tree.Like(left, self.operand(), negated, position)
        if kind == "BETWEEN":
            low = self.operand()
            self.expect("AND", "AND and the upper end")
            return tree.Between(left, low, self.operand(), negated, position)
        negated = self.token.kind == "NOT"
        if negated:
            self.advance()
        self.expect("NULL", "NULL after IS")
        return tree.IsNull(left, negated, position)

    def operand(self) -> Node:
        return self.expression(_SUM)

    def items(self) -> tuple[Node, ...]:
        if self.token.kind in {"bind", "name"}:
            return (self.atom(),)
        self.expect("(", "a list in parentheses")
        if self.token.kind == ")":
            fail("the list is empty", self.text, self.token.position)
        found = [self.item()]
        while self.token.kind == ",":
            self.advance()
            found.append(self.item())
        self.expect(")", "',' or ')'")
        return tuple(found)

    def item(self) -> Node:
        begin = self.operand()
        if self.token.kind != "..":
            return begin
        position = self.advance().position
        end = self.whole(self.operand())
        stride = 1
        if self.token.kind == ":":
            self.advance()
            stride = self.whole(self.operand())
        return tree.Range(self.whole(begin), end, stride, position)

    def whole(self, node: Node) -> int:
        match node:
            case tree.Number(int(value)):
                return value
            case tree.Unary(sign, tree.Number(int(value))):
                return value if sign == "+" else -value
            case _:
                return fail("a range a..b or a..b:stride takes whole numbers only", self.text, node.position)

    def atom(self) -> Node:
        token = self.token
        kind, position = token.kind, token.position
        if kind == "name":
            self.advance()
            return self.call(token) if self.token.kind == "(" else tree.Name(token.text, position)
        if kind == "(":
            return self.parenthesis()
        if kind not in _ATOMS:
            self.unexpected("a name or a value")
        self.advance()
        return self.literal(token)

    def literal(self, token: Token) -> Node:  # noqa: PLR0911 - one line per kind
        kind, word, position = token
        match kind:
            case "int" | "float":
                return self.number(token)
            case "text":
                return tree.Text(word[1:-1].replace("''", "'"), position)
            case "bind":
                return tree.Bind(word[1:], position)
            case "time":
                return tree.Time(word[2:-1].replace("''", "'"), position)
            case "bytes":
                return self.octets(token)
            case "NULL":
                return tree.Null(position)
            case _:
                return tree.Boolean(kind == "TRUE", position)

    def number(self, token: Token) -> Node:
        follower = self.token
        if follower.position == token.position + len(token.text) and follower.kind in _WORDLIKE:
            fail(f"{token.text}{follower.text} is no number and no name", self.text, token.position)
        whole = token.kind == "int"
        value = int(token.text) if whole and len(token.text) <= 20 else float(token.text)
        if not math.isfinite(value) or (whole and value > _MAX_INT):
            fail("the number is too large; whole numbers have 64 bits", self.text, token.position)
        return tree.Number(value, token.position)

    def octets(self, token: Token) -> Node:
        try:
            return tree.Bytes(bytes.fromhex(token.text[2:-1]), token.position)
        except ValueError:
            fail("X'...' takes pairs of hexadecimal digits", self.text, token.position)

    def parenthesis(self) -> Node:
        opening = self.advance()
        inner = self.expression()
        if self.token.kind == ",":
            self.advance()
            inner = tree.Pair(inner, self.expression(), opening.position)
            if self.token.kind == ",":
                fail("a timespan has two ends, (begin, end); a list needs IN before it", self.text, opening.position)
        if self.token.kind == "end":
            fail("this parenthesis is never closed", self.text, opening.position)
        self.expect(")", "')'")
        return inner

    def call(self, token: Token) -> Node:
        from bunter.errors import near

        function = token.text.upper()
        if function not in FUNCTIONS:
            hint = near(function, FUNCTIONS) or f"; there are {', '.join(FUNCTIONS)}"
            fail(f"there is no function {token.text}{hint}", self.text, token.position)
        self.advance()
        arguments = []
        while self.token.kind != ")":
            arguments.append(self.operand())
            if self.token.kind != ")":
                self.expect(",", "',' or ')'")
        self.advance()
        return tree.Call(function, tuple(arguments), token.position)


_ATOMS: Final = frozenset({"int", "float", "text", "bind", "time", "bytes", "NULL", "TRUE", "FALSE"})
_WORDLIKE: Final = frozenset({"name", "int", "float", "time", "bytes"}) | KEYWORDS
