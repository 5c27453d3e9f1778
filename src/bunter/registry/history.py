"""What became of collections and datasets: from the rows that changes have retired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter.dataset import CollectionType
from bunter.errors import MissingCollectionError, near
from bunter.registry.layout import LIVE
from bunter.registry.snapshots import table_of
from bunter.values import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from bunter.database import Connection
    from bunter.dataset.inquiries import CollectionHistory, Tombstones
    from bunter.registry.roster import Roster

__all__ = ["collection_history", "tombstones"]


@dataclass(frozen=True, slots=True)
class _Event:
    """Something that happened to a collection in a change."""

    change: int
    event: str
    text: str
    children: list[str] | None = None


@dataclass(frozen=True, slots=True)
class _Life:
    """A collection from its making to its removal, with its names: (first change that it did not have, name, doc)."""

    number: int
    type: CollectionType
    added: int
    retired: int
    names: list[tuple[int, str, str]]

    def name(self, change: int) -> str:
        """Return its name after a change."""
        return next((name for until, name, _ in self.names if until > change), self.names[-1][1])


def collection_history(connection: Connection, roster: Roster, inquiry: CollectionHistory) -> pa.Table:
    """Answer `CollectionHistory`."""
    lives = {life.number: life for life in _lives(connection)}
    mine = [life for life in lives.values() if any(name == inquiry.name for _, name, _ in life.names)]
    if not mine:
        known = {name for life in lives.values() for _, name, _ in life.names}
        raise MissingCollectionError(
            f"there never was a collection {inquiry.name!r}{near(inquiry.name, known)}; `bunter query-collections REPO` "
            "lists those that there are"
        )
    last = LIVE if roster.as_of is None else roster.as_of
    events = [event for life in mine for event in _events(connection, roster, life, lives) if event.change <= last]
    events.sort(key=lambda event: event.change)
    return _told(connection, events)


def _lives(connection: Connection) -> Iterator[_Life]:
    former: dict[int, list[tuple[int, str, str]]] = {}
    sql = "SELECT number, retired, name, doc FROM collection_former ORDER BY number, retired"
    for number, *rest in connection.fetchall(sql):
        former.setdefault(number, []).append(tuple(rest))
    for number, name, kind, doc, added, retired in connection.fetchall(
        "SELECT number, name, type, doc, added, retired FROM collection ORDER BY number"
    ):
        yield _Life(number, CollectionType(kind), added, retired, [*former.get(number, []), (LIVE, name, doc)])


def _events(connection: Connection, roster: Roster, life: _Life, lives: dict[int, _Life]) -> Iterator[_Event]:
    first = life.names[0]
    yield _Event(life.added, "created", f"{life.type.name} {first[1]}{f': {first[2]}' if first[2] else ''}")
    for (change, old, old_doc), (_, new, new_doc) in zip(life.names, life.names[1:], strict=False):
        if old != new:
            yield _Event(change, "renamed", f"{old} is now {new}")
        if old_doc != new_doc:
            yield _Event(change, "doc", new_doc or "no documentation")
    if life.type is CollectionType.CHAINED:
        yield from _chain_events(connection, life, lives)
    elif life.type in (CollectionType.TAGGED, CollectionType.CALIBRATION):
        yield from _member_events(connection, roster, life)
    if life.retired < LIVE:
        yield _Event(life.retired, "removed", f"{life.type.name} {life.name(life.retired - 1)}")


def _chain_events(connection: Connection, life: _Life, lives: dict[int, _Life]) -> Iterator[_Event]:
    sql = "SELECT position, child, added, retired FROM collection_chain WHERE parent = ? ORDER BY position"
    links = connection.fetchall(sql, (life.number,))
    changes = {change for link in links for change in link[2:] if change not in (LIVE, life.retired)}
    for change in sorted(changes):
        there = [lives[child].name(change) for _, child, added, retired in links if added <= change < retired]
        yield _Event(change, "chain", ", ".join(there) or "no members", there)


def _member_events(connection: Connection, roster: Roster, life: _Life) -> Iterator[_Event]:
    """Count what each change put in and took out, by dataset type."""
    names: dict[int, str] = dict(connection.fetchall("SELECT number, name FROM dataset_type"))
    tagged = life.type is CollectionType.TAGGED
    tables = [layout.tags if tagged else layout.calibrations for layout in roster.layouts.values()]
    for column, word in (("retired", "out"), ("added", "in")):
        count = f"SELECT type, {column} AS change, count(*) AS rows_of FROM"
        where = f"WHERE collection = {life.number} AND {column} < {LIVE} GROUP BY type, {column}"
        body = " UNION ALL ".join(f"{count} {table} {where}" for table in tables)
        for kind, change, number in connection.fetchall(body) if body else ():
            yield _Event(change, "members", f"{number} {names[kind]} {word}")


def _told(connection: Connection, events: list[_Event]) -> pa.Table:
    """Add when and by whom."""
    pa = pyarrow()
    authors = _authors(connection, {event.change for event in events})
    schema = {
        "change": pa.int64(),
        "time": pa.int64(),
        "user": pa.string(),
        "host": pa.string(),
        "command": pa.string(),
        "event": pa.string(),
        "text": pa.string(),
        "children": pa.list_(pa.string()),
    }
    rows = [(e.change, *authors.get(e.change, (None, "", "", "")), e.event, e.text, e.children) for e in events]
    return table_of(schema, rows)


def _authors(connection: Connection, changes: Iterable[int]) -> dict[int, tuple[Any, ...]]:
    """Return time, user, host and command of changes."""
    table = connection.upload("changes", 1, ((change,) for change in changes))
    sql = f'SELECT c.n, c.committed, c."user", c.host, c.command FROM {table} q JOIN change c ON c.n = q.c0'
    return {number: tuple(rest) for number, *rest in connection.fetchall(sql)}


def tombstones(connection: Connection, roster: Roster, inquiry: Tombstones) -> pa.Table:
    """Answer `Tombstones`; of a dataset that was removed several times, the last removal counts."""
    pa = pyarrow()
    table = connection.upload("ids", 1, ((id_,) for id_ in dict.fromkeys(inquiry.ids)))
    sql = (
        'SELECT r.id, t.name, k.name, r.removed, c.committed, c."user", c.host, c.command '
        f"FROM {table} q JOIN removed_dataset r ON r.id = q.c0 JOIN dataset_type t ON t.number = r.type "
        "JOIN collection k ON k.number = r.run LEFT JOIN change c ON c.n = r.removed ORDER BY r.removed"
    )
    last = {row[0]: row for row in connection.fetchall(sql)}
    schema = {
        "id": pa.binary(16),
        "dataset_type": pa.string(),
        "run": pa.string(),
        "change": pa.int64(),
        "time": pa.int64(),
        "user": pa.string(),
        "host": pa.string(),
        "command": pa.string(),
    }
    there = {id_ for (id_,) in connection.fetchall(f"SELECT id FROM dataset WHERE id IN (SELECT c0 FROM {table})")}
    young = set() if roster.as_of is None else there
    return table_of(schema, [row for id_, row in last.items() if id_ not in there or id_ in young])
