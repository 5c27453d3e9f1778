"""Sentences in lines that fit the terminal, broken between words and in no command that is quoted."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["terminal_width", "wrapped", "wrapped_for"]

_QUOTED = re.compile(r"`[^`\n]*`")
_INDENT = re.compile(r"\s*")
_POINTS = re.compile(r"^\s*\^+\s*$", re.MULTILINE)
_KEPT = "\0"


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Columns of the terminal that a stream is, standard output by default; None if it is none."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def wrapped_for(stream: TextIO, text: str) -> str:
    """Return a text as it fits a stream: as it is where that is no terminal, so that each line stays one for programs."""
    width = terminal_width(stream)
    # A caret below a line points to a place in it.
    if width is None or max(map(len, text.splitlines()), default=0) <= width or _POINTS.search(text):
        return text
    return "\n".join(wrapped(text.splitlines(), width))


def wrapped(lines: Iterable[str], width: int, *, cuts_words: bool = False) -> list[str]:
    """Break lines at spaces into such of at most ``width`` columns, each as far in as the one it continues.

    A quoted command stays on one line if that has room for it. A word that is longer than a line, such as a path, sticks out, so
    that it can be copied, unless ``cuts_words``.
    """
    from textwrap import TextWrapper

    found = []
    for line in lines:
        indent = _INDENT.match(line)
        within = indent.group() if indent else ""
        by = TextWrapper(width, subsequent_indent=within, break_long_words=cuts_words, break_on_hyphens=False)
        kept = _QUOTED.sub(
            lambda quoted: quoted.group().replace(" ", _KEPT) if len(quoted.group()) <= width else quoted.group(), line
        )
        found += [part.replace(_KEPT, " ") for part in by.wrap(kept)] or [""]
    return found
