"""Events brought to those who subscribe: in order, at least once, and later if they cannot be had now."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunter import effects
from bunter.butler.events.sinks import PULL, opened_sink
from bunter.values import Principal, new_nonce
from bunter.values.instant import now_tai_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bunter.butler.events.outbox import Outbox
    from bunter.butler.events.sinks import EventSink
    from bunter.dataset.event import Subscription

__all__ = ["Delivered", "Delivery"]

_BATCH = 500
_LONGEST_PAUSE_S = 300.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was delivered to a subscription.

    Parameters
    ----------
    name : str
        Its name.
    events : int
        Number of events that it took.
    problem : str
        Why it took no more; empty if there were no more.
    """

    name: str
    events: int = 0
    problem: str = ""


class Delivery:
    """Delivers the events of one repository.

    Parameters
    ----------
    outbox : Outbox
        Its events and subscriptions.
    source : str
        Its address, told with each event.
    """

    def __init__(self, outbox: Outbox, source: str) -> None:
        self._outbox, self._source = outbox, source
        self._holder = f"{Principal.current().host}:{os.getpid()}:{new_nonce()}"

    def deliver(self, names: Sequence[str] = (), *, tries: int = 3, only_due: bool = False) -> list[Delivered]:
        """Deliver all that is to be delivered now; each subscription by a thread of its own, so that none waits for others.

        Parameters
        ----------
        names : sequence of str, optional
            Subscriptions; all but those that fetch their events by default.
        tries : int, optional
            How often to try before a subscription is left for later.
        only_due : bool, optional
            Whether those that failed before wait until their pause is over, and those of others are left to them.
        """
        now = now_tai_ns()
        chosen = [
            each
            for each in self._outbox.subscriptions
            if each.sink != PULL and (not names or each.name in names) and not (only_due and self._waits(each, now))
        ]
        if len(chosen) < 2:
            return [self._deliver(each, tries) for each in chosen]
        with ThreadPoolExecutor(len(chosen), "bunter-events") as pool:
            return list(pool.map(lambda each: self._deliver(each, tries), chosen))

    def _waits(self, subscription: Subscription, now: int) -> bool:
        """Whether a subscription is to be left alone: after a failure, or because somebody else delivers to it."""
        is_held = subscription.held_until > now and subscription.holder != self._holder
        return is_held or subscription.next_try > now

    def _deliver(self, subscription: Subscription, tries: int) -> Delivered:
        if not self._outbox.read(subscription.position, 1):
            return Delivered(subscription.name)
        held = self._outbox.claim(subscription.name, self._holder)
        if held is None:
            return Delivered(subscription.name, 0, "another process delivers to it")
        told = 0
        try:
            sink = opened_sink(held)
            try:
                for sent in self._batches(held, sink, tries):
                    told += sent
            finally:
                sink.close()
        except Exception as exc:  # noqa: BLE001 - sinks are other people's; their events are kept for later
            problem = str(exc) or type(exc).__name__
            wanted = getattr(exc, "retry_after_s", None) or 0.0
            self._outbox.failed(held.name, self._holder, problem[:500], max(wanted, _pause_s(held.failures)))
            return Delivered(held.name, told, problem)
        self._outbox.release([held.name], self._holder)
        return Delivered(held.name, told)

    def _batches(self, held: Subscription, sink: EventSink, tries: int) -> Iterator[int]:
        """Send batch after batch; yield how many events each had."""
        position = held.position
        while events := self._outbox.read(position, _BATCH):
            wanted = [each.to_cloud_event(self._source) for each in events if held.wants(each.event)]
            if wanted:
                _send(sink, wanted, tries)
            position = events[-1].change
            if not self._outbox.told(held.name, self._holder, position):
                return
            yield len(wanted)


def _send(sink: EventSink, events: Sequence[dict[str, Any]], tries: int) -> None:
    for tried in range(1, tries + 1):
        try:
            sink.send(events)
        except Exception as exc:
            wanted = getattr(exc, "retry_after_s", None) or 0.0
            if tried == tries or wanted > _pause_s(tried):
                raise
            effects.sleep(max(wanted, _pause_s(tried - 1) / 4))
        else:
            return


def _pause_s(failures: int) -> float:
    """Time to wait after so many failures in a row, in seconds: twice as long each time, and never the same for two."""
    return min(_LONGEST_PAUSE_S, 2.0 ** min(failures, 10)) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
