"""The outbox of a repository: what is to be told, to whom, and how far that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunter.dataset.event import told_together
from bunter.errors import ConfigurationError
from bunter.registry.events import count_events, event_datasets, forget_events, read_events, write_events
from bunter.registry.subscriptions import (
    add_subscription,
    claim,
    note_failure,
    note_told,
    release,
    remove_subscription,
    subscriptions,
)
from bunter.values.instant import now_tai_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bunter.butler.repository import Repository
    from bunter.database import Database, Transaction
    from bunter.dataset.changes import Change
    from bunter.dataset.event import Event, RecordedEvent, Subscription
    from bunter.registry import Registry
    from bunter.values import Principal

__all__ = ["Outbox", "outbox_of"]

_HOLD_NS = 60 * 10**9


class Outbox:
    """Events of a repository, written in the transactions that they tell of, and what subscribers have been told.

    Parameters
    ----------
    database : Database
        Holds them.
    registry : Registry
        Knows what changes mean.
    """

    def __init__(self, database: Database, registry: Registry) -> None:
        self._database, self._registry = database, registry

    # ---- in the transaction of a writer

    def is_wanted(self, tx: Transaction) -> bool:
        """Whether anybody subscribes: the same throughout a transaction, so that it is asked once."""
        return self._registry.wants_events(tx)

    def hear(self, tx: Transaction, change: Change, result: Any) -> list[Event]:
        """Return what a change is to be told as, just after it, to those who subscribe."""
        return self._registry.tell(tx, change, result)

    def write(self, tx: Transaction, events: list[Event]) -> None:
        """Keep all events of this transaction."""
        write_events(tx, told_together(events))

    # ---- subscriptions

    @property
    def subscriptions(self) -> list[Subscription]:
        """All subscriptions, by name."""
        with self._database.read() as connection:
            return subscriptions(connection)

    @property
    def last_change(self) -> int:
        """Number of the last change."""
        from bunter.registry.mirror_source import last_change

        with self._database.read() as connection:
            return last_change(connection)

    def add(self, principal: Principal, subscription: Subscription) -> None:
        """Add a subscription; see `bunter.registry.subscriptions.add_subscription`."""
        with self._database.write() as tx:
            tx.next_change(principal, "events subscribe")
            add_subscription(tx, subscription)

    def remove(self, principal: Principal, name: str) -> None:
        """Remove a subscription; see `bunter.registry.subscriptions.remove_subscription`."""
        with self._database.write() as tx:
            tx.next_change(principal, "events unsubscribe")
            remove_subscription(tx, name)

    # ---- events

    def read(self, after: int, limit: int) -> list[RecordedEvent]:
        """Return events of later changes in order, whole changes only."""
        with self._database.read(snapshot=True) as connection:
            return read_events(connection, after, limit)

    def datasets(self, event: RecordedEvent) -> list[bytes]:
        """Return the ids of the datasets that an event of datasets added tells of."""
        with self._database.read() as connection:
            return event_datasets(connection, self._registry.roster(connection), event)

    def count(self, before: int) -> int:
        """Count events of before an instant (ns TAI) that everybody was told."""
        with self._database.read() as connection:
            return count_events(connection, before)

    def forget(self, before: int) -> int:
        """Remove events of before an instant (ns TAI) that everybody was told; return how many."""
        with self._database.write() as tx:
            return forget_events(tx, before)

    # ---- delivery: one holder at a time, so that nothing arrives out of order

    def claim(self, name: str, holder: str) -> Subscription | None:
        """Become the one who delivers to a subscription for a minute; None if somebody else is."""
        with self._database.write() as tx:
            now = now_tai_ns()
            return claim(tx, name, holder, now, now + _HOLD_NS)

    def told(self, name: str, holder: str, position: int) -> bool:
        """Note that everything up to a change was delivered, and hold on; False if somebody else holds it by now."""
        with self._database.write() as tx:
            return note_told(tx, name, holder, position, now_tai_ns() + _HOLD_NS)

    def failed(self, name: str, holder: str, problem: str, pause_s: float) -> None:
        """Note that a delivery failed, and when to try again."""
        with self._database.write() as tx:
            note_failure(tx, name, holder, problem, now_tai_ns() + int(pause_s * 1e9))

    def release(self, names: Iterable[str], holder: str) -> None:
        """Let others deliver."""
        with self._database.write() as tx:
            release(tx, names, holder)


def outbox_of(repository: Repository) -> Outbox:
    """Return the outbox of a repository.

    Raises
    ------
    ConfigurationError
        If it is not one of this machine, or shown as it was.
    """
    outbox = getattr(repository, "outbox", None)
    if not isinstance(outbox, Outbox) or hasattr(repository, "change"):
        raise ConfigurationError(
            "only the present state of a repository opened directly has events; open it without as_of"
        )
    return outbox
