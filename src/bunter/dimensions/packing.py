"""Data IDs as integers and back, arrays of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bunter.dimensions.coordinate import DataCoordinate
from bunter.dimensions.tables import columns_of
from bunter.errors import DimensionNameError, DimensionValueError, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.dimensions.group import DimensionGroup
    from bunter.dimensions.layout import Layout
    from bunter.dimensions.universe import Universe

__all__ = ["Packer"]


class Packer:
    """Packs the data IDs of some dimensions into integers, and unpacks them.

    Parameters
    ----------
    layout : Layout
        What goes where.
    universe : Universe
        The dimensions.

    Raises
    ------
    DimensionNameError
        If the layout names dimensions that the universe has not, or that do not make up a data ID.
    """

    def __init__(self, layout: Layout, universe: Universe) -> None:
        self.layout = layout
        self.dimensions: DimensionGroup = universe.conform(
            [*(name for name, _ in layout.fixed), *(each.dimension for each in layout.fields)]
        )
        self._fixed = dict(layout.fixed)
        have = {*self._fixed, *(each.dimension for each in layout.fields)}
        if missing := [name for name in self.dimensions.required if name not in have]:
            raise DimensionNameError(
                f"packer {layout.name!r} needs {', '.join(missing)} for its data IDs; pack it or fix its value"
            )
        if extra := sorted(have - set(self.dimensions.required)):
            raise DimensionNameError(
                f"packer {layout.name!r} packs {extra[0]!r}, which other dimensions of it imply; leave it out"
            )

    @property
    def name(self) -> str:
        """Name of the packer."""
        return self.layout.name

    @property
    def max_bits(self) -> int:
        """How many bits the greatest number has."""
        return self.layout.bits

    def pack(self, data_id: Any = None, /, **key: Any) -> Any:
        """Return the number of a data ID, or the numbers of columns of them.

        Parameters
        ----------
        data_id : DataCoordinate, Mapping, table or sequence of data IDs, optional
            Values by dimension, or columns of values: a mapping of arrays, or a table of astropy, Arrow, pandas or
            polars. Values of dimensions that are fixed may be left out.
        **key
            Further values or columns.

        Returns
        -------
        int, or numpy array of int64
            One number for plain values, an array for columns.

        Raises
        ------
        DimensionValueError
            If a value does not fit into its field, or is not the fixed one.
        DimensionNameError
            If one is missing.
        """
        import numpy as np

        columns, single = self._columns(data_id, key)
        self._check_fixed(columns)
        size = max((len(column) for column in columns.values()), default=0)
        total = np.zeros(size, dtype=np.int64)
        for each in self.layout.fields:
            if each.dimension not in columns:
                raise DimensionNameError(
                    f"packer {self.name!r} needs a value for {each.dimension!r}{near(each.dimension, columns)}"
                )
            total *= each.size
            total += each.counted(columns[each.dimension])
        return int(total[0]) if single else total

    def unpack(self, number: Any) -> Any:
        """Return the data ID of a number, or columns of values for an array of numbers.

        Parameters
        ----------
        number : int or array of int
            What `pack` gave.

        Returns
        -------
        DataCoordinate, or dict of str to numpy array
            One data ID for one number; a column of every required dimension for an array.

        Raises
        ------
        DimensionValueError
            If the number is none of this packer.
        """
        import numpy as np

        numbers = np.asarray(number)
        if numbers.dtype.kind not in "iu":
            raise DimensionValueError(f"packer {self.name!r} unpacks integers, not {number!r}")
        single = numbers.ndim == 0
        rest = np.atleast_1d(numbers)
        if len(wrong := rest[(rest < 0) | (rest >= self.layout.size)]):
            raise DimensionValueError(
                f"{wrong[0]} is no number of packer {self.name!r}; they are 0 to {self.layout.size - 1}"
            )
        rest = rest.astype(np.int64)
        found: dict[str, Any] = {}
        for each in reversed(self.layout.fields):
            rest, places = np.divmod(rest, each.size)
            found[each.dimension] = each.valued(places)
        found |= {name: np.full(len(rest), value) for name, value in self._fixed.items()}
        columns = {name: found[name] for name in self.dimensions.required}
        if not single:
            return columns
        return DataCoordinate(self.dimensions, tuple(column[0].item() for column in columns.values()))

    def _columns(self, data_id: Any, key: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        import numpy as np

        if data_id is None or isinstance(data_id, DataCoordinate | Mapping):
            given: dict[str, Any] = {**({} if data_id is None else dict(getattr(data_id, "mapping", data_id))), **key}
            single = all(np.ndim(value) == 0 for name, value in given.items() if name in self.dimensions.names)
            if single:
                return {name: [value] for name, value in given.items()}, True
            size = max(len(value) for value in given.values() if np.ndim(value))
            return {name: value if np.ndim(value) else np.full(size, value) for name, value in given.items()}, False
        if isinstance(data_id, list | tuple):
            return self._listed(data_id), False
        columns = columns_of(data_id)
        return {name: columns[name] for name in columns if name in self.dimensions.names}, False

    def _listed(self, data_ids: Sequence[Any]) -> dict[str, Any]:
        plain = [getattr(each, "mapping", each) for each in data_ids]
        for each in self.layout.fields:
            if any(each.dimension not in row for row in plain):
                raise DimensionNameError(f"packer {self.name!r} needs a value for {each.dimension!r} in every data ID")
        fixed = [name for name in self._fixed if all(name in row for row in plain)]
        return {name: [row[name] for row in plain] for name in (*(f.dimension for f in self.layout.fields), *fixed)}

    def _check_fixed(self, columns: Mapping[str, Any]) -> None:
        import numpy as np

        for name, value in self._fixed.items():
            found = np.unique(np.asarray(columns[name])).tolist() if name in columns else []
            if other := [each for each in found if each != value]:
                raise DimensionValueError(
                    f"packer {self.name!r} is for {name}={value!r}, not {other[0]!r}; take the packer for that"
                )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packer) and self.layout == other.layout

    def __hash__(self) -> int:
        return hash(self.layout)

    def __repr__(self) -> str:
        fixed = "".join(f" for {name}={value!r}" for name, value in self.layout.fixed)
        fields = " + ".join(f"{each.dimension} ({each.said()})" for each in self.layout.fields)
        return f"<Packer {self.name!r}{fixed}: {fields}; {self.max_bits} bits>"
