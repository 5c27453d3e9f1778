"""String patterns of GLOB and LIKE as regular expressions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.query.bound import Like

__all__ = ["glob_expression", "like_expression", "matcher"]


def matcher(like: Like) -> Callable[[str], bool]:
    """Return a function that says whether a string matches the pattern."""
    text = glob_expression(like.pattern) if like.style == "glob" else like_expression(like.pattern)
    match = re.compile(text, re.DOTALL).fullmatch
    return lambda value: match(value) is not None


def like_expression(pattern: str) -> str:
    r"""Return the regular expression of a LIKE pattern: ``%`` any text, ``_`` one character, ``\`` the next is plain."""
    parts, plain = [], False
    for character in pattern:
        if plain or character not in "%_\\":
            parts.append(re.escape(character))
            plain = False
        elif character == "\\":
            plain = True
        else:
            parts.append(_any_text(parts) if character == "%" else ".")
    return "".join(parts) + (re.escape("\\") if plain else "")


def glob_expression(pattern: str) -> str:
    """Return the regular expression of a GLOB pattern: ``*`` any text, ``?`` one character, ``[a-z]``, ``[!a-z]``."""
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        index += 1
        if character == "*":
            parts.append(_any_text(parts))
        elif character == "?":
            parts.append(".")
        elif character == "[" and (end := _closing(pattern, index)) > 0:
            parts.append(_bracket(pattern[index:end]))
            index = end + 1
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def _any_text(parts: list[str]) -> str:
    """Any text; nothing after any text, which would only slow the search down."""
    return "" if parts and parts[-1] in {".*", ""} else ".*"


def _closing(pattern: str, begin: int) -> int:
    """Place of the bracket's end; a ``]`` that comes first is a plain character."""
    first = begin + 1 if pattern[begin : begin + 1] in {"!", "^"} else begin
    return pattern.find("]", first + 1)


def _bracket(inner: str) -> str:
    negated = inner[:1] in {"!", "^"}
    members = re.sub(r"([\[\]\\^&~|])", r"\\\1", inner[1:] if negated else inner)
    members = re.sub(r"--", r"-\\-", members)
    try:
        re.compile(f"[{members}]")
    except re.error:
        return "(?!)"
    return f"[{'^' if negated else ''}{members}]"
