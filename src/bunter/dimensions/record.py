"""One record of an element, as a person looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dimensions.coordinate import DataCoordinate

if TYPE_CHECKING:
    from bunter.dimensions.element import Element
    from bunter.geometry import Region


@dataclass(frozen=True, slots=True)
class DimensionRecord:
    """Keys and facts of one instrument, exposure, visit and so on; fields are attributes and items.

    Parameters
    ----------
    element : Element
        What it is a record of.
    values : tuple
        One per column of ``element.columns``: a timespan as `Timespan`, a region in its encoded form (`region` decodes
        it), None where unknown.
    """

    element: Element
    values: tuple[Any, ...]

    def __getitem__(self, name: str) -> Any:
        column = self.element.field(name)
        value = self.values[self.element.columns.index(column)]
        return _decoded(value) if column.kind == "region" else value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what copy and pickle look for
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(str(error)) from None

    @property
    def data_id(self) -> DataCoordinate:
        """Data ID of what it describes, with implied values where the record has them all."""
        universe = self.element.universe
        group = universe.conform(self.element.required)
        known = {column.name: value for column, value in zip(self.element.columns, self.values, strict=True)}
        names = (
            group.data_id_keys if all(known.get(name) is not None for name in group.data_id_keys) else group.required
        )
        return DataCoordinate(group, tuple(known[name] for name in names))

    def to_dict(self) -> dict[str, Any]:
        """Fields by the names that users give them: ``id`` or ``name`` for the own key."""
        return {self._shown(column.name): self[column.name] for column in self.element.columns}

    def _shown(self, name: str) -> str:
        key = self.element.key
        return key.name if key is not None and name == self.element.name else name

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self.element.field_names]

    def __repr__(self) -> str:
        return f"<{self.element.name} {', '.join(f'{name}={value!r}' for name, value in self._known())}>"

    def _known(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.to_dict().items() if value is not None]

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in self._known()
        )
        return f"<table><caption>{escape(self.element.name)}</caption>{rows}</table>"


def _decoded(encoded: bytes | None) -> Region | None:
    from bunter.geometry import Region

    return None if encoded is None else Region.decode(encoded)
