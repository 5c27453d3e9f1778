"""YAML as plain data: nothing is executed, and nesting has a limit.

PyYAML's C parser recurses without a limit: a hundred thousand brackets end the process. Documents that could nest that
deep have their depth counted over parser events first.
"""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["load"]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100
_HARMLESS = 10_000


def load(text: str | bytes) -> Any:
    """Return the content of a YAML document.

    Raises
    ------
    yaml.YAMLError
        If it is not YAML, or nests deeper than 100 levels.
    """
    if _openers(text) > _HARMLESS:
        _measure(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader


def _openers(text: str | bytes) -> int:
    """Count what could open a level; there are never more levels than this."""
    if isinstance(text, bytes):
        return sum(map(text.count, (b"[", b"{", b"- ", b"?", b":")))
    return sum(map(text.count, ("[", "{", "- ", "?", ":")))


def _measure(text: str | bytes) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise yaml.YAMLError(f"nested deeper than {_DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
