"""The universe of a living repository, changed: what is new is added to its tables, nothing goes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bunter.database import IntegrityError
from bunter.dimensions import Universe
from bunter.dimensions.difference import universe_differences
from bunter.dimensions.values import coerced
from bunter.errors import DimensionNameError, DimensionValueError, InconsistentDataIdError, UniverseError, near
from bunter.registry.layout import SKY_COLUMNS, element_table
from bunter.registry.relations import quoted
from bunter.registry.roster import read_roster
from bunter.registry.schema import column_type, create_element_indexes, create_element_table, create_union_index
from bunter.registry.views import drop_views, refresh_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bunter.database import Transaction
    from bunter.dataset.repository_changes import ChangeUniverse
    from bunter.dimensions import Column, Element
    from bunter.dimensions.difference import UniverseDifference
    from bunter.registry.roster import Roster

_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
}

__all__ = ["change_universe", "fills_needed", "record_migration", "refuse_what_is_not_additive"]

_FIELD = re.compile(r"\{(\w+)\}")
_KINDS = {"region": {"region": "region"}, "timespan": {"timespan_begin": "int", "timespan_end": "int"}}


def change_universe(tx: Transaction, roster: Roster, change: ChangeUniverse) -> list[str]:
    """Take on a universe that has more in it; return what was done, in words."""
    old, new = roster.universe, Universe.load(change.definition)
    differences = universe_differences(old, new)
    if not differences:
        return []
    refuse_what_is_not_additive(differences, old, new, [row.dataset_type for row in roster.rows.values()])
    _refuse_unknown_fills(change.fill, differences)
    drop_views(tx, roster, old)
    for each in differences:
        if each.kind == "element":
            create_element_table(tx, new[each.element])
    for each in differences:
        if each.kind in {"region", "timespan"}:
            _add_columns(tx, new[each.element], _KINDS[each.kind], spatial=each.kind == "region")
        elif each.kind in {"metadata", "key", "implied"}:
            _Addition(tx, new[each.element], each, change.fill).carry_out(old)
    _create_indexes(tx, differences, old, new)
    _rename_groups(tx, roster, new)
    tx.execute("UPDATE attribute SET value = ? WHERE name = 'registry.universe'", (json.dumps(new.to_dict()),))
    sentences = [each.sentence for each in differences]
    record_migration(tx, "universe", f"{new.namespace} version {new.version}", sentences, json.dumps(old.to_dict()))
    tx.touch()
    tx.scratch.pop("roster", None)
    refresh_views(tx, read_roster(tx, lambda _: new), new)
    return sentences


def _create_indexes(tx: Transaction, differences: Iterable[UniverseDifference], old: Universe, new: Universe) -> None:
    for each in differences:
        if each.element in new.elements:
            create_element_indexes(tx, new[each.element])
    for element in new.elements.values():
        if element.implied_union_target is not None and element.name not in old.elements:
            create_union_index(tx, element)


def refuse_what_is_not_additive(
    differences: Sequence[UniverseDifference], old: Universe, new: Universe, dataset_types: Iterable[Any]
) -> None:
    """Refuse a universe that lacks something, or in which a dataset type would be identified by other dimensions.

    Raises
    ------
    UniverseError
        With a sentence for each reason.
    """
    sentences = [each.sentence for each in differences if not each.additive]
    if not sentences:
        for kind in dataset_types:
            required = set(kind.dimensions.required)
            if (wanted := set(new.conform(required).required)) != required:
                gone = ", ".join(sorted(required - wanted))
                sentences.append(
                    f"dataset type {kind.name!r} has dimension {gone}, which others of its dimensions would imply, "
                    "so that its datasets would be identified otherwise"
                )
    if sentences:
        raise UniverseError(
            f"the repository, over {old.namespace!r} version {old.version}, cannot take on {new.namespace!r} version "
            f"{new.version}; it may gain elements and columns and lose nothing:\n"
            + "\n".join(f"  - {sentence}" for sentence in sentences)
        )


def fills_needed(differences: Iterable[UniverseDifference], new: Universe) -> list[str]:
    """Return ``element.column`` of what needs values for the records that are there."""
    found = []
    for each in differences:
        if each.additive and each.kind in {"metadata", "key", "implied"}:
            column = _column(new[each.element], each.name)
            if each.kind != "metadata" or not column.nullable:
                found.append(f"{each.element}.{each.name}")
    return found


def record_migration(tx: Transaction, kind: str, title: str, sentences: Sequence[str], former: str = "") -> None:
    """Keep what was changed about the repository itself, beside the number of the change."""
    row = (tx.next_change(), kind, title, json.dumps(list(sentences)), former)
    tx.bulk_insert("migration", ["change", "kind", "title", "detail", "former"], [row])


class _Addition:
    """A new column of an element that has records, or may have."""

    def __init__(
        self, tx: Transaction, element: Element, difference: UniverseDifference, fill: Mapping[str, Any]
    ) -> None:
        self.tx = tx
        self.element = element
        self.kind = difference.kind
        self.column = _column(element, difference.name)
        self.label = f"{element.name}.{difference.name}"
        self.value = fill.get(self.label)
        self.table = quoted(element_table(element))

    def carry_out(self, old: Universe) -> None:
        _add_columns(self.tx, self.element, {self.column.name: self.column.kind})
        filled = self.tx.fetchone(f"SELECT 1 FROM {self.table} LIMIT 1") is not None
        if filled and self.value is not None:
            sql, parameters = self._value()
            self.tx.execute(f"UPDATE {self.table} SET {quoted(self.column.name)} = {sql}", parameters)
        elif filled and (self.kind != "metadata" or not self.column.nullable):
            raise UniverseError(
                f"{self.element.name!r} has records, which need a value for {self.column.name!r}; "
                f"give it with --fill {self.label}=VALUE, where {{{self.element.required[-1]}}} stands for a column's value"
            )
        if self.kind == "key":
            self._index()
        elif self.kind == "implied" and filled:
            self._complete(old)

    def _value(self) -> tuple[str, tuple[Any, ...]]:
        """Return SQL for what records are filled with."""
        if not isinstance(self.value, str) or not _FIELD.search(self.value):
            text = _read(self.value, self.column.kind)
            return "?", tuple(coerced(self.element.name, self.column, [text]))
        known = {column.name for column in self.element.columns} - {self.column.name}
        for name in _FIELD.findall(self.value):
            if name not in known:
                raise DimensionNameError(
                    f"{self.element.name!r} has no column {name!r} to fill from{near(name, known)}"
                )
        if (whole := _FIELD.fullmatch(self.value)) and self.column.kind != "str":
            return quoted(whole[1]), ()
        parts = _FIELD.split(self.value)
        sql = [f"CAST({quoted(part)} AS TEXT)" if n % 2 else "CAST(? AS TEXT)" for n, part in enumerate(parts)]
        return " || ".join(sql), tuple(parts[::2])

    def _index(self) -> None:
        names = ", ".join(map(quoted, (*self.element.requires, self.column.name)))
        index = quoted(f"{element_table(self.element)}_{self.column.name}")
        try:
            with self.tx.savepoint():
                self.tx.execute(f"CREATE UNIQUE INDEX {index} ON {self.table} ({names})")
        except IntegrityError as exc:
            raise DimensionValueError(
                f"{self.value!r} gives several {self.element.name} records the same {self.column.name}, which is a key; "
                f"put something that differs into it, such as {{{self.element.required[-1]}}}"
            ) from exc

    def _complete(self, old: Universe) -> None:
        """Make the records that the new implied values need, if their dimension is new as well; else they must be there."""
        implied = self.element.universe[self.column.name]
        if not implied.has_table:
            return
        keys = ", ".join(map(quoted, implied.required))
        equal = " AND ".join(f"r.{quoted(name)} = t.{quoted(name)}" for name in implied.required)
        source = quoted(element_table(implied))
        missing = (
            f"SELECT DISTINCT {', '.join(f't.{quoted(name)}' for name in implied.required)} FROM {self.table} t "
            f"WHERE NOT EXISTS (SELECT 1 FROM {source} r WHERE {equal})"
        )
        absent = self.tx.fetchone(f"{missing} LIMIT 1")
        if absent is None:
            return
        open_ = [c.name for c in implied.columns if not c.nullable and c.name not in implied.required]
        if implied.name in old or open_:
            said = ", ".join(f"{name}={value!r}" for name, value in zip(implied.required, absent, strict=True))
            raise InconsistentDataIdError(
                f"no {implied.name} with {said}, which {self.element.name} records would name; "
                + (
                    "insert it first"
                    if implied.name in old
                    else f"take the dimension on first, and insert its records with {', '.join(open_)}"
                )
            )
        self.tx.execute(f"INSERT INTO {source} ({keys}) {missing}")


def _column(element: Element, name: str) -> Column:
    return next(column for column in element.columns if column.name == name)


def _read(value: Any, kind: str) -> Any:
    """Return a value that was written at a command line in the kind that its column has."""
    if not isinstance(value, str) or kind not in _READERS:
        return value
    try:
        return _READERS[kind](value)
    except (ValueError, KeyError):
        return value


def _add_columns(tx: Transaction, element: Element, kinds: Mapping[str, str], *, spatial: bool = False) -> None:
    table = quoted(element_table(element))
    for name, kind in kinds.items():
        tx.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {column_type(kind)}")
    if spatial:
        for name, kind in SKY_COLUMNS.items():
            tx.execute(f"ALTER TABLE {table} ADD COLUMN {name} {column_type(kind)}")


def _refuse_unknown_fills(fill: Mapping[str, Any], differences: Iterable[UniverseDifference]) -> None:
    known = {f"{each.element}.{each.name}" for each in differences if each.kind in {"metadata", "key", "implied"}}
    for label in fill:
        if label not in known:
            raise DimensionNameError(
                f"{label!r} is nothing that is new, so there is nothing to fill{near(label, known)}; "
                f"new are {', '.join(sorted(known)) or 'no columns'}"
            )


def _rename_groups(tx: Transaction, roster: Roster, new: Universe) -> None:
    """Spell the groups that are known with their dimensions in the order of the new universe."""
    for layout in roster.layouts.values():
        key = new.conform(layout.dimensions.required).key
        if key != layout.dimensions.key:
            tx.execute("UPDATE dimension_group SET key = ? WHERE number = ?", (key, layout.number))
