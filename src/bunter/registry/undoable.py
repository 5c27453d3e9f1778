"""Which changes did something that can be undone, and what they did in a few words."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from bunter.dataset import CollectionType
from bunter.registry.layout import LIVE
from bunter.values import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Connection
    from bunter.registry.layout import GroupLayout
    from bunter.registry.roster import Roster

__all__ = ["UNDOING", "deeds_of", "edits", "latest_deed", "settled"]

UNDOING = "undo"
"""Kind of the activities that undo changes; the fact ``change`` of each says which."""

_SHOWN = 6


def _columns(layouts: Iterable[GroupLayout]) -> list[tuple[str, str]]:
    """Return the columns that have the numbers of changes that edited something."""
    tables = ["collection", "collection_chain", "dataset_type", "dataset_type_alias"]
    for layout in layouts:
        tables += [layout.tags, layout.calibrations]
    lives = [(table, column) for table in tables for column in ("added", "retired")]
    return [*lives, ("collection_former", "retired"), ("removed_dataset", "removed")]


def edits(connection: Connection, roster: Roster) -> list[int]:
    """Return the numbers of changes that edited collections or dataset types, or removed datasets, the latest first."""
    each = (
        f"SELECT DISTINCT {column} AS n FROM {table} WHERE {column} < {LIVE}"
        for table, column in _columns(roster.layouts.values())
    )
    return [number for (number,) in connection.fetchall(f"{' UNION '.join(each)} ORDER BY n DESC")]


def latest_deed(connection: Connection, roster: Roster, user: str, kept: Iterable[int]) -> int | None:
    """Return the number of the last change of a user that edited, removed or added something, and is not undone."""
    added = [number for (number,) in connection.fetchall("SELECT DISTINCT added FROM dataset")]
    numbers = connection.upload("deeds", 1, ((n,) for n in {*edits(connection, roster), *added, *kept}))
    sql = f'SELECT c.n FROM {numbers} q JOIN change c ON c.n = q.c0 WHERE c."user" = ? ORDER BY c.n DESC'
    done = settled(connection)
    return next((number for (number,) in connection.fetchall(sql, (user,)) if number not in done), None)


def settled(connection: Connection) -> set[int]:
    """Return the numbers of changes that were undone, and of those that undid them."""
    sql = "SELECT c.n, a.facts FROM activity a JOIN change c ON c.activity = a.number WHERE a.kind = ? ORDER BY c.n"
    undone: set[int] = set()
    undoing: dict[int, int] = {}
    for number, facts in connection.fetchall(sql, (UNDOING,)):
        target = int(json.loads(facts)["change"])
        undoing[number] = target
        if target in undoing:
            undone.discard(undoing[target])
        else:
            undone.add(target)
    return undone | undoing.keys()


def deeds_of(connection: Connection, roster: Roster, numbers: Sequence[int]) -> dict[int, str]:
    """Say in a few words what changes did; a constant number of statements."""
    asked = connection.upload("deeds", 1, ((number,) for number in numbers))
    said: dict[int, list[str]] = defaultdict(list)
    _definitions(connection, asked, said)
    names: dict[int, str] = dict(connection.fetchall("SELECT number, name FROM collection"))
    kinds: dict[int, str] = dict(connection.fetchall("SELECT number, name FROM dataset_type"))
    for table, moment, place, word in _member_tables(roster):
        sql = (
            f"SELECT t.{moment}, t.type, t.{place}, count(*) FROM {asked} q JOIN {table} t ON t.{moment} = q.c0 "
            f"GROUP BY t.{moment}, t.type, t.{place} ORDER BY 1, 2, 3"
        )
        for number, kind, collection, count in connection.fetchall(sql):
            said[number].append(f"{count} {kinds[kind]} {word} {names[collection]}")
    return {number: listed(said[number], _SHOWN) or "files removed" for number in numbers}


def _member_tables(roster: Roster) -> list[tuple[str, str, str, str]]:
    """Return tables of datasets with the columns of the change and of the collection, and a word for what happened."""
    found = [("removed_dataset", "removed", "run", "removed from"), ("dataset", "added", "run", "added to")]
    for layout in roster.layouts.values():
        found += [
            (layout.tags, "added", "collection", "into"),
            (layout.tags, "retired", "collection", "out of"),
            (layout.calibrations, "added", "collection", "certified in"),
            (layout.calibrations, "retired", "collection", "no longer certified in"),
        ]
    return found


def _definitions(connection: Connection, asked: str, said: dict[int, list[str]]) -> None:
    for column, word in (("added", "made"), ("retired", "removed")):
        of = f"FROM {asked} q JOIN {{}} t ON t.{column} = q.c0 ORDER BY t.{column}"
        for number, kind, name in connection.fetchall(f"SELECT t.{column}, t.type, t.name {of.format('collection')}"):
            said[number].append(f"{CollectionType(kind).name} {name} {word}")
        for number, name in connection.fetchall(f"SELECT t.{column}, t.name {of.format('dataset_type')}"):
            said[number].append(f"dataset type {name} {word}")
        for number, name in connection.fetchall(f"SELECT t.{column}, t.name {of.format('dataset_type_alias')}"):
            said[number].append(f"alias {name} {word}")
    sql = (
        f"SELECT DISTINCT q.c0, k.name FROM {asked} q JOIN collection_chain l ON l.added = q.c0 OR l.retired = q.c0 "
        "JOIN collection k ON k.number = l.parent ORDER BY 1, 2"
    )
    for number, name in connection.fetchall(sql):
        said[number].append(f"chain {name} edited")
    sql = f"SELECT q.c0, f.name FROM {asked} q JOIN collection_former f ON f.retired = q.c0 ORDER BY 1, 2"
    for number, name in connection.fetchall(sql):
        said[number].append(f"{name} renamed or documented")
