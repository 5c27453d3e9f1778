"""Values whose type only their rows know: header cards and user metadata take that of what they are compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bunter.query.bound import HeaderColumn

if TYPE_CHECKING:
    from bunter.query.bound import Kind, Value

__all__ = ["beside", "by_type", "is_dynamic", "settled"]

_BESIDE: dict[str, Kind] = {"int": "int", "float": "int", "str": "str", "bool": "bool"}


def is_dynamic(value: Value) -> bool:
    """Whether the type of a value is not settled."""
    return isinstance(value, HeaderColumn) and value.kind == "any"


def settled(value: Value, kind: Kind) -> Value:
    """Return the value as one of the kind, where it can be any: it is null in rows where it is of another type.

    ``int`` stands for any number, compared as it is; ``float`` for any number, computed with as a float.
    """
    return replace(value, kind=kind) if isinstance(value, HeaderColumn) and value.kind == "any" else value


def beside(kind: Kind) -> Kind | None:
    """Return the kind that a value of unknown type takes beside one of this kind; None if they cannot be compared."""
    return _BESIDE.get(kind)


def by_type(value: Value, *, ascending: bool) -> tuple[tuple[Value, bool], ...]:
    """Return what to sort by: a value of unknown type as number and as text, of which one is null."""
    if not is_dynamic(value):
        return ((value, ascending),)
    return (settled(value, "int"), ascending), (settled(value, "str"), ascending)
