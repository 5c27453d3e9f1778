"""Text of an expression to tokens."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from bunter.errors import InvalidQueryError
from bunter.query.qualified import NAME_PATTERN

__all__ = ["KEYWORDS", "MAX_LENGTH", "Token", "fail", "tokens"]

MAX_LENGTH = 256 * 1024
KEYWORDS = frozenset(
    {"AND", "OR", "NOT", "IN", "OVERLAPS", "IS", "NULL", "BETWEEN", "LIKE", "TRUE", "FALSE"},
)

_PATTERN = re.compile(
    rf"""
    \s* (?:
      (?P<time>     [Tt]'(?:[^']|'')*+' )
    | (?P<bytes>    [Xx]'(?:[^']|'')*+' )
    | (?P<name>     {NAME_PATTERN} )
    | (?P<operator> ==|!=|<>|<=|>=|\.\.|[=<>+\-*/%(),] )
    | (?P<float>    (?:[0-9]+\.(?!\.)[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+ )
    | (?P<int>      [0-9]+ )
    | (?P<text>     '(?:[^']|'')*+' )
    | (?P<bind>     :[A-Za-z_][A-Za-z0-9_]* )
    | (?P<colon>    : )
    | (?P<end>      \Z )
    | (?P<unknown>  . ) )
    """,
    re.VERBOSE,
)
_LONGEST_KEYWORD = max(map(len, KEYWORDS))
_SYMBOLS = frozenset({"operator", "colon"})
_SPELLED = {"==": "=", "<>": "!="}


class Token(NamedTuple):
    """One word of the expression.

    Keywords and operators have themselves as their kind (keywords in capitals); the other kinds are name, bind, int,
    float, text, time, bytes and end.
    """

    kind: str
    text: str
    position: int


def fail(message: str, text: str, position: int) -> NoReturn:
    """Raise an `InvalidQueryError` that points at the position."""
    raise InvalidQueryError(message, text=text, position=position)


def tokens(text: str) -> list[Token]:
    """Return the tokens of the text; the last is of kind end.

    Raises
    ------
    InvalidQueryError
        If the text is longer than `MAX_LENGTH`, or at the first character that begins no token.
    """
    if len(text) > MAX_LENGTH:
        size = f"{len(text)} characters"
        raise InvalidQueryError(f"the expression has {size}, more than {MAX_LENGTH}; give long lists as a bind value")
    found: list[Token] = []
    for hit in _PATTERN.finditer(text):
        kind = hit.lastgroup or "unknown"
        begin, end = hit.span(kind)
        word = text[begin:end]
        if kind == "name":
            if end - begin <= _LONGEST_KEYWORD and (capitals := word.upper()) in KEYWORDS:
                kind = capitals
        elif kind in _SYMBOLS:
            kind = word = _SPELLED.get(word, word)
        elif kind == "unknown":
            _explain_character(text, begin)
        elif kind == "end":
            found.append(Token("end", "", len(text.rstrip())))
            break
        found.append(Token(kind, word, begin))
    return found


def _explain_character(text: str, position: int) -> NoReturn:
    character = text[position]
    if character == "'":
        fail("this quote is never closed; a quote inside a string is written twice", text, position)
    if character == '"':
        fail("strings take single quotes, as in band = 'r'", text, position)
    if character in "&|!":
        fail(f"{character!r} is no operator here; use AND, OR, NOT", text, position)
    fail(f"the character {character!r} means nothing here", text, position)
