"""Libraries that only some formats need, and what to say where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from bunter.errors import MissingExtraError

__all__ = ["library"]


def library(name: str, purpose: str, extra: str) -> Any:
    """Import a library of an extra.

    Parameters
    ----------
    name : str
        Module to import.
    purpose : str
        What needs it, as the beginning of a sentence.
    extra : str
        Extra of this package that brings it.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        package = name.partition(".")[0]
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed; `pip install 'bunter[{extra}]'` brings it"
        ) from exc
