"""What the names in a query can mean: the dimensions and datasets that it joins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from bunter.dataset.header import card_key
from bunter.errors import near
from bunter.query.bound import DatasetColumn, ElementColumn, HeaderColumn, KeyColumn, TimespanBound
from bunter.query.qualified import name_parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bunter.dataset import DatasetType
    from bunter.dimensions import Column, DimensionGroup, Element
    from bunter.query.bound import DatasetField, Kind, Value

__all__ = ["PlacedError", "Scope", "UnknownNameError"]

_DATASET_FIELDS: Final[dict[str, tuple[DatasetField, Kind]]] = {
    "id": ("id", "uuid"),
    "dataset_id": ("id", "uuid"),
    "run": ("run", "str"),
    "collection": ("collection", "str"),
    "ingest_date": ("ingest_date", "time"),
    "timespan": ("timespan", "timespan"),
    "activity": ("activity", "int"),
    "activity_label": ("activity_label", "str"),
}
_BOUNDS: Final = ("begin", "end")
_ANNOTATIONS: Final = ("header", "metadata")


class UnknownNameError(LookupError):
    """A name that means nothing, or more than one thing; the message is a sentence without its position."""


class PlacedError(ValueError):
    """A sentence about a dimension or element that the condition names, still without its place in the text."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message, name)
        self.message, self.name = message, name


class Scope:
    """Names that a query can use.

    Parameters
    ----------
    group : DimensionGroup
        Dimensions joined whatever the expression says: those of the result, of the searches and of the data ID.
    searched : mapping of str to DatasetType
        Dataset types that the query joins, the result's own first.
    own : Element, optional
        The element whose records are the result; its fields win over those of others.
    known : collection of str
        All registered dataset types, for better messages.
    """

    def __init__(
        self,
        group: DimensionGroup,
        searched: Mapping[str, DatasetType],
        *,
        own: Element | None = None,
        known: Collection[str] = (),
    ) -> None:
        self.group, self.searched, self.own, self.known = group, searched, own, known
        self.universe = group.universe
        self._found: dict[str, Value] = {}

    def resolve(self, name: str) -> Value:
        """Return the value that an identifier stands for.

        Raises
        ------
        UnknownNameError
            If there is none or more than one; the message offers what was probably meant.
        """
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._resolve(name_parts(name), name)
        return found

    def _resolve(self, parts: Sequence[str], name: str) -> Value:
        if (annotated := self._annotated(parts)) is not None:
            return self._annotation(*annotated, name)
        if len(parts) > 1 and parts[-1] in _BOUNDS and parts[-2] == "timespan":
            of = self.resolve(name.rpartition(".")[0])
            return TimespanBound(of, "begin" if parts[-1] == "begin" else "end")
        if len(parts) == 1:
            return self._bare(name)
        if len(parts) == 2:
            return self._qualified(*parts)
        if parts[-2] == "timespan":
            raise UnknownNameError(f"{name!r} is unknown; a timespan has .begin and .end{near(parts[-1], _BOUNDS)}")
        raise UnknownNameError(f"{name!r} has too many dots; write element.field, or element.timespan.begin")

    # Header cards and user metadata.

    def _annotated(self, parts: Sequence[str]) -> tuple[str, str, Sequence[str]] | None:
        """Return dataset type, source and the rest of a name of a card or of metadata; None for other names."""
        head, *rest = parts
        if rest and rest[0] in _ANNOTATIONS and self.universe.get(head) is None:
            return head, rest[0], rest[1:]
        if rest and head in _ANNOTATIONS and len(self.searched) == 1 and self.universe.get(head) is None:
            return next(iter(self.searched)), head, rest
        return None

    def _annotation(self, dataset_type: str, source: str, path: Sequence[str], name: str) -> Value:
        if dataset_type not in self.searched:
            return self._qualified(dataset_type, source)
        if not path:
            example = "header.AIRMASS" if source == "header" else "metadata.quality"
            raise UnknownNameError(f"{name!r} is many values; name one, such as {dataset_type}.{example}")
        if source == "metadata":
            return HeaderColumn(dataset_type, "metadata", "any", tuple(path))
        if len(path) > 1:
            raise UnknownNameError(
                f"{name!r} has too many dots; a card whose name has dots or spaces is written in double quotes"
            )
        return HeaderColumn(dataset_type, "header", "any", (card_key(path[0]),))

    # Names without a dot.

    def _bare(self, name: str) -> Value:
        element = self.universe.get(name)
        if element is not None:
            return self._key(element)
        if name in self.searched:
            raise UnknownNameError(f"{name!r} is a dataset type; say which field: {_choices(name, _DATASET_FIELDS)}")
        if self.own is not None and self._has(self.own, name):
            return self._field(self.own, name)
        candidates = [*self._elements_with(name), *self._datasets_with(name)]
        if len(candidates) == 1:
            return self._qualified(candidates[0], name)
        if len(candidates) > 1:
            return self._ambiguous(name, candidates)
        return self._unknown(name)

    def _key(self, element: Element) -> Value:
        if element.is_dimension:
            return KeyColumn(element.name, _kind(self.universe.key_column(element.name)))
        fields = _choices(element.name, element.field_names)
        raise UnknownNameError(f"{element.name!r} has no key of its own; say which field: {fields}")

    def _elements_with(self, name: str) -> list[str]:
        found = [element.name for element in self.group.elements if self._has(element, name)]
        if name == "region" and len(self.group.spatial) == 1:
            return [element.name for element in self.group.finest_spatial()]
        if name == "timespan" and len(self.group.temporal) == 1:
            return [element.name for element in self.group.finest_temporal()]
        return found

    def _datasets_with(self, name: str) -> list[str]:
        if name not in _DATASET_FIELDS:
            return []
        return [each for each, kind in self.searched.items() if name != "timespan" or kind.is_calibration]

    def _ambiguous(self, name: str, candidates: list[str]) -> Value:
        if name in _DATASET_FIELDS and len(self.searched) == 1 and name != "timespan":
            return self._qualified(next(iter(self.searched)), name)
        choices = " or ".join(f"{each}.{name}" for each in candidates)
        raise UnknownNameError(f"{name!r} could be several fields; write {choices}")

    def _unknown(self, name: str) -> NoReturn:
        elsewhere = [element.name for element in self.universe.elements.values() if self._has(element, name)]
        if elsewhere:
            choices = " or ".join(f"{each}.{name}" for each in elsewhere)
            raise UnknownNameError(f"no dimension of this query has a field {name!r}; did you mean {choices}?")
        candidates = [*self.group.names, *self.universe.dimensions, *self._field_names(), *self.searched]
        known = ", ".join(self.group.names)
        hint = near(name, candidates) or (f"; the dimensions of this query are {known}" if known else "")
        raise UnknownNameError(f"unknown name {name!r}{hint}")

    def _field_names(self) -> Iterator[str]:
        for element in self.group.elements:
            yield from element.field_names

    # Names with a dot.

    def _qualified(self, head: str, field: str) -> Value:
        element = self.universe.get(head)
        if element is not None:
            return self._field(element, field)
        head = self._proper(head)
        if head in self.searched:
            return self._dataset_field(head, field)
        if head in self.known:
            joined = ", ".join(self.searched) or "none"
            raise UnknownNameError(f"dataset type {head!r} is not joined by this query (joined: {joined})")
        raise UnknownNameError(f"unknown dimension or dataset type {head!r}{self._near_head(head)}")

    def _proper(self, name: str) -> str:
        """Return the name of the dataset type that an alias stands for; any other name as it is."""
        if name in self.searched or not isinstance(self.known, Mapping) or name not in self.known:
            return name
        return str(self.known[name].name)

    def _near_head(self, head: str) -> str:
        return near(head, [*self.searched, *self.universe.elements, *self.group.skypix, *self.known])

    def _has(self, element: Element, field: str) -> bool:
        return field in element.field_names or (element.skypix and field == "region")

    def _field(self, element: Element, field: str) -> Value:
        if not self._has(element, field):
            return self._determined(element, field)
        if element.skypix and field == "region":
            return ElementColumn(element.name, "region", "region")
        column = element.field(field)
        if column.name in element.required or column.name in element.implies:
            return KeyColumn(column.name, _kind(column))
        return ElementColumn(element.name, column.name, _kind(column))

    def _determined(self, element: Element, field: str) -> Value:
        """Dimension that the element's record determines, if not directly: ``visit.band``."""
        if field in self.universe.conform(element.required).names:
            return self._key(self.universe[field])
        hint = near(field, element.field_names) or f"; it has {', '.join(element.field_names)}"
        raise UnknownNameError(f"{element.name!r} has no field {field!r}{hint}")

    def _dataset_field(self, dataset_type: str, field: str) -> Value:
        if field in _DATASET_FIELDS:
            column, kind = _DATASET_FIELDS[field]
            return DatasetColumn(dataset_type, column, kind)
        if field in self.universe:
            raise UnknownNameError(f"{field!r} is a dimension, not a field of {dataset_type!r}; write just {field}")
        hint = near(field, _DATASET_FIELDS) or f"; datasets have {', '.join(_DATASET_FIELDS)}"
        raise UnknownNameError(f"dataset type {dataset_type!r} has no field {field!r}{hint}")


def _kind(column: Column) -> Kind:
    return "bytes" if column.kind == "hash" else column.kind


def _choices(head: str, fields: Collection[str]) -> str:
    return ", ".join(f"{head}.{field}" for field in fields)
