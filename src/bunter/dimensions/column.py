"""Columns of the records of elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Column", "Kind"]

Kind = Literal["int", "str", "float", "bool", "hash", "region", "timespan"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an element's records.

    Parameters
    ----------
    name : str
        Name in tables; a dimension's own key has the name of the dimension.
    kind : str
        ``int``, ``str``, ``float``, ``bool``, ``hash`` (bytes), ``region`` or ``timespan``.
    length : int, optional
        Greatest number of characters of a ``str``, or of bytes of a ``hash``.
    nullable : bool
        Whether records may leave it open.
    doc : str
        What it holds.
    """

    name: str
    kind: Kind
    length: int | None = None
    nullable: bool = True
    doc: str = ""
