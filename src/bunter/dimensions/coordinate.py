"""Data IDs: values for the dimensions of a group."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from msgspec import Struct

from bunter.errors import DimensionNameError, DimensionValueError, InconsistentDataIdError, near

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bunter.dimensions.column import Kind
    from bunter.dimensions.group import DimensionGroup

KeyValue = int | str

_TYPES = {"int": int, "str": str}
_LEAST, _GREATEST = -(2**63), 2**63 - 1


class DataCoordinate(Struct, frozen=True, eq=False):
    """Values that identify something: those of the group's required dimensions, or also of the implied ones.

    Equality and hash look only at the group and the required values.

    Parameters
    ----------
    group : DimensionGroup
        The dimensions.
    values : tuple[int | str, ...]
        Values in the order of ``group.required`` or ``group.data_id_keys``; not checked here, see `standardize`.
    """

    group: DimensionGroup
    values: tuple[KeyValue, ...]

    def __post_init__(self) -> None:
        if len(self.values) not in {len(self.group.required), len(self.group.data_id_keys)}:
            raise DimensionValueError(f"{len(self.values)} values do not fit {self.group!r}; give one per dimension")

    @classmethod
    def standardize(
        cls,
        mapping: Mapping[str, object] | DataCoordinate | None = None,
        *,
        group: DimensionGroup,
        defaults: Mapping[str, object] | None = None,
        **values: object,
    ) -> DataCoordinate:
        """Make a data ID of what a user gives.

        Parameters
        ----------
        mapping : Mapping or DataCoordinate, optional
            Values by dimension; None stands for a missing one. Dimensions outside the group are dropped.
        group : DimensionGroup
            The dimensions of the result.
        defaults : Mapping, optional
            Values for required dimensions that are missing otherwise.
        **values
            As ``mapping``; these win. The dimension ``group`` can only be given in ``mapping``.

        Returns
        -------
        DataCoordinate
            With implied values if all of them are given.

        Raises
        ------
        DimensionNameError
            If a required dimension is missing, or a name is not one of the universe.
        DimensionValueError
            If a value is of the wrong type.
        """
        if isinstance(mapping, DataCoordinate):
            if mapping.group is group and not values:
                return mapping
            mapping = mapping.mapping
        given = {**mapping, **values} if mapping else values
        found = [
            coerce_key(name, kind, length, value)
            if (value := given.get(name)) is not None
            else coerce_key(name, kind, length, _default(name, defaults, group, given))
            for name, kind, length in group.required_coercions
        ]
        if given.keys() != group.required_names:
            _refuse_unknown(given, group)
            found += _implied(group, given)
        return cls(group, tuple(found))

    @classmethod
    def of_plain(cls, values: Mapping[str, object], group: DimensionGroup) -> DataCoordinate | None:
        """Return the data ID of exactly the required values, each of its own type; None for what takes a closer look."""
        if len(values) != len(group.required_coercions):
            return None
        found = []
        for name, kind, length in group.required_coercions:
            value = values.get(name)
            if type(value) is not _TYPES[kind]:
                return None
            found.append(coerce_key(name, kind, length, value))
        return cls(group, tuple(found))

    @property
    def required_values(self) -> tuple[KeyValue, ...]:
        """Values of ``group.required``, in its order."""
        return self.values[: len(self.group.required)]

    @property
    def is_full(self) -> bool:
        """Whether the implied values are known."""
        return len(self.values) == len(self.group.data_id_keys)

    @property
    def mapping(self) -> dict[str, KeyValue]:
        """Known values by dimension, required ones first."""
        return dict(zip(self.group.data_id_keys, self.values))  # noqa: B905 - naming the default costs as much as the rest

    @property
    def required(self) -> dict[str, KeyValue]:
        """Required values by dimension."""
        return dict(zip(self.group.required, self.values, strict=False))

    def __getitem__(self, name: str) -> KeyValue:
        try:
            return self.values[self.group.data_id_keys.index(name)]
        except (ValueError, IndexError):
            raise DimensionNameError(f"data ID {self} has no value for {name!r}{near(name, self.mapping)}") from None

    def get(self, name: str, default: KeyValue | None = None) -> KeyValue | None:
        """Value of a dimension, or ``default`` where it is not known."""
        return self.mapping.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self.mapping

    def keys(self) -> tuple[str, ...]:
        """Dimensions whose values are known."""
        return self.group.data_id_keys[: len(self.values)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.values)

    def subset(self, group: DimensionGroup) -> DataCoordinate:
        """Values for fewer dimensions; DimensionNameError if a required one is not known."""
        mapping = self.mapping
        if group.implied and all(name in mapping for name in group.implied):
            return DataCoordinate(group, tuple(self[name] for name in group.data_id_keys))
        return DataCoordinate(group, tuple(self[name] for name in group.required))

    def union(self, other: DataCoordinate) -> DataCoordinate:
        """Values of both; InconsistentDataIdError if they contradict each other."""
        ours, theirs = self.mapping, other.mapping
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                raise InconsistentDataIdError(f"{name!r} is {ours[name]!r} in {self} and {theirs[name]!r} in {other}")
        return DataCoordinate.standardize({**ours, **theirs}, group=self.group | other.group)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DataCoordinate):
            return NotImplemented
        return self.group is other.group and self.required_values == other.required_values

    def __hash__(self) -> int:
        return hash((id(self.group), self.required_values))

    def __lt__(self, other: DataCoordinate) -> bool:
        return (self.group.key, self.required_values) < (other.group.key, other.required_values)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name}: {value!r}' for name, value in self.required.items())}}}"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in self.mapping.items()
        )
        return f"<table>{rows}</table>"


def coerce_key(name: str, kind: Kind, length: int | None, value: object) -> KeyValue:
    """Turn a value into what the key of a dimension holds.

    Parameters
    ----------
    name : str
        The dimension, for messages.
    kind : str
        ``int`` or ``str``.
    length : int, optional
        Greatest length of a ``str``.
    value : object
        What was given; NumPy's integers and texts are taken too.

    Raises
    ------
    DimensionValueError
        If it is of the wrong type, too long or empty.
    """
    if kind == "int":
        return value if type(value) is int and _LEAST <= value <= _GREATEST else _coerced_int(name, value)
    if not isinstance(value, str):
        raise DimensionValueError(f"{name!r} must be text, not {value!r}")
    text = str(value)
    if not text or not text.isprintable():
        raise DimensionValueError(f"{name!r} must be printable text, not {text!r}")
    if length is not None and len(text) > length:
        raise DimensionValueError(f"{name!r} can have {length} characters; {text!r} has {len(text)}")
    return text


def _implied(group: DimensionGroup, given: Mapping[str, object]) -> list[KeyValue]:
    """Values of the implied dimensions if all are given, else none."""
    values = [(item, given.get(item[0])) for item in group.implied_coercions]
    if any(value is None for _, value in values):
        return []
    return [coerce_key(*item, value) for item, value in values]


def _coerced_int(name: str, value: object) -> int:
    if type(value) is not int:
        if isinstance(value, bool):
            raise DimensionValueError(f"{name!r} must be an integer, not {value!r}")
        try:
            value = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            raise DimensionValueError(f"{name!r} must be an integer, not {value!r}") from None
    if not _LEAST <= value <= _GREATEST:
        raise DimensionValueError(f"{name!r} must fit into 64 bits; {value} does not")
    return value


def _default(
    name: str, defaults: Mapping[str, object] | None, group: DimensionGroup, given: Mapping[str, object]
) -> object:
    value = (defaults or {}).get(name)
    if value is None:
        _refuse_unknown(given, group)
        have = ", ".join(f"{key}={value!r}" for key, value in given.items()) or "nothing"
        raise DimensionNameError(f"the data ID needs a value for {name!r}: {group!r} is asked for, given is {have}")
    return value


def _refuse_unknown(given: Mapping[str, object], group: DimensionGroup) -> None:
    for name in given:
        if name not in group and name not in group.universe:
            hint = near(name, group.names) or near(name, group.universe.dimensions)
            raise DimensionNameError(f"there is no dimension {name!r}{hint}")
