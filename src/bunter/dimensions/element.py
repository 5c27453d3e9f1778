"""Elements of a universe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bunter.dimensions.column import Column
from bunter.errors import DimensionNameError, near

if TYPE_CHECKING:
    from collections.abc import Callable

    from bunter.dimensions.universe import Universe


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Element:
    """A dimension, or a combination of dimensions that has records of its own.

    Elements belong to one universe and compare by identity.

    Parameters
    ----------
    universe : Universe
        Where it belongs.
    name, doc : str
        Its name, and what it is.
    key : Column, optional
        Primary key as users spell it (``id`` or ``name``); None for a combination.
    alternate_keys : tuple[Column, ...]
        Further columns, each unique within the required dimensions.
    requires, implies : tuple[str, ...]
        Dimensions that identify it together with its key (all of them, without itself); dimensions that its record
        determines (direct ones). In the order of the universe.
    metadata : tuple[Column, ...]
        Facts about it.
    spatial, temporal : str, optional
        Family that its regions or timespans belong to.
    implied_union_target : str, optional
        The dimension whose records say which values there are, for a dimension without records of its own.
    populated_by : str, optional
        The element with whose records those of this combination travel.
    governor, always_join, skypix : bool
        Whether the values are few and rule over others; whether it is part of every join over its dimensions; whether
        it is a pixelization of the sky.
    """

    universe: Universe = field(repr=False)
    name: str
    doc: str = ""
    key: Column | None = None
    alternate_keys: tuple[Column, ...] = ()
    requires: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    metadata: tuple[Column, ...] = ()
    spatial: str | None = None
    temporal: str | None = None
    implied_union_target: str | None = None
    populated_by: str | None = None
    governor: bool = False
    always_join: bool = False
    skypix: bool = False
    columns: tuple[Column, ...] = field(init=False, repr=False)
    required: tuple[str, ...] = field(init=False, repr=False)
    _fields: dict[str, Column] = field(init=False, repr=False)

    def complete(self, key_column: Callable[[str], Column]) -> None:
        """Work out the columns, once all elements of the universe are known."""
        required = (*self.requires, self.name) if self.is_dimension else self.requires
        columns = [
            *(key_column(name) for name in required),
            *self.alternate_keys,
            *(key_column(name) for name in self.implies),
            *self.metadata,
        ]
        if self.spatial is not None and not self.skypix:
            columns.append(Column("region", "region", doc="Where it is on the sky."))
        if self.temporal is not None:
            columns.append(Column("timespan", "timespan", doc="When it was."))
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "columns", tuple(columns))
        fields = {column.name: column for column in columns}
        if self.key is not None:
            fields.setdefault(self.key.name, fields[self.name])
        object.__setattr__(self, "_fields", fields)

    @property
    def is_dimension(self) -> bool:
        """Whether it has a key of its own, so that data IDs may hold it."""
        return self.key is not None

    @property
    def has_table(self) -> bool:
        """Whether its records are stored."""
        return not self.skypix and self.implied_union_target is None

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names that `field` takes."""
        return tuple(self._fields)

    def field(self, name: str) -> Column:
        """Look up a column by the name that users give it.

        Parameters
        ----------
        name : str
            ``id`` or ``name`` for the own key, or a column's name.

        Returns
        -------
        Column
            As in `columns`.

        Raises
        ------
        DimensionNameError
            If there is none; offers the nearest.
        """
        try:
            return self._fields[name]
        except KeyError:
            known = ", ".join(self._fields)
            raise DimensionNameError(
                f"{self.name!r} has no field {name!r}{near(name, self._fields)} (it has {known})"
            ) from None

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, ...]:
        return _element, (self.universe, self.name)


def _element(universe: Universe, name: str) -> Element:
    return universe[name]
