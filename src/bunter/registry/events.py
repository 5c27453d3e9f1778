"""Events: rows written in the transaction that they tell of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bunter.dataset.event import Event, RecordedEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bunter.database import Connection, Transaction
    from bunter.registry.roster import Roster

__all__ = ["EVENT_TABLES", "count_events", "event_datasets", "forget_events", "read_events", "write_events"]

# ``mark`` lets what is tried again, such as a merge, be told once. ``problem`` and the two after it are about one delivery.
EVENT_TABLES = (
    (
        "CREATE TABLE event (change INTEGER NOT NULL, place INTEGER NOT NULL, kind TEXT NOT NULL, collection TEXT NOT NULL, "
        "mark TEXT NOT NULL UNIQUE, document TEXT NOT NULL, PRIMARY KEY (change, place)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE subscription (name TEXT NOT NULL PRIMARY KEY, sink TEXT NOT NULL, target TEXT NOT NULL, "
        "kinds TEXT NOT NULL, collections TEXT NOT NULL, position INTEGER NOT NULL, failures INTEGER NOT NULL, "
        "next_try INTEGER NOT NULL, problem TEXT NOT NULL, holder TEXT NOT NULL, held_until INTEGER NOT NULL) WITHOUT ROWID"
    ),
)

_FOR_EVER = 2**62
_DONE = (
    "change <= (SELECT COALESCE(min(position), ?) FROM subscription) "
    "AND change <= (SELECT COALESCE(max(n), 0) FROM change WHERE committed < ?)"
)


def write_events(tx: Transaction, events: Sequence[Event]) -> None:
    """Write events of this transaction, in order; those whose mark is known are left out."""
    if not events:
        return
    now = tx.next_change()
    first: int = tx.scratch.get("events", 0)
    tx.scratch["events"] = first + len(events)
    rows = [
        (now, place, event.kind, event.collection, event.mark or f"{now}.{place}", json.dumps(dict(event.document)))
        for place, event in enumerate(events, first)
    ]
    tx.executemany(
        "INSERT INTO event (change, place, kind, collection, mark, document) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (mark) DO NOTHING",
        rows,
    )


def read_events(connection: Connection, after: int, limit: int) -> list[RecordedEvent]:
    """Return events of the changes after one, in order: at least ``limit`` if there are so many, and never half a change."""
    last = connection.fetchone(
        "SELECT max(change) FROM (SELECT change FROM event WHERE change > ? ORDER BY change, place LIMIT ?) first",
        (after, limit),
    )
    if last is None or last[0] is None:
        return []
    found = connection.fetchall(
        'SELECT e.change, e.place, c.committed, c."user", c.host, c.command, e.kind, e.collection, e.document, e.mark '
        "FROM event e JOIN change c ON c.n = e.change WHERE e.change > ? AND e.change <= ? ORDER BY e.change, e.place",
        (after, last[0]),
    )
    return [
        RecordedEvent(change, place, time, user, host, command, Event(kind, collection, json.loads(document), mark))
        for change, place, time, user, host, command, kind, collection, document, mark in found
    ]


def event_datasets(connection: Connection, roster: Roster, recorded: RecordedEvent) -> list[bytes]:
    """Return the ids of all datasets that an event of datasets added is about, as far as they are still there."""
    event = recorded.event
    kind, run = roster.type_row(event.document["dataset_type"]), roster.collections.row(event.collection)
    sql = (
        f"SELECT d.id FROM {kind.layout.datasets} d JOIN dataset o ON o.id = d.id "
        "WHERE d.type = ? AND d.run = ? AND o.added = ? ORDER BY d.id"
    )
    return [id_ for (id_,) in connection.fetchall(sql, (kind.number, run.number, recorded.change))]


def forget_events(tx: Transaction, before: int) -> int:
    """Remove events of before an instant, ns TAI, that everybody has been told; return how many."""
    return int(tx.execute(f"DELETE FROM event WHERE {_DONE}", (_FOR_EVER, before)).rowcount)


def count_events(connection: Connection, before: int) -> int:
    """Count the events that `forget_events` would remove."""
    row = connection.fetchone(f"SELECT count(*) FROM event WHERE {_DONE}", (_FOR_EVER, before))
    assert row is not None, "a count has a row"
    return int(row[0])
