"""Events of a repository: who is told of them, what there was, and telling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bunter import effects
from bunter.butler.events.delivery import Delivered, Delivery
from bunter.butler.events.outbox import Outbox, outbox_of
from bunter.butler.events.sinks import PULL, check_sink
from bunter.dataset.event import Subscription, TellEvents
from bunter.errors import ReadOnlyError, SubscriptionError, near
from bunter.values import Principal, new_nonce
from bunter.values.instant import now_tai_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bunter.butler.session import Session
    from bunter.dataset import DatasetRef
    from bunter.dataset.event import Event, RecordedEvent

__all__ = ["Events"]

_BATCH = 500
_DAY_NS = 86_400 * 10**9


class Events:
    """What `Butler.events` offers.

    Events are kept from the first subscription on, until they were delivered to all and `forget` removes them.

    Parameters
    ----------
    session : Session
        The repository.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def subscribe(
        self,
        name: str,
        sink: str = PULL,
        target: str = "",
        *,
        kinds: Iterable[str] = (),
        collections: Iterable[str] = (),
        after: int | Literal["now"] = "now",
        dry_run: bool = False,
    ) -> Subscription:
        """Let events be kept, and be told to somebody.

        Parameters
        ----------
        name : str
            What the subscription is called.
        sink : str, optional
            ``file``, ``webhook``, the name of an entry point ``bunter.event_sinks``; or ``pull``: fetched with `follow`.
        target : str, optional
            Path or address.
        kinds, collections : iterable of str, optional
            Patterns of the events wanted, such as ``run.*``, and of their runs and collections; all by default.
        after : int or "now"
            Number of the change after which events are told; 0 for all that are still kept.
        dry_run : bool
            Whether only to check.

        Raises
        ------
        SubscriptionError
            If it cannot be, or there is one of this name.
        """
        outbox = outbox_of(self._session.repository)
        place = str(Path(target).absolute()) if sink == "file" and target else target
        position = outbox.last_change if after == "now" else after
        made = Subscription(name, sink, place, tuple(kinds), tuple(collections), position)
        check_sink(made)
        if dry_run:
            if any(known.name == name for known in outbox.subscriptions):
                raise SubscriptionError(f"there is a subscription {name!r} already; choose another name")
            return made
        self._require_writing()
        outbox.add(self._session.principal, made)
        return made

    def unsubscribe(self, name: str) -> None:
        """Forget a subscription; events are no longer kept once there is none."""
        self._require_writing()
        outbox_of(self._session.repository).remove(self._session.principal, name)

    @property
    def subscriptions(self) -> list[Subscription]:
        """All subscriptions, by name, and how far each is."""
        return outbox_of(self._session.repository).subscriptions

    def get(self, name: str) -> Subscription:
        """Return a subscription.

        Raises
        ------
        SubscriptionError
            If there is none.
        """
        known = {each.name: each for each in self.subscriptions}
        if name not in known:
            raise SubscriptionError(
                f"there is no subscription {name!r}{near(name, known)}; `bunter events subscriptions REPO` lists them"
            )
        return known[name]

    def query(
        self,
        kinds: Iterable[str] = (),
        collections: Iterable[str] = (),
        *,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[RecordedEvent]:
        """Yield the events that are kept, the oldest first.

        Parameters
        ----------
        kinds, collections : iterable of str, optional
            Patterns, as for `subscribe`.
        after : int, optional
            Number of a change: only events of later ones.
        limit : int, optional
            At most so many.
        """
        wanted = Subscription("query", PULL, "", tuple(kinds), tuple(collections))
        outbox, count = outbox_of(self._session.repository), 0
        while events := outbox.read(after, _BATCH):
            after = events[-1].change
            for each in events:
                if limit is not None and count >= limit:
                    return
                if wanted.wants(each.event):
                    count += 1
                    yield each

    def follow(self, name: str, *, pause_s: float = 1.0, limit_s: float | None = None) -> Iterator[RecordedEvent]:
        """Yield the events of a subscription as they come; those of a change count as told when the next one is asked for.

        So whoever dies while working on an event gets it, and the others of its change, again.

        Parameters
        ----------
        name : str
            A subscription whose sink is ``pull``.
        pause_s : float, optional
            Time between two looks, in seconds.
        limit_s : float, optional
            How long to wait for another event, in seconds; without it, for ever. 0 takes what is there.

        Raises
        ------
        SubscriptionError
            If there is no such subscription, or another process follows it.
        """
        outbox, known = outbox_of(self._session.repository), self.get(name)
        if known.sink != PULL:
            raise SubscriptionError(
                f"the events of {name!r} are sent by {known.sink}; only those of a pull are followed"
            )
        self._require_writing()
        holder = f"{Principal.current().host}:{new_nonce()}"
        try:
            position, since = known.position, effects.monotonic()
            while True:
                if not (events := outbox.read(position, _BATCH)):
                    if limit_s is not None and effects.monotonic() - since >= limit_s:
                        return
                    effects.sleep(pause_s if limit_s is None else min(pause_s, limit_s))
                    continue
                held = outbox.claim(name, holder)
                if held is None:
                    raise SubscriptionError(f"another process follows {name!r}; subscribe under another name")
                yield from self._of(held, [each for each in events if each.change > held.position], holder)
                position, since = max(events[-1].change, held.position), effects.monotonic()
        finally:
            outbox.release([name], holder)

    def _of(self, held: Subscription, events: Sequence[RecordedEvent], holder: str) -> Iterator[RecordedEvent]:
        outbox = outbox_of(self._session.repository)
        for place, each in enumerate(events):
            if held.wants(each.event):
                yield each
            is_last = place + 1 == len(events) or events[place + 1].change != each.change
            if is_last and not outbox.told(held.name, holder, each.change):
                raise SubscriptionError(f"{held.name!r} was idle for too long, and another process follows it now")

    def datasets(self, event: RecordedEvent) -> list[DatasetRef]:
        """Return all datasets that an event ``datasets.added`` tells of and that are still there; it names the first only."""
        if event.event.kind != "datasets.added":
            raise SubscriptionError(f"{event.id} is {event.event.kind}; only datasets.added has datasets to be had")
        outbox = outbox_of(self._session.repository)
        found = self._session.repository.identify(self._session.principal, outbox.datasets(event))
        return [ref for ref in found if ref is not None]

    def tell(self, *events: Event) -> None:
        """Keep events of one's own making, if anybody subscribes; those whose mark is known are told no second time."""
        if events and self.is_wanted:
            self._session.commit([TellEvents(events)])

    @property
    def is_wanted(self) -> bool:
        """Whether anybody subscribes; nobody does where there are no events."""
        outbox = getattr(self._session.repository, "outbox", None)
        return isinstance(outbox, Outbox) and bool(outbox.subscriptions)

    def deliver(self, *names: str, tries: int = 3) -> list[Delivered]:
        """Bring what is due to the sinks of subscriptions; of one that fails the rest stays for later.

        Parameters
        ----------
        *names : str
            Subscriptions; all by default.
        tries : int, optional
            How often to try each.
        """
        for name in names:
            self.get(name)
        self._require_writing()
        return self._delivery().deliver(names, tries=tries)

    def keep_delivering(self, *names: str, pause_s: float = 1.0) -> Iterator[list[Delivered]]:
        """Deliver for ever; yield what was done whenever anything was."""
        for name in names:
            self.get(name)
        self._require_writing()
        delivery = self._delivery()
        while True:
            done = [each for each in delivery.deliver(names, tries=1, only_due=True) if each.events or each.problem]
            if done:
                yield done
            effects.sleep(pause_s)

    def _delivery(self) -> Delivery:
        return Delivery(outbox_of(self._session.repository), self._session.facts.location)

    def forget(self, older_than_days: float, *, dry_run: bool = False) -> int:
        """Remove events that are older and were told to all who subscribe; return how many."""
        outbox = outbox_of(self._session.repository)
        before = now_tai_ns() - int(older_than_days * _DAY_NS)
        return outbox.count(before) if dry_run else outbox.forget(before)

    def waiting(self, name: str) -> int:
        """Return how many events a subscription has not been told of yet; those that it does not want count not."""
        known = self.get(name)
        return sum(1 for _ in self.query(known.kinds, known.collections, after=known.position))

    def _require_writing(self) -> None:
        if not self._session.repository.writeable:
            location = self._session.facts.location
            raise ReadOnlyError(f"{location} is open for reading, and what was told is noted; open it for writing")
