"""Which library a table is of."""

from __future__ import annotations

__all__ = ["kind_of", "wanted_kind"]

_KINDS = {"astropy": "astropy", "pandas": "pandas", "pyarrow": "arrow", "polars": "polars"}


def kind_of(obj: object) -> str:
    """Library of a table: ``astropy``, ``pandas``, ``arrow``, ``polars``; empty for what is no table."""
    for kind in type(obj).__mro__:
        library = kind.__module__.partition(".")[0]
        if library in _KINDS and kind.__name__ in {"Table", "DataFrame"}:
            return _KINDS[library]
    return ""


def wanted_kind(python_type: str) -> str:
    """Library that a ``module:Class`` belongs to; empty where the reader has no wish."""
    return _KINDS.get(python_type.partition(".")[0].partition(":")[0], "")
