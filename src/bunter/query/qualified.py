"""Names with dots, taken apart: ``raw.header.AIRMASS``, ``raw.header."ESO TEL AIRM START"``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["NAME_PATTERN", "name_parts", "quoted_part"]

_WORD: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_QUOTED: Final = r'"[^"\\\n]+"'

NAME_PATTERN: Final = rf"{_WORD}(?:\.(?:{_WORD}|{_QUOTED}))*"
"""Regular expression of a name; behind a dot anything may stand in double quotes but these, backslashes and line ends."""

_PART: Final = re.compile(rf"\.?(?:({_WORD})|({_QUOTED}))")


def name_parts(name: str) -> list[str]:
    """Return the parts of a name without their quotes; a name that is none has what does not fit as its last part."""
    parts: list[str] = []
    place = 0
    while place < len(name):
        found = _PART.match(name, place)
        if found is None:
            return [*parts, name[place:].lstrip(".")]
        parts.append(found[1] or found[2][1:-1])
        place = found.end()
    return parts


def quoted_part(part: str) -> str:
    """Return a part of a name as it is written: in quotes where it is no plain word."""
    return part if re.fullmatch(_WORD, part) else f'"{part}"'
