"""Who subscribes to events, and how far each one has been told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bunter.dataset.event import Subscription
from bunter.errors import SubscriptionError, near
from bunter.registry.living_universe import SUBSCRIBED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bunter.database import Connection, Transaction

__all__ = [
    "add_subscription",
    "claim",
    "note_failure",
    "note_told",
    "release",
    "remove_subscription",
    "subscriptions",
]

_SUBSCRIPTION = "name, sink, target, kinds, collections, position, failures, next_try, problem, holder, held_until"


def subscriptions(connection: Connection) -> list[Subscription]:
    """Return all subscriptions, by name."""
    rows = connection.fetchall(f"SELECT {_SUBSCRIPTION} FROM subscription ORDER BY name")
    return [_subscription(row) for row in rows]


def _subscription(row: Sequence[Any]) -> Subscription:
    name, sink, target, kinds, collections, *rest = row
    return Subscription(name, sink, target, tuple(json.loads(kinds)), tuple(json.loads(collections)), *rest)


def add_subscription(tx: Transaction, new: Subscription) -> None:
    """Add a subscription.

    Raises
    ------
    SubscriptionError
        If there is one of this name.
    """
    if any(known.name == new.name for known in subscriptions(tx)):
        raise SubscriptionError(
            f"there is a subscription {new.name!r} already; `bunter events unsubscribe REPO {new.name}` ends it"
        )
    row = (
        new.name,
        new.sink,
        new.target,
        json.dumps(new.kinds),
        json.dumps(new.collections),
        new.position,
        *(new.failures, new.next_try, new.problem, new.holder, new.held_until),
    )
    tx.bulk_insert("subscription", _SUBSCRIPTION.split(", "), [row])
    _tell_writers(tx)


def remove_subscription(tx: Transaction, name: str) -> None:
    """Remove a subscription.

    Raises
    ------
    SubscriptionError
        If there is none.
    """
    if not tx.execute("DELETE FROM subscription WHERE name = ?", (name,)).rowcount:
        known = [each.name for each in subscriptions(tx)]
        raise SubscriptionError(
            f"there is no subscription {name!r}{near(name, known)}; `bunter events subscriptions REPO` lists them"
        )
    _tell_writers(tx)


def _tell_writers(tx: Transaction) -> None:
    """Let those who write know, before their next transaction, whether anybody subscribes."""
    tx.execute("DELETE FROM attribute WHERE name = ?", (SUBSCRIBED,))
    if subscriptions(tx):
        tx.bulk_insert("attribute", ["name", "value"], [(SUBSCRIBED, "1")])
    tx.touch()


def claim(tx: Transaction, name: str, holder: str, now: int, until: int) -> Subscription | None:
    """Become the one who delivers to a subscription, until a time; None if another one is, or it is gone."""
    tx.execute(
        "UPDATE subscription SET holder = ?, held_until = ? WHERE name = ? AND (holder = ? OR held_until <= ?)",
        (holder, until, name, holder, now),
    )
    row = tx.fetchone(
        f"SELECT {_SUBSCRIPTION} FROM subscription WHERE name = ? AND holder = ?",
        (name, holder),
    )
    return None if row is None else _subscription(row)


def note_told(tx: Transaction, name: str, holder: str, position: int, until: int) -> bool:
    """Note that a subscription was told of all events up to a change; False if somebody else delivers by now."""
    done = tx.execute(
        "UPDATE subscription SET position = ?, failures = 0, next_try = 0, problem = '', held_until = ? "
        "WHERE name = ? AND holder = ? AND position <= ?",
        (position, until, name, holder, position),
    )
    return bool(done.rowcount)


def note_failure(tx: Transaction, name: str, holder: str, problem: str, next_try: int) -> None:
    """Note that a subscription could not be told, and give it up until the next try."""
    tx.execute(
        "UPDATE subscription SET failures = failures + 1, problem = ?, next_try = ?, held_until = 0 "
        "WHERE name = ? AND holder = ?",
        (problem, next_try, name, holder),
    )


def release(tx: Transaction, names: Iterable[str], holder: str) -> None:
    """Let others deliver."""
    tx.executemany(
        "UPDATE subscription SET holder = '', held_until = 0 WHERE name = ? AND holder = ?",
        [(name, holder) for name in names],
    )
