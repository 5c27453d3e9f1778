"""Collections, their names and the members of chains, as they were before a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.dataset.changes import (
    RegisterCollection,
    RemoveCollection,
    RenameCollection,
    SetChain,
    SetCollectionDoc,
)
from bunter.registry.layout import LIVE
from bunter.registry.reversal import Step
from bunter.values import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.database import Connection
    from bunter.registry.reversal import Reversal

__all__ = ["reverse_collections"]


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    name: str
    type: CollectionType
    doc: str
    added: int
    retired: int

    @property
    def what(self) -> str:
        return self.type.name.lower()


def reverse_collections(connection: Connection, found: Reversal) -> None:
    """Make the collections anew that a change removed, remove those that it made, and give names and members back."""
    rows = _rows(connection)
    former = _former(connection, found.number)
    for row in rows.values():
        if row.retired == LIVE:
            found.names[row.number] = row.name
    _give_names_back(connection, found, rows, former)
    for row in rows.values():
        _mean(found, row)
    planned = dict(_chains(connection, found, rows))
    made = [row for row in rows.values() if row.added == found.number and row.retired == LIVE]
    _take_away(connection, found, made, planned)
    for name, members in planned.items():
        found.chains.append(SetChain(name, members))
        found.steps.append(Step("chained", name, f"has {listed(members) if members else 'no members'}"))


def _rows(connection: Connection) -> dict[int, _Row]:
    sql = "SELECT number, name, type, doc, added, retired FROM collection ORDER BY number"
    return {
        number: _Row(number, name, CollectionType(kind), doc, added, retired)
        for number, name, kind, doc, added, retired in connection.fetchall(sql)
    }


def _former(connection: Connection, change: int) -> dict[int, tuple[str, str]]:
    """Return the names and documentation that a change replaced."""
    sql = "SELECT number, name, doc FROM collection_former WHERE retired = ?"
    return {number: (name, doc) for number, name, doc in connection.fetchall(sql, (change,))}


def _give_names_back(
    connection: Connection, found: Reversal, rows: dict[int, _Row], former: dict[int, tuple[str, str]]
) -> None:
    leaving = {row.name for number, row in rows.items() if number in former and row.retired == LIVE}
    for number, (name, doc) in former.items():
        row = rows.get(number)
        if row is None or row.retired != LIVE:
            if row is None or row.retired != found.number:
                found.conflicts.append(f"the collection {name!r}, which it changed, was removed since")
            continue
        then = _afterwards(connection, row, found.number)
        if name != then[0]:
            _rename(found, row, name, then[0], leaving)
        if doc != then[1] and row.doc != then[1]:
            found.conflicts.append(f"the documentation of {row.name!r} was changed again since")
        elif doc != then[1]:
            found.definitions.append(SetCollectionDoc(found.names[number], doc))
            found.steps.append(Step(row.what, found.names[number], f"documented as {doc!r}"))


def _afterwards(connection: Connection, row: _Row, change: int) -> tuple[str, str]:
    """Return name and documentation that a change gave."""
    sql = "SELECT name, doc FROM collection_former WHERE number = ? AND retired > ? ORDER BY retired LIMIT 1"
    later = connection.fetchone(sql, (row.number, change))
    return (row.name, row.doc) if later is None else (later[0], later[1])


def _rename(found: Reversal, row: _Row, name: str, then: str, leaving: set[str]) -> None:
    if row.name != then:
        found.conflicts.append(f"{then!r}, which was {name!r} before, was renamed again since, to {row.name!r}")
    elif name in found.roster.collections and name not in leaving:
        found.conflicts.append(f"{row.name!r} cannot be {name!r} again: there is another collection of that name")
    else:
        found.names[row.number] = name
        found.definitions.append(RenameCollection(row.name, name))
        found.steps.append(Step(row.what, name, f"has its name again instead of {row.name!r}"))


def _mean(found: Reversal, row: _Row) -> None:
    """Say which collection stands now for one that was removed; make it anew if the change removed it."""
    catalog = found.roster.collections
    if row.retired == LIVE:
        return
    same = row.name in catalog and catalog.row(row.name).type is row.type
    if row.retired != found.number:
        if same:
            found.names.setdefault(row.number, row.name)
    elif row.name not in catalog:
        found.names[row.number] = row.name
        found.definitions.append(RegisterCollection(row.name, row.type, row.doc))
        found.steps.append(Step(row.what, row.name, "made again"))
    elif same and row.type is CollectionType.RUN:
        found.names[row.number] = row.name
    else:
        kind = catalog.row(row.name).type.name
        found.conflicts.append(
            f"{row.name!r}, which was a {row.type.name} collection, is another one by now, a {kind}; rename that one first"
        )


def _chains(connection: Connection, found: Reversal, rows: dict[int, _Row]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give chains their members back: what the change took out goes in again, what it put in goes out."""
    sql = "SELECT DISTINCT parent FROM collection_chain WHERE added = ? OR retired = ? ORDER BY parent"
    for (parent,) in connection.fetchall(sql, (found.number, found.number)):
        row = rows.get(parent)
        if row is None or (row.added == found.number and row.retired == LIVE):
            continue
        name = found.names.get(parent)
        if name is None:
            if row.retired != found.number:  # which is a conflict already
                found.conflicts.append(f"the chain {row.name!r} was removed since")
            continue
        before, after = _links(connection, found, parent, rows)
        catalog = found.roster.collections
        present = catalog.row(row.name).children if row.retired == LIVE else ()
        now = [_renamed(found, child) for child in present]
        members = _merged(now, before, after if row.retired == LIVE else [])
        if members is None:
            found.conflicts.append(f"the order of {name!r} was changed again since")
        elif round_about := [m for m in members if m in catalog and name in catalog.below(m)]:
            found.conflicts.append(f"{name!r} cannot have {round_about[0]!r} again, which contains it by now")
        elif members != now:
            yield name, tuple(members)


def _renamed(found: Reversal, name: str) -> str:
    """Return the name that a collection of now will have."""
    return found.names[found.roster.collections.row(name).number]


def _links(connection: Connection, found: Reversal, parent: int, rows: dict[int, _Row]) -> tuple[list[str], list[str]]:
    """Return the members of a chain before and after the change; those that are gone are conflicts, if they are to come back."""
    sql = "SELECT child, added, retired FROM collection_chain WHERE parent = ? AND added <= ? AND retired >= ? ORDER BY position"
    n = found.number
    links = connection.fetchall(sql, (parent, n, n))
    before = [child for child, added, retired in links if added < n]
    after = [child for child, _, retired in links if retired > n]
    for child in before:
        if child not in found.names and child not in after and rows[child].retired != n:
            found.conflicts.append(f"{rows[child].name!r}, which was in {rows[parent].name!r}, was removed since")
    return [found.names[c] for c in before if c in found.names], [found.names[c] for c in after if c in found.names]


def _merged(now: list[str], before: list[str], after: list[str]) -> list[str] | None:
    """Take the step from ``before`` to ``after`` back in what there is now; None if only the order differs, and did since."""
    if now == after:
        return before
    if set(before) == set(after):
        return None
    kept = [member for member in now if member in before or member not in after]
    for place, member in enumerate(before):
        if member not in after and member not in kept:
            behind = [kept.index(other) + 1 for other in before[:place] if other in kept]
            kept.insert(max(behind, default=0), member)
    return kept


def _take_away(
    connection: Connection, found: Reversal, made: Sequence[_Row], planned: dict[str, tuple[str, ...]]
) -> None:
    """Remove the collections that the change made, where nobody has put anything into them, or them into anything."""
    catalog = found.roster.collections
    names = {row.name for row in made}
    for row in made:
        holders = [
            parent
            for parent in catalog.parents(row.name)
            if parent not in names and row.name in planned.get(parent, catalog.row(parent).children)
        ]
        if holders:
            found.conflicts.append(f"{row.name!r}, which it made, is in {listed(holders)} by now")
        elif held := _held(connection, found, row):
            found.conflicts.append(f"{row.name!r}, which it made, has {held} by now")
        else:
            found.made[row.number] = row.name
    for row in made:
        if row.number in found.made:
            if row.type is CollectionType.CHAINED:
                found.chains.append(SetChain(row.name, ()))
            found.removals.append(RemoveCollection(row.name))
            found.steps.append(Step(row.what, row.name, "removed, as it was made then"))


def _held(connection: Connection, found: Reversal, row: _Row) -> str:
    """Say what a collection has that the change did not put into it; of a chain, its members."""
    if row.type is CollectionType.CHAINED:
        sql = "SELECT count(*) FROM collection_chain WHERE parent = ? AND retired = ? AND added != ?"
        [(count,)] = connection.fetchall(sql, (row.number, LIVE, found.number))
        return f"{count} other members" if count else ""
    held = []
    for kind in found.roster.rows.values():
        table, column, more = kind.layout.datasets, "run", ""
        if row.type is not CollectionType.RUN:
            table = kind.layout.tags if row.type is CollectionType.TAGGED else kind.layout.calibrations
            column, more = "collection", f" AND retired = {LIVE} AND added != {found.number}"
        sql = f"SELECT count(*) FROM {table} WHERE type = ? AND {column} = ?{more}"
        [(count,)] = connection.fetchall(sql, (kind.number, row.number))
        if count:
            held.append(f"{count} {kind.dataset_type.name!r}")
    return listed(held) if held else ""
