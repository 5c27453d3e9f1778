"""JSON documents that carry their own digest, so that one that was changed or cut is found out."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeVar

from bunter.errors import ButlerError, ExportFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["read_signed", "written_signed"]

T = TypeVar("T")


def written_signed(content: Mapping[str, Any]) -> bytes:
    """Return a document as JSON with its digest, a line for each of its keys."""
    whole = {**content, "sha256": _digest(content)}
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in whole.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def read_signed(text: bytes, where: str, *, version: int, make: Callable[[dict[str, Any]], T]) -> T:
    """Read a document and make of it what it describes.

    Parameters
    ----------
    text : bytes
        What `written_signed` gave.
    where : str
        What the document is, for messages.
    version : int
        The ``format`` that is known here.
    make : callable
        Gets the content.

    Raises
    ------
    ExportFileError
        If it is none, was changed, has another format, or ``make`` cannot use it.
    """
    try:
        return make(_checked(json.loads(text), where, version))
    except ExportFileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ButlerError) as exc:
        raise ExportFileError(f"{where} cannot be used: {' '.join(str(exc).split())[:300]}") from exc


def _checked(content: Any, where: str, version: int) -> dict[str, Any]:
    if not isinstance(content, dict) or content.pop("sha256", None) != _digest(content):
        raise ExportFileError(f"{where} is not as it was written; fetch it again")
    if content["format"] != version:
        raise ExportFileError(f"{where} has format {content['format']}; this Bunter reads {version}")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
