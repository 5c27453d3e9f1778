"""How large an object in memory is, as far as can be told without looking into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["nbytes"]


def nbytes(obj: Any) -> int:
    """Bytes of the arrays or columns of an object; 0 for what has none."""
    if isinstance(obj, Mapping):
        return sum(map(nbytes, obj.values()))
    if isinstance(obj, str | bytes | list | tuple):
        return 0
    for told in (getattr(obj, "nbytes", None), getattr(getattr(obj, "data", None), "nbytes", None)):
        if isinstance(told, int):
            return told
    return _of_table(obj)


def _of_table(table: Any) -> int:
    if hasattr(table, "itercols"):  # astropy
        return sum(map(nbytes, table.itercols()))
    if hasattr(table, "estimated_size"):  # polars
        return int(table.estimated_size())
    if hasattr(table, "memory_usage"):  # pandas
        return int(table.memory_usage().sum())
    return 0
