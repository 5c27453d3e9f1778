"""User metadata: what it may hold, and how updates are merged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bunter.dataset.header import plain_number
from bunter.errors import MetadataError

__all__ = ["checked_metadata", "merged"]

_DEEPEST = 16


def checked_metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as JSON knows it, with plain Python values.

    Keys are texts without quotes, backslashes and control characters. Values are None, bool, numbers, texts, and lists and
    mappings of these; NumPy scalars become plain ones, times ISO text. NaN is None: a value that nobody knows.

    Raises
    ------
    MetadataError
        With the key, if a value or a key is something else.
    """
    if not isinstance(document, Mapping):
        raise MetadataError(f"metadata is a mapping such as {{'quality': 'good'}}, not {type(document).__name__}")
    return {_key(key, ""): _plain(value, str(key), 1) for key, value in document.items()}


def _key(key: object, where: str) -> str:
    if not isinstance(key, str) or not key.strip() or not key.isprintable() or set(key) & set('"\\'):
        raise MetadataError(
            f"{key!r}{f' in {where}' if where else ''} is no key of metadata; "
            "keys are texts without quotes, backslashes and control characters"
        )
    return key


def _plain(value: Any, where: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise MetadataError(f"metadata {where[:80]!r} is nested more than {_DEEPEST} deep")
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value, where)
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(each, f"{where}.{key}", depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, where, depth + 1) for each in value]
    for name in ("isot", "isoformat"):
        if hasattr(value, name):
            said = getattr(value, name)
            return str(said() if callable(said) else said)
    raise MetadataError(
        f"metadata {where!r} is a {type(value).__name__}; give text, numbers, true or false, lists or mappings"
    )


def _number(value: float, where: str) -> object:
    plain = plain_number(value)
    if isinstance(plain, str) or (plain is None and not math.isnan(value)):
        raise MetadataError(
            f"metadata {where!r} is {str(value)[:30]}, and numbers are finite and of 64 bits; give it as text"
        )
    return plain


def _text(value: str, where: str) -> str:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise MetadataError(
            f"metadata {where!r} is a text with characters that no database keeps (NUL, lone surrogates)"
        )
    return str(value)


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with an update: its keys replace those there, mappings are merged, None takes a key away."""
    found = dict(old)
    for key, value in new.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            below = found.get(key)
            found[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            found[key] = value
    return found
