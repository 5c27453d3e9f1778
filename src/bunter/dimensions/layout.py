"""How the numbers of packers are laid out: the part of each dimension, and their order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.errors import DimensionValueError, UniverseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

__all__ = ["Layout", "PackedField"]

_MOST = 2**63


@dataclass(frozen=True, slots=True)
class PackedField:
    """One dimension's part of a packed number.

    Parameters
    ----------
    dimension : str
        Whose values it holds.
    size : int
        How many different values fit in.
    base : int
        Least value, for integers; values are counted from it.
    values : tuple of str or int, optional
        The values in the order in which they are counted, for dimensions whose values are names, or few.
    """

    dimension: str
    size: int
    base: int = 0
    values: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 1 or len(self.values) > self.size or len(set(self.values)) < len(self.values):
            raise UniverseError(
                f"a packer's field {self.dimension!r} of size {self.size} cannot hold "
                f"{len(self.values) or 'any'} values; sizes are at least 1, and values are all different"
            )

    @property
    def limit(self) -> int:
        """How many values are counted now."""
        return len(self.values) or self.size

    def said(self) -> str:
        """Say which values fit in."""
        if self.values:
            return ", ".join(map(repr, self.values))
        return f"{self.base} to {self.base + self.size - 1}"

    def counted(self, column: Any) -> npt.NDArray[np.int64]:
        """Return the place of each value; raise DimensionValueError for the first that does not fit."""
        import numpy as np

        if self.values:
            found, inverse = np.unique(np.asarray(column), return_inverse=True)
            place = {value: number for number, value in enumerate(self.values)}
            if unknown := [value for value in found.tolist() if value not in place]:
                raise DimensionValueError(f"{self.dimension}={unknown[0]!r} cannot be packed; values are {self.said()}")
            return np.array([place[value] for value in found.tolist()], dtype=np.int64)[inverse]
        values = np.asarray(column)
        if values.dtype.kind not in "iu":
            raise DimensionValueError(f"{self.dimension!r} must be integers to be packed, not {values.dtype}")
        outside = (values < self.base) | (values > self.base + (self.size - 1))
        if outside.any():
            raise DimensionValueError(
                f"{self.dimension}={values[outside][0]} cannot be packed; values are {self.said()}"
            )
        return values.astype(np.int64) - self.base

    def valued(self, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Inverse of `counted`."""
        import numpy as np

        if not self.values:
            return places + self.base
        if (places >= len(self.values)).any():
            raise DimensionValueError(f"the number has no {self.dimension}; values are {self.said()}")
        return np.array(self.values)[places]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a packer's numbers are made: the fields' places, each times the product of the sizes behind it, added up.

    Parameters
    ----------
    name : str
        Name of the packer.
    fixed : tuple of (str, str or int)
        Dimensions that are not in the number, with the value for which this layout is.
    fields : tuple of PackedField
        Parts of the number, the most significant first.
    """

    name: str
    fixed: tuple[tuple[str, str | int], ...]
    fields: tuple[PackedField, ...]

    def __post_init__(self) -> None:
        if not self.fields:
            raise UniverseError(f"packer {self.name!r} has no fields; name the dimensions that it packs")
        if self.size > _MOST:
            raise UniverseError(
                f"packer {self.name!r} would need {self.bits} bits, and integers have 63; make a field smaller"
            )

    @property
    def size(self) -> int:
        """How many different numbers there are: all are less than this."""
        return math.prod(field.size for field in self.fields)

    @property
    def bits(self) -> int:
        """How many bits the greatest number has."""
        return (self.size - 1).bit_length()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` takes."""
        fields = [
            {"dimension": each.dimension, "size": each.size}
            | ({"base": each.base} if each.base else {})
            | ({"values": list(each.values)} if each.values else {})
            for each in self.fields
        ]
        return {"name": self.name, "fixed": dict(self.fixed), "fields": fields}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Layout:
        """Inverse of `to_dict`; `UniverseError` for what is no layout."""
        try:
            fields = tuple(
                PackedField(
                    str(each["dimension"]), int(each["size"]), int(each.get("base", 0)), tuple(each.get("values", ()))
                )
                for each in content["fields"]
            )
            return cls(str(content["name"]), tuple(sorted(dict(content.get("fixed") or {}).items())), fields)
        except (KeyError, TypeError, ValueError) as error:
            raise UniverseError(f"this is no layout of a packer: {error!r} in {content!r}") from error

    def extends(self, old: Layout) -> bool:
        """Whether every number of an older layout means the same in this one."""
        if (self.name, self.fixed, len(self.fields)) != (old.name, old.fixed, len(old.fields)):
            return False
        first = True
        for new, was in zip(self.fields, old.fields, strict=True):
            grown = new.size >= was.size if first else new.size == was.size
            same = (new.dimension, new.base) == (was.dimension, was.base) and bool(new.values) == bool(was.values)
            if not (grown and same and new.values[: len(was.values)] == was.values):
                return False
            first = False
        return True
