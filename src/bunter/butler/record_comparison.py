"""What records given by a user have to do with those that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bunter.dataset.inquiries import KeyedRecords
from bunter.values import counted, format_instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bunter.butler.session import Session
    from bunter.dimensions import Element

__all__ = ["Columns", "Comparison", "Difference", "compare"]

Columns: TypeAlias = "Mapping[str, Sequence[Any]]"
_SHOWN = 3


class Difference(NamedTuple):
    """One field of one record that is not as given: its key, the field, the value that was there, and the given one."""

    data_id: dict[str, Any]
    field: str
    old: Any
    new: Any

    def __str__(self) -> str:
        if self.field == "region":
            return "the region is another one"
        if self.field.startswith("timespan_"):
            old, new = ("unknown" if value is None else format_instant(value) for value in (self.old, self.new))
            return f"{self.field} is {old}, not {new} (TAI)"
        return f"{self.field} is {_short(self.old)}, not {_short(self.new)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Records as given beside those that are there.

    Parameters
    ----------
    element : str
        What they are records of.
    inserted, unchanged, updated : int
        How many were not there, were there and equal, were there and different.
    differences : tuple of Difference
        Every field that differed.
    """

    element: str
    inserted: int
    unchanged: int
    updated: int
    differences: tuple[Difference, ...] = ()

    def sentence(self, place: str = "there") -> str:
        """Say what differs from what is at a place."""
        by_record: dict[str, list[Difference]] = {}
        for each in self.differences:
            by_record.setdefault(", ".join(f"{k}={v!r}" for k, v in each.data_id.items()), []).append(each)
        said = [
            f"{self.element} with {key} differs from what is {place}: {'; '.join(map(str, found))}"
            for key, found in by_record.items()
        ]
        more = f"; and {counted(len(said) - _SHOWN, 'more record')}" if len(said) > _SHOWN else ""
        return ". ".join(said[:_SHOWN]) + more

    def __str__(self) -> str:
        parts = [f"{self.inserted} new", f"{self.unchanged} as they were", f"{self.updated} different"]
        return f"{counted(self.inserted + self.unchanged + self.updated, f'{self.element} record')}: {', '.join(parts)}"


def compare(session: Session, element: Element, columns: Columns) -> Comparison:
    """Read the records with the keys given, and compare the fields given; one query whatever their number."""
    keys = list(zip(*(columns[name] for name in element.required), strict=True))
    there = _there(session, element, columns) if keys else {}
    rows = zip(*(there[name] for name in element.required), strict=True) if there else ()
    place = {key: number for number, key in enumerate(rows)}
    pairs = [(number, place[key]) for number, key in enumerate(keys) if key in place]
    found = [
        Difference(
            dict(zip(element.required, keys[number], strict=True)), name, there[name][old], columns[name][number]
        )
        for name in columns
        if name not in element.required
        for number, old in pairs
        if there[name][old] != columns[name][number]
    ]
    differ = len({tuple(each.data_id.values()) for each in found})
    return Comparison(element.name, len(keys) - len(pairs), len(pairs) - differ, differ, tuple(map(_decoded, found)))


def _there(session: Session, element: Element, columns: Columns) -> dict[str, list[Any]]:
    """Return the stored columns of the records that have the keys."""
    keys = {name: columns[name] for name in element.required}
    table = session.repository.answer(session.principal, KeyedRecords(element.name, keys))
    return {name: table.column(name).to_pylist() for name in table.schema.names}


def _decoded(each: Difference) -> Difference:
    if each.field != "region":
        return each
    from bunter.geometry import Region

    old, new = (None if value is None else Region.decode(value) for value in (each.old, each.new))
    return each._replace(old=old, new=new)


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return repr(value)
