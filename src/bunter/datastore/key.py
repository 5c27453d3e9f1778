"""Keys of artifacts: relative paths that cannot leave their store and cannot collide by escaping."""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from typing import TYPE_CHECKING

from bunter.errors import KeyMissingError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "NAME_LIMIT",
    "are_plain",
    "check_key",
    "escape",
    "is_direct",
    "is_exact",
    "join_key",
    "no_artifact",
    "shorten",
    "split_key",
]

NAME_LIMIT = 255
"""Longest name of a file or directory, in bytes, that common file systems take."""

_PLAIN = re.compile(r"[A-Za-z0-9_+=,@-][A-Za-z0-9_+=,@.-]*")
_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,@.-")
_NONCED = re.compile(r"-[a-z2-7]{13}(\.[A-Za-z0-9.]+)?\Z")
_HASH_LENGTH = 15  # "%~" and 13 characters of hash


def no_artifact(place: object) -> KeyMissingError:
    """Return the error for an artifact that should be in a place and is not."""
    return KeyMissingError(f"no artifact {place}; `bunter check` lists what is missing")


def escape(text: str) -> str:
    """Write any text as a name that is safe as one part of a path.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        Only letters, digits, ``_+=,@.-`` and percent escapes of UTF-8 bytes; never begins with a dot, and different
        texts give different names. The empty text is ``%``.
    """
    if _PLAIN.fullmatch(text):
        return text
    raw = text.encode("utf-8", "surrogatepass")
    escaped = "".join(chr(byte) if byte in _KEPT else f"%{byte:02X}" for byte in raw) or "%"
    return f"%2E{escaped[1:]}" if escaped.startswith(".") else escaped


def shorten(name: str, limit: int = NAME_LIMIT) -> str:
    """Cut an escaped name to ``limit`` bytes; a hash keeps cut names apart, and from all others."""
    if len(name) <= limit:
        return name
    digest = b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()
    return f"{_cut(name, limit - _HASH_LENGTH)}%~{digest[: _HASH_LENGTH - 2]}"


def _cut(name: str, limit: int) -> str:
    """Cut an escaped name, not inside a percent escape."""
    cut = name[:limit]
    half = cut.rfind("%", max(limit - 2, 0))
    return cut[:half] if half >= 0 else cut


def check_key(key: str) -> str:
    """Return the key if it stays below the root of its store.

    Raises
    ------
    TemplateError
        If it is absolute, has an empty part, ``.`` or ``..``, a part that begins with a dot, or a NUL character.
    """
    if not key or key[0] in "/." or "/." in key or "//" in key or "\0" in key or key[-1] == "/":
        raise TemplateError(f"artifact key {key!r} is not a plain relative path, so it is not used")
    return key


def is_direct(key: str) -> bool:
    """Whether a key is the absolute path of a file that stays where it is."""
    return key.startswith("/")


def is_exact(key: str) -> bool:
    """Whether a name has no nonce at its end, so that it may come again; nothing else is ever taken for an orphan to remove."""
    return _NONCED.search(key) is None


def are_plain(values: Sequence[object]) -> bool:
    """Whether all values are whole numbers, or all are texts that `escape` leaves as they are."""
    kinds = set(map(type, values))
    return kinds == {int} or (kinds == {str} and all(map(_PLAIN.fullmatch, set(values))))  # type: ignore[arg-type]


def split_key(key: str) -> tuple[str, str]:
    """Split a key into directory (without final slash, may be empty) and name."""
    directory, slash, name = key.rpartition("/")
    return (directory or slash), name


def join_key(directory: str, name: str) -> str:
    """Undo `split_key`."""
    if not directory:
        return name
    return f"/{name}" if directory == "/" else f"{directory}/{name}"
