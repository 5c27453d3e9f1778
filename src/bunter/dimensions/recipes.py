"""Recipes for packers: what a universe says about numbers for data IDs, before the records say how large they get."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dimensions.layout import Layout, PackedField
from bunter.errors import DimensionNameError, UniverseError, near

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Recipe"]

_KEYS = {"per", "fields", "doc"}
_FIELD_KEYS = {"dimension", "size", "greatest", "bits", "base", "values"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to lay out a packer for one instrument, one skymap, or whatever its numbers are for.

    Parameters
    ----------
    name : str
        Name of the packer.
    per : tuple of str
        Dimensions whose values are fixed for each layout.
    fields : tuple of mapping
        ``dimension``, and one of ``size`` (how many values), ``greatest`` (value), ``bits`` or ``values``: numbers, or
        ``element.field`` to be read from the record of a fixed dimension, or a list of these, to be multiplied.
    """

    name: str
    per: tuple[str, ...]
    fields: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, name: str, spec: Mapping[str, Any], elements: Mapping[str, Any]) -> Recipe | None:
        """Check a recipe as a universe writes it; None for one that names code, as definitions from elsewhere do."""
        if not isinstance(spec, dict):
            raise _wrong(name, f"must have 'fields', not {spec!r}")
        if "cls" in spec:
            return None
        if unknown := sorted(spec.keys() - _KEYS):
            raise _wrong(name, f"has an unknown key {unknown[0]!r}{near(unknown[0], _KEYS)}", unknown[0])
        per = tuple(spec.get("per") or ())
        fields = tuple(spec.get("fields") or ())
        for each in fields:
            _check_field(name, each)
        for dimension in (*per, *(each["dimension"] for each in fields)):
            if not (elements.get(dimension) or {}).get("keys"):
                raise _wrong(name, f"speaks of {dimension!r}, which is no dimension{near(str(dimension), elements)}")
        return cls(name, per, fields)

    @classmethod
    def simple(cls, name: str, per: Sequence[str], fields: Sequence[Mapping[str, Any]]) -> Recipe:
        """Make a recipe of fields given in a call."""
        for each in fields:
            _check_field(name, each)
        return cls(name, tuple(per), tuple(fields))

    def layout(self, fixed: Mapping[str, str | int], look: Callable[[str, str], Any]) -> Layout:
        """Work out the sizes.

        Parameters
        ----------
        fixed : mapping
            Values of the dimensions in ``per``.
        look : callable
            Returns the value of a field: ``look("instrument", "detector_max")``.
        """
        if missing := [name for name in self.per if name not in fixed]:
            raise DimensionNameError(
                f"packer {self.name!r} is laid out per {', '.join(self.per)}; give {missing[0]}=..."
            )
        if extra := sorted(fixed.keys() - set(self.per)):
            raise DimensionNameError(
                f"packer {self.name!r} is laid out per {', '.join(self.per) or 'nothing'}, not per {extra[0]}"
                f"{near(extra[0], self.per)}"
            )
        fields = tuple(self._field(each, look) for each in self.fields)
        return Layout(self.name, tuple(sorted((name, fixed[name]) for name in self.per)), fields)

    def _field(self, spec: Mapping[str, Any], look: Callable[[str, str], Any]) -> PackedField:
        values = tuple(spec.get("values") or ())
        base = self._number(spec.get("base", 0), look)
        if "bits" in spec:
            size = 1 << self._number(spec["bits"], look)
        elif "greatest" in spec:
            size = self._number(spec["greatest"], look) - base + 1
        else:
            size = self._number(spec.get("size", len(values)), look)
        return PackedField(str(spec["dimension"]), size, base, values)

    def _number(self, said: Any, look: Callable[[str, str], Any]) -> int:
        if isinstance(said, list | tuple):
            return math.prod(self._number(each, look) for each in said)
        if not isinstance(said, str):
            return int(said)
        element, _, column = said.partition(".")
        value = look(element, column)
        if value is None:
            raise UniverseError(
                f"packer {self.name!r} needs {column} of the {element} record, which is unknown; "
                f"update the record, or give the sizes of the fields"
            )
        return int(value)


def _check_field(name: str, each: Any) -> None:
    if not isinstance(each, dict) or "dimension" not in each:
        raise _wrong(name, f"has a field {each!r} without 'dimension'")
    if unknown := sorted(each.keys() - _FIELD_KEYS):
        raise _wrong(name, f"has a field with an unknown key {unknown[0]!r}{near(unknown[0], _FIELD_KEYS)}")
    if not {"size", "greatest", "bits", "values"} & each.keys():
        raise _wrong(name, f"does not say how large {each['dimension']!r} gets; give size, greatest, bits or values")


def _wrong(name: str, message: str, *place: str) -> UniverseError:
    return UniverseError(f"packer {name!r} {message}", place=("packers", name, *place))
